#include "aurora/engine/query_plan.h"

#include "aurora/runtime/strings.h"

namespace aurora {

std::string QueryPlan::ToString() const {
  // Whole microseconds: the rest is noise.
  const auto micros = [](std::int64_t nanos) { return (nanos + 500) / 1000; };
  return StrCat("query     ", query, "\naccess    ", access, "\nfilter    ", filter, "\norder     ",
                order, "\nrows      ", estimated_rows, " estimated, ", candidate_rows, " found, ",
                matched_rows, " matched, ", returned_rows, " returned", "\ndocuments ",
                documents_read, " read, ", hot_tier_hits, " of them from the hot tier",
                "\ntime      ", micros(plan_nanos), " us to plan, ", micros(run_nanos),
                " us to run\n");
}

}  // namespace aurora
