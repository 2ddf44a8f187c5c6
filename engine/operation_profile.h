// What one operation on a database cost, told to whoever asks: pass a pointer to a profile with
// ReadOptions, WriteOptions or Query::Profile.
#pragma once

#include <cstdint>

#include "aurora/lsm/operation_profile.h"

namespace aurora {

// Of an operation, what all its reads and its commit cost in the store, and what is above that. See
// lsm/operation_profile.h for the figures of the store, and for how a profile is used.
struct OperationProfile : lsm::OperationProfile {
  std::uint64_t documents_read = 0;
  std::uint64_t hot_tier_hits = 0;  // of those, documents that the hot tier had

  void Add(const OperationProfile& other) {
    lsm::OperationProfile::Add(other);
    documents_read += other.documents_read;
    hot_tier_hits += other.hot_tier_hits;
  }
};

}  // namespace aurora
