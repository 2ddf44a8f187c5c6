// What a query asks, apart from any database: the builder of engine/query.h and the text form both
// make one.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "aurora/engine/query/aggregate.h"
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
  // A cursor (cursor.h): only what comes behind it. Empty: from the beginning. No part of the text
  // form.
  std::string after;
  std::vector<FieldPath> select;  // empty: whole documents
  // With either of these, results are groups, not documents (aggregate.h): `select` is empty, and
  // order, offset and limit are of the groups, by the names of their results.
  std::vector<FieldPath> group_by;
  std::vector<AggregateSpec> aggregates;

  bool groups() const { return !group_by.empty() || !aggregates.empty(); }
};

// In the text form.
std::string ToString(const QuerySpec& spec);

}  // namespace aurora
