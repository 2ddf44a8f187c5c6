// How a query was answered.
#pragma once

#include <cstdint>
#include <string>

namespace aurora {

// With figures from running it.
struct QueryPlan {
  std::string query;   // in the text form
  std::string access;  // `index: city = "Bern" & status = "open"` or `scan of products`
  std::string filter;  // what was checked on each document; "none" if nothing was left
  std::string order;   // "insertion", "sort by price desc", "top 10 by price desc"
  std::uint64_t estimated_rows =
      0;  // that the access would give; for a scan, the rows ever inserted
  std::uint64_t candidate_rows = 0;  // that it did give
  std::uint64_t documents_read = 0;  // of those, how many were looked at
  std::uint64_t hot_tier_hits = 0;   // of those, how many were found in the hot tier
  std::uint64_t matched_rows = 0;    // that satisfied the condition, as far as was looked
  std::uint64_t returned_rows = 0;
  std::int64_t plan_nanos = 0;
  std::int64_t run_nanos = 0;

  // For people: one property a line.
  std::string ToString() const;
};

}  // namespace aurora
