// A File in memory for tests of formats: its bytes can be damaged at will, its reads counted and
// made to fail.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// What a MemoryFile holds; outlives it.
struct MemoryFileState {
  std::string bytes;
  bool direct = false;
  bool is_slow = false;  // reads answer from a coroutine, not at once
  bool fail_writes = false;
  bool fail_sync = false;
  std::optional<int> reads_until_failure;
  int read_count = 0;
  std::uint64_t read_bytes = 0;
  int write_count = 0;
  int sync_count = 0;
  std::size_t synced_bytes = 0;
};

// One user at a time.
class MemoryFile final : public File {
 public:
  explicit MemoryFile(MemoryFileState* state)
      : File("/test/000007.table", state->direct), state_(*state) {}

  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset,
                                                             std::span<char> buffer) override {
    if (state_.is_slow) return ReadLater(offset, buffer);
    return ReadNow(offset, buffer);
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Write(std::uint64_t offset,
                                               std::span<const char> bytes) override {
    CheckAlignment(offset, bytes.data(), bytes.size());
    ++state_.write_count;
    if (state_.fail_writes) return UnavailableError("write failed");
    state_.bytes.resize(std::max(state_.bytes.size(), offset + bytes.size()));
    std::memcpy(state_.bytes.data() + offset, bytes.data(), bytes.size());
    return absl::OkStatus();
  }
  AURORA_TASK_WRAPPER Task<absl::Status> WriteDurably(std::uint64_t,
                                                      std::span<const char>) override {
    return UnimplementedError("");
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Sync() override {
    ++state_.sync_count;
    if (state_.fail_sync) return UnavailableError("sync failed");
    state_.synced_bytes = state_.bytes.size();
    return absl::OkStatus();
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Truncate(std::uint64_t) override {
    return UnimplementedError("");
  }
  AURORA_TASK_WRAPPER Task<absl::Status> Allocate(std::uint64_t) override {
    return UnimplementedError("");
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::uint64_t>> Size() override {
    return absl::StatusOr<std::uint64_t>(state_.bytes.size());
  }
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::unique_ptr<MappedRegion>>> Map(
      std::size_t) override {
    return absl::StatusOr<std::unique_ptr<MappedRegion>>(UnimplementedError(""));
  }

 private:
  Task<absl::StatusOr<std::size_t>> ReadLater(std::uint64_t offset, std::span<char> buffer) {
    co_return ReadNow(offset, buffer);
  }
  absl::StatusOr<std::size_t> ReadNow(std::uint64_t offset, std::span<char> buffer) {
    CheckAlignment(offset, buffer.data(), buffer.size());
    ++state_.read_count;
    if (state_.reads_until_failure.has_value() && (*state_.reads_until_failure)-- <= 0) {
      return UnavailableError("read ", path(), " at offset ", offset, ": Input/output error");
    }
    const std::size_t begin = std::min<std::size_t>(offset, state_.bytes.size());
    const std::size_t count = std::min(buffer.size(), state_.bytes.size() - begin);
    state_.read_bytes += count;
    std::memcpy(buffer.data(), state_.bytes.data() + begin, count);
    return count;
  }
  void CheckAlignment(std::uint64_t offset, const void* data, std::size_t size) const {
    if (!state_.direct) return;
    AURORA_CHECK(offset % kDeviceBlockSize == 0 && size % kDeviceBlockSize == 0);
    AURORA_CHECK(reinterpret_cast<std::uintptr_t>(data) % kDeviceBlockSize == 0);
  }

  MemoryFileState& state_;
};

}  // namespace aurora::lsm
