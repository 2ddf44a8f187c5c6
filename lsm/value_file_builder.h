// Writes a value file (value_format.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/stream_hash.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct ValueFileBuilderOptions {
  TableIdentity identity = {};
  std::uint64_t id = 0;  // of the value file
  Compression compression = Compression::kLz4;
  std::size_t write_bytes = 256u << 10;  // written at a time; a multiple of kDeviceBlockSize
  MemoryBudget* memory = nullptr;        // charged (kInFlight) for what the builder holds
};

struct ValueFileSummary {
  std::uint64_t file_bytes = 0;
  std::uint64_t file_hash = 0;  // XXH3-64 of the whole file
  std::uint64_t value_count = 0;
  std::uint64_t stored_bytes = 0;  // of all values
};

// One user at a time. Memory: about twice write_bytes, a few pieces and the index; all charged.
//
// After an error every later call returns the same one; the file is then garbage, for the caller to
// remove. Destroying an unfinished builder abandons the file likewise; no call may be in flight.
class ValueFileBuilder {
 public:
  // `file` is empty and writable. The builder closes it when it is destroyed.
  ValueFileBuilder(std::unique_ptr<File> file, const ValueFileBuilderOptions& options);
  ValueFileBuilder(const ValueFileBuilder&) = delete;
  ValueFileBuilder& operator=(const ValueFileBuilder&) = delete;
  ~ValueFileBuilder();

  // Adds a value, which is not empty, under the next number; `value` must live until the task
  // completes.
  Task<absl::StatusOr<ValueHandle>> Add(std::string_view value);

  // The same in parts: any number of Appends, then EndValue. ResourceExhausted once the file has
  // as many values or pieces as its index can name.
  Task<absl::Status> Append(std::string_view part);
  // REQUIRES that at least one byte was appended.
  Task<absl::StatusOr<ValueHandle>> EndValue();

  // Copies a value from another file, as it is stored there, under the number that it has: `stored`
  // are the bytes of `pieces`, which CheckStoredBlock has found right. In parts, if there are many:
  // `first` with the first of them. REQUIRES that the number is above all before.
  Task<absl::Status> AddStored(std::uint32_t number, bool first, ValueIndex::Pieces pieces,
                               std::string_view stored);

  // Writes what is left and makes the file durable; its name is the caller's to make durable
  // (SyncDirectory). REQUIRES at least one value, none in progress, and no call after it.
  Task<absl::StatusOr<ValueFileSummary>> Finish();

  std::uint64_t file_bytes() const { return written_bytes_ + output_.size(); }
  // Of the next value that is added.
  std::uint32_t next_number() const { return static_cast<std::uint32_t>(next_number_); }

 private:
  void BeginValue(std::uint32_t number);
  ValueHandle CloseValue();
  void AppendPiece(std::string_view raw);
  void AppendOutput(std::string_view bytes);
  absl::Status CheckRoom();
  void AppendMetadata();
  Task<absl::Status> WriteIfFull();
  Task<absl::Status> Write();
  void UpdateCharge();

  const std::unique_ptr<File> file_;
  const ValueFileBuilderOptions options_;
  absl::Status status_;
  bool finished_ = false;

  ValueIndexBuilder index_;
  std::uint64_t next_number_ = 0;
  std::uint64_t piece_count_ = 0;
  std::uint64_t stored_bytes_ = 0;
  // Of the value in progress.
  bool in_value_ = false;
  std::uint64_t value_bytes_ = 0;
  std::uint64_t value_begin_ = 0;
  std::string piece_;  // what does not fill one yet

  std::string compressed_;  // scratch
  std::string stored_;      // scratch
  AlignedBuffer output_;    // not yet written
  std::uint64_t written_bytes_ = 0;
  StreamHash hash_;  // of all that went through output_
  MemoryBudget::Charge charge_;
};

}  // namespace aurora::lsm
