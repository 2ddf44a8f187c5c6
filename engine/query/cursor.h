// Where a page of results ended, so that the next one goes on there.
//
// A cursor names the last document by what the query sorts by and by its row, not by how many came
// before it: so pages neither skip nor repeat what stays as it was, whatever else is inserted,
// changed or deleted between them. A document that changes what it is sorted by moves, and may be
// met again or missed, as it would be by anybody who reads a list that changes.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/index/row_set.h"

namespace aurora {

struct QueryCursor {
  std::string sort_key;  // one key for all sort keys, in their directions
  index::RowId row = 0;
};

// As text that is safe in URLs, and holds for queries of the same collection and order.
std::string EncodeCursor(const QuerySpec& spec, const QueryCursor& cursor);
// InvalidArgument if `text` is no cursor, or one of another query.
absl::StatusOr<QueryCursor> DecodeCursor(const QuerySpec& spec, std::string_view text);

}  // namespace aurora
