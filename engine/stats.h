// What a database knows of itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "aurora/lsm/store.h"

namespace aurora {

struct HotTierStats {
  std::uint64_t document_count = 0;
  std::size_t bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
};

struct MemoryUseStats {
  std::string use;
  std::size_t bytes = 0;
};

struct DatabaseStats {
  int collection_count = 0;
  std::size_t memory_limit_bytes = 0;
  std::vector<MemoryUseStats> memory;  // by use, all of them
  HotTierStats hot_tier;
  lsm::StoreStats store;
};

}  // namespace aurora
