// The disk that a crash leaves behind.
#pragma once

#include <cstdint>
#include <vector>

#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/disk_image.h"

namespace aurora {

// A write of which the disk may know at the crash though nobody has been told that it completed: in
// flight, or stored into a mapped region and not published.
struct LooseWrite {
  NodeId node = 0;
  std::uint64_t offset = 0;
  std::span<const char> bytes;
};

// The image after a crash in `mode`. `loose` are un-synced writes that came after all others. What
// survives is drawn from `seed`; equal arguments give equal images. Nodes without a name are gone.
//
// After a crash of the machine nothing is pending. After the death of the process everything that
// was written is there, of each of `loose` nothing, all, or a part, torn at any byte, and un-synced
// changes are still pending.
DiskImage AfterCrash(const DiskImage& image, const std::vector<LooseWrite>& loose,
                     const CrashMode& mode, std::uint64_t seed);

}  // namespace aurora
