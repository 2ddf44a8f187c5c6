// Which rows a query has to look at.
//
// A condition is split into what the equality and unique indices answer, as a tree of bitmap
// lookups, and what is left to be checked on each document. A condition that no index helps with
// means a scan. Sound by construction: every row that satisfies the condition is among the rows of
// the tree, and the residual decides the rest.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "aurora/engine/document/value.h"
#include "aurora/engine/query/expression.h"

namespace aurora {

// An index that a plan may use. Every row has a term in it: its value, null if it has none, or for
// an array each of its items.
struct PlannerIndex {
  std::string field;
  bool unique = false;
  bool array = false;  // terms are items
};

// The rows that an index has for any of some values, or the intersection or union of such sets.
struct RowsNode {
  enum class Kind { kLookup, kAnd, kOr };
  Kind kind = Kind::kLookup;
  std::vector<RowsNode> children;  // of kAnd, kOr
  PlannerIndex index;              // of kLookup
  std::vector<Value> values;       // of kLookup; none: no rows
};

struct AccessPlan {
  bool scan = true;  // look at every row; `rows` is then unused
  RowsNode rows;
  Expression residual;  // MatchesAll() if the rows are exactly the answer
};

AccessPlan PlanAccess(const Expression& where, std::span<const PlannerIndex> indices);

// For people: `city = "Bern" & (status = "new" | status = "open")`.
std::string ToString(const RowsNode& rows);

}  // namespace aurora
