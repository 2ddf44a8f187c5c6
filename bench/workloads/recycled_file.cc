#include "aurora/bench/workloads/recycled_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace aurora::bench {
namespace {

constexpr std::uint64_t kBlocks = 4096;  // 16 MiB

void Check(bool good, const char* what) {
  if (good) return;
  std::perror(what);
  std::exit(1);
}

const char* Block() {
  alignas(RecycledFile::kBlockBytes) static std::array<char, RecycledFile::kBlockBytes> block{'a'};
  return block.data();
}

}  // namespace

RecycledFile::RecycledFile(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600)) {
  Check(file_ >= 0, path_.c_str());
  for (std::uint64_t i = 0; i < kBlocks; ++i) {
    Check(::write(file_, Block(), kBlockBytes) == static_cast<ssize_t>(kBlockBytes), "write");
  }
  Check(::fsync(file_) == 0 && ::close(file_) == 0, "fsync");
  file_ = ::open(path_.c_str(), O_WRONLY | O_DIRECT | O_DSYNC);
  if (file_ < 0) file_ = ::open(path_.c_str(), O_WRONLY | O_DSYNC);  // tmpfs has no direct I/O
  Check(file_ >= 0, path_.c_str());
}

RecycledFile::~RecycledFile() {
  ::close(file_);
  ::unlink(path_.c_str());
}

void RecycledFile::WriteSynced() {
  const auto offset = static_cast<off_t>(next_++ % kBlocks * kBlockBytes);
  Check(::pwrite(file_, Block(), kBlockBytes, offset) == static_cast<ssize_t>(kBlockBytes),
        "synced write");
}

}  // namespace aurora::bench
