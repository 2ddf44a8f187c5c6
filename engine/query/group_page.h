// The results of a query that groups: their names, order and page.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/query/query_spec.h"

namespace aurora {

// InvalidArgument: two results of a group would have one name; or the order is by what no result
// is.
absl::Status CheckGroupResults(const QuerySpec& spec);

// Orders and cuts groups, which are in the order of their keys, as `spec` asks,
// which CheckGroupResults has accepted.
void PageGroups(const QuerySpec& spec, std::vector<Object>* groups);

}  // namespace aurora
