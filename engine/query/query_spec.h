// What a query asks, apart from any database: the builder of engine/query.h and the text form both
// make one.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "aurora/engine/query/expression.h"

namespace aurora {

enum class Direction : std::uint8_t { kAscending, kDescending };

// Missing and null come first in ascending order. Ties, and queries without an order, are in the
// order of insertion.
struct SortKey {
  FieldPath path;
  Direction direction = Direction::kAscending;
};

struct QuerySpec {
  std::string collection;
  Expression where;
  std::vector<SortKey> order_by;
  std::uint64_t offset = 0;
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();  // the default: no limit
  std::vector<FieldPath> select;                                    // empty: whole documents
};

// In the text form.
std::string ToString(const QuerySpec& spec);

}  // namespace aurora
