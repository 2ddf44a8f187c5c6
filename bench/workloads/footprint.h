// What a workload costs the disk.
#pragma once

#include <cstdint>
#include <string>

namespace aurora::bench {

// Bytes that this process has had written to devices, or made dirty in the page cache, so far.
std::uint64_t BytesWritten();

// The blocks that the files below `directory` hold, in bytes: preallocated ones included, holes
// not.
std::uint64_t DiskBytes(const std::string& directory);

}  // namespace aurora::bench
