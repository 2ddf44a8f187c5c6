// Values that are written and read in parts, whatever their size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// A large value that was written, and waits to be committed. What it stands for is kept until it is
// destroyed, or for good once a commit has claimed it; it must live until that Commit completes,
// and be gone before the store is closed.
class StagedValue {
 public:
  virtual ~StagedValue() = default;
  // What a Mutation of EntryKind::kSeparatedPut has as its value. The record must hold it, so that
  // replay gives the same mutation. One mutation may claim it, once. Some 36 bytes.
  virtual std::string_view claim() const = 0;
  virtual std::uint64_t size_bytes() const = 0;
};

// Writes a value in parts, of any size, of which it keeps some hundred KiB in memory at most. One
// user at a time. After an error it is of no more use. Destroyed before Finish has succeeded it
// leaves nothing; it must be gone before the store is closed.
class ValueWriter {
 public:
  virtual ~ValueWriter() = default;
  // `part` must live until the task completes.
  virtual Task<absl::Status> Append(std::string_view part) = 0;
  // Makes the value durable. InvalidArgument if it has no bytes. Nothing may be called after it.
  virtual Task<absl::StatusOr<std::unique_ptr<StagedValue>>> Finish() = 0;
};

// Reads a value in parts. Holds what it reads, like an iterator. Any number of calls at a time.
class ValueReader {
 public:
  virtual ~ValueReader() = default;
  virtual std::uint64_t size_bytes() const = 0;
  // The bytes from `offset` on, as many as there are and `out` has room for; how many. Of a value
  // in a value file, what is read of the device is checked, and is at most 128 KiB more.
  virtual Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset, std::span<char> out) = 0;
};

}  // namespace aurora::lsm
