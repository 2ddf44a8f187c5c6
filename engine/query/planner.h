// Which rows a query has to look at.
//
// A condition is split into what indices answer, as a tree of lookups and ranges of terms, and what
// is left to be checked on each document. A condition that no index helps with means a scan. Sound
// by construction: every row that satisfies the condition is among the rows of the tree, and the
// residual decides the rest.
//
// What depends on the data is not decided here: whether a range is read or checked, and whether an
// order is walked or sorted, the one who runs the plan decides by the sizes that he meets
// (engine/row_finder.h, engine/query_runner.h).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/index/term_index.h"

namespace aurora {

// An index that a plan may use. Every row has a term in it: its value, null if it has none, or for
// an array each of its items; but a unique index has no term for null.
struct PlannerIndex {
  std::string_view field;  // lives as long as what the plan is made from
  bool ready = true;       // else it does not hold every document, and is of no use yet
  bool unique = false;
  bool array = false;     // terms are items
  bool required = false;  // no row lacks a value
};

// The rows that an index has for any of some terms or for a range of them, or the intersection or
// union of such sets.
struct RowsNode {
  enum class Kind { kLookup, kRange, kAnd, kOr };
  Kind kind = Kind::kLookup;
  std::vector<RowsNode> children;  // of kAnd, kOr
  std::size_t index = 0;           // of kLookup, kRange: its number
  std::vector<std::string> terms;  // of kLookup; none: no rows
  index::TermRange range;          // of kRange
  Expression condition;            // of kLookup, kRange: what it answers, in full
};

struct AccessPlan {
  bool scan = true;  // look at every row; `rows` is then unused
  RowsNode rows;
  Expression residual;  // MatchesAll() if the rows are exactly the answer
  // The number of an index in whose order rows are in the order of the first sort key.
  std::optional<std::size_t> order_index;
  // The number of an index that has, for each value that groups are by, the rows that have it.
  std::optional<std::size_t> group_index;
};

AccessPlan PlanAccess(const QuerySpec& spec, std::span<const PlannerIndex> indices);

// For people: `city == "Bern" & (status == "new" | age between 3 and 5)`.
std::string ToString(const RowsNode& rows);

}  // namespace aurora
