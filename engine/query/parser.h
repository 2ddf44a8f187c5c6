// The text form of queries, for command lines and logs:
//
//   products where price < 100 and tags any "lamp" order by price desc, name limit 10 select name
//   products where in_stock = true group by maker select count(), avg(price) as mean order by mean
//
// docs/query-language.md has the grammar.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/query_spec.h"

namespace aurora {

struct QueryTextLimits {
  std::size_t text_bytes = 1u << 20;
  ExpressionLimits expression;
};

// InvalidArgument with line, column, what was expected and what was found. Uses stack in proportion
// to limits.expression.depth.
absl::StatusOr<QuerySpec> ParseQuery(std::string_view text, const QueryTextLimits& limits = {});

// A condition alone: what may follow "where".
absl::StatusOr<Expression> ParseCondition(std::string_view text,
                                          const QueryTextLimits& limits = {});

}  // namespace aurora
