// Where the blocks that a read or a walk went through came from. A read from a value file counts as
// a block, whatever it reads.
#pragma once

#include <cstdint>

namespace aurora::lsm {

// Not thread-safe.
struct BlockSources {
  std::uint64_t cache = 0;
  std::uint64_t device = 0;
  std::uint64_t device_bytes = 0;  // those that were read ahead included
};

}  // namespace aurora::lsm
