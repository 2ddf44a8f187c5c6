#include "aurora/bench/workloads/raw_reads.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {

AlignedBuffer MakeAlignedBuffer(std::size_t size) {
  AlignedBuffer buffer(
      static_cast<char*>(::operator new(size, std::align_val_t(kDirectAlignment))));
  std::memset(buffer.get(), 'x', size);
  return buffer;
}

void WriteIncompressibleFile(const std::string& path, std::uint64_t bytes, std::uint64_t seed) {
  constexpr std::size_t kChunk = 1 << 20;
  SeededRandom random(seed);
  const AlignedBuffer chunk = MakeAlignedBuffer(kChunk);
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
  AURORA_CHECK(fd >= 0);
  for (std::uint64_t offset = 0; offset < bytes; offset += kChunk) {
    for (std::size_t i = 0; i < kChunk; i += 8) {
      const std::uint64_t value = random.Next64();
      std::memcpy(chunk.get() + i, &value, sizeof value);
    }
    AURORA_CHECK(::pwrite(fd, chunk.get(), kChunk, static_cast<off_t>(offset)) == kChunk);
  }
  AURORA_CHECK(::fsync(fd) == 0);
  ::close(fd);
}

RawReads::RawReads(const std::string& path, unsigned depth, std::size_t block_bytes)
    : fd_(::open(path.c_str(), O_RDONLY | O_DIRECT | O_CLOEXEC)),
      depth_(depth),
      block_bytes_(block_bytes),
      buffers_(MakeAlignedBuffer(depth * block_bytes)) {
  AURORA_CHECK(fd_ >= 0);
  io_uring_params params = {};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  AURORA_CHECK(io_uring_queue_init_params(std::max(depth, 8u), &ring_, &params) == 0);
}

RawReads::~RawReads() {
  io_uring_queue_exit(&ring_);
  ::close(fd_);
}

void RawReads::Run(const std::vector<std::uint64_t>& offsets) {
  std::size_t next = 0;
  std::size_t done = 0;
  const auto start = [&](std::uint64_t slot) {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    io_uring_prep_read(entry, fd_, buffers_.get() + slot * block_bytes_,
                       static_cast<unsigned>(block_bytes_), offsets[next++]);
    entry->user_data = slot;
  };
  for (unsigned slot = 0; slot < depth_ && next < offsets.size(); ++slot) start(slot);
  while (done < offsets.size()) {
    AURORA_CHECK(io_uring_submit_and_wait(&ring_, 1) >= 0);
    io_uring_cqe* completion;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(&ring_, head, completion) {
      AURORA_CHECK(completion->res == static_cast<int>(block_bytes_));
      ++count;
      if (next < offsets.size()) start(completion->user_data);
    }
    io_uring_cq_advance(&ring_, count);
    done += count;
  }
}

}  // namespace aurora::bench
