// Tables to be ingested (Store::Ingest).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// A table that is written beside the commits, to be ingested by one (Store::Ingest): puts of one
// keyspace, in the order of their keys, their values in the table whatever their size
// (StoreOptions::value_file_min_bytes is for flushes). It is of this store alone: every checksum
// depends on the database and on the number of the file, so no file from elsewhere can take its
// place. One user at a time. Its file is removed with this object, unless it was ingested; what a
// crash leaves, at the next open. Must be gone before the store is closed.
class TableFile {
 public:
  virtual ~TableFile() = default;
  // `key` is above all before (else InvalidArgument). Key and value need only live during the call.
  virtual Task<absl::Status> Add(std::string_view key, std::string_view value) = 0;
  // The table replaces what the store has of its keyspace from `begin` on and below `end` (empty:
  // to the end of the keyspace) when it is ingested: keys of the range that are not in the table
  // are gone with that commit. All its keys must be in the range (else Finish is InvalidArgument,
  // as it is for a range that is empty). Any time before Finish; the last call counts. Those who
  // replace a range by several tables divide it among them, for instance at their first keys.
  virtual void ReplaceRange(std::string_view begin, std::string_view end) = 0;
  // Writes what is left, and makes the file durable. InvalidArgument for a table that has no entry
  // and replaces nothing. No other call may follow, unless it was InvalidArgument.
  virtual Task<absl::Status> Finish() = 0;
  virtual std::uint64_t file_bytes() const = 0;
};

using TableFiles = std::span<const std::unique_ptr<TableFile>>;

}  // namespace aurora::lsm
