// What the device does when nothing is above it: random reads through a hand-written loop over
// io_uring. The measure for gets from the device.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

namespace aurora::bench {

// Memory that direct I/O takes.
inline constexpr std::size_t kDirectAlignment = 4096;
struct AlignedDelete {
  void operator()(char* memory) const {
    ::operator delete(memory, std::align_val_t(kDirectAlignment));
  }
};
using AlignedBuffer = std::unique_ptr<char, AlignedDelete>;
AlignedBuffer MakeAlignedBuffer(std::size_t size);

// Makes a file of `bytes`, a multiple of 1 MiB, that no device can compress or deduplicate, and has
// it written to the device. Failures end the program.
void WriteIncompressibleFile(const std::string& path, std::uint64_t bytes, std::uint64_t seed);

// Reads blocks of one file, `depth` in flight, past the page cache. Failures end the program. One
// user at a time.
class RawReads {
 public:
  RawReads(const std::string& path, unsigned depth, std::size_t block_bytes);
  ~RawReads();
  RawReads(const RawReads&) = delete;
  RawReads& operator=(const RawReads&) = delete;

  // Returns when all blocks at `offsets`, multiples of kDirectAlignment, were read.
  void Run(const std::vector<std::uint64_t>& offsets);

 private:
  const int fd_;
  io_uring ring_;
  const unsigned depth_;
  const std::size_t block_bytes_;
  const AlignedBuffer buffers_;
};

}  // namespace aurora::bench
