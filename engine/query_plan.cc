#include "aurora/engine/query_plan.h"

#include "aurora/runtime/strings.h"

namespace aurora {

std::string QueryPlan::ToString() const {
  const auto micros = [](std::int64_t nanos) { return static_cast<double>(nanos) / 1000; };
  return StrCat("query     ", query, "\naccess    ", access, "\nfilter    ", filter, "\norder     ",
                order, "\nrows      ", estimated_rows, " estimated, ", candidate_rows, " found, ",
                matched_rows, " matched, ", returned_rows, " returned", "\ndocuments ",
                documents_read, " read, ", hot_tier_hits, " of them from the hot tier",
                "\ntime      ", micros(plan_nanos), " us to plan, ", micros(run_nanos),
                " us to run\n");
}

}  // namespace aurora
