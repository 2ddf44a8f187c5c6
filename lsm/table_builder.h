// Writes a table file (table_format.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/cache/block_cache.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/block_builder.h"
#include "aurora/lsm/block_sources.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/table_index.h"
#include "aurora/lsm/table_properties.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct TableBuilderOptions {
  TableIdentity identity = {};
  // A data block is cut before it would grow beyond this, uncompressed. One entry larger than that
  // is a block of its own.
  std::size_t block_bytes = 8u << 10;
  // A part of the index is ended when it is as large, uncompressed.
  std::size_t index_part_bytes = 4096;
  Compression compression = Compression::kLz4;
  int filter_bits_per_key = 10;          // 0: no filter; at most kMaxFilterBitsPerKey
  std::size_t write_bytes = 256u << 10;  // written at a time; a multiple of kDeviceBlockSize
  MemoryBudget* memory = nullptr;        // charged (kInFlight) for what the builder holds
  // Data blocks are put there as they are written, so that those who read the newest data, or what
  // it replaces, need not read it from the device. Not owned; null: nowhere.
  cache::BlockCache* cache = nullptr;
  // If it is not null, only while what the table is made of comes from the cache. Not owned.
  const BlockSources* sources = nullptr;
};

struct TableSummary {
  TableProperties properties;
  std::uint64_t file_bytes = 0;
  std::uint64_t file_hash = 0;  // XXH3-64 of the whole file
};

// One user at a time. Memory: about twice write_bytes and the largest block, 8 bytes for each key
// of the filter, as many of each entry that expires, and the index; all charged.
//
// After an error every later call returns the same one; the file is then garbage, for the caller to
// remove. Destroying an unfinished builder abandons the file likewise; no call may be in flight.
class TableBuilder {
 public:
  // `file` is empty and writable; direct or not. The builder closes it when it is destroyed.
  TableBuilder(std::unique_ptr<File> file, const TableBuilderOptions& options);
  TableBuilder(const TableBuilder&) = delete;
  TableBuilder& operator=(const TableBuilder&) = delete;
  ~TableBuilder();

  // Adds an entry, which must be after all before (else DataLoss: what it was read from is out of
  // order; as for a separated Put that is no handle), with key and value below kMaxTableKeyBytes
  // and kMaxTableValueBytes (else InvalidArgument). Ready unless the buffer is full and is written
  // first.
  AURORA_TASK_WRAPPER Task<absl::Status> Add(EntryKey key, std::string_view value);

  // Adds a range delete; copies. In any order, but no two of the same begin and sequence. Begin and
  // end are bounded like keys (else InvalidArgument).
  absl::Status AddRangeDelete(const RangeDelete& range);

  // Writes what is left and makes the file durable; its name is the caller's to make durable
  // (SyncDirectory). REQUIRES at least one entry or range delete, and no call after it. A table of
  // range deletes alone gets one entry, a Delete that says no more than the first of them.
  Task<absl::StatusOr<TableSummary>> Finish();

  std::uint64_t entry_count() const { return properties_.entry_count; }
  // Of the values that lie elsewhere, and which the entries so far name.
  std::uint64_t value_bytes() const { return values_.stored_bytes(); }
  // Bytes that the file has so far, without what is in the block in progress; when to begin
  // another table is the caller's decision.
  std::uint64_t file_bytes() const { return written_bytes_ + output_.size(); }

 private:
  struct Hash;

  absl::Status CheckEntry(EntryKey key, std::string_view value) const;
  // Takes note of what a Put holds that is more than its value.
  absl::Status AddForm(EntryKey key, std::string_view value);
  void Append(EntryKey key, std::string_view value);
  // Ends the block in progress; `next` is the entry that begins the next one, or null.
  void CutBlock(const EntryKey* next);
  bool IsToBeCached();
  void CacheBlock(std::string_view raw, std::uint64_t offset);
  BlockHandle AppendBlock(std::string_view raw, Compression compression);
  // Ends the part of the index in progress, which is not empty.
  void CutIndexPart();
  void AppendIndex(TableFooter* footer);
  void AppendMetadata();
  std::vector<RangeDelete> RangeDeleteViews() const;
  // Writes the part of the output that is a multiple of kDeviceBlockSize.
  Task<absl::Status> Write();
  Task<absl::Status> WriteThenAppend(std::string key, Version version, std::string value);
  void UpdateCharge();

  const std::unique_ptr<File> file_;
  const TableBuilderOptions options_;
  absl::Status status_;
  bool finished_ = false;

  BlockBuilder block_{kDataRestartInterval};
  std::string last_key_;
  Version last_version_;
  FilterBuilder filter_;
  struct IndexPart {
    std::string raw;
    std::string last_separator;
    Version last_version;
  };
  TableIndexBuilder index_;             // the part in progress
  std::vector<IndexPart> index_parts_;  // those before
  std::size_t index_part_bytes_ = 0;    // that they take
  TableProperties properties_;
  TableValuesBuilder values_;
  std::vector<Expiry> expiries_;  // of the entries that expire
  struct OwnedRangeDelete {
    std::string begin;
    std::string end;
    Sequence sequence;
  };
  std::vector<OwnedRangeDelete> range_deletes_;
  std::size_t range_delete_bytes_ = 0;

  BlockSources sources_seen_;  // when the last block was cut
  bool caches_ = false;        // as the last block was

  std::string compressed_;    // scratch
  std::string stored_block_;  // scratch
  AlignedBuffer output_;      // not yet written
  std::uint64_t written_bytes_ = 0;
  std::unique_ptr<Hash> hash_;  // of all that went through output_
  MemoryBudget::Charge charge_;
};

}  // namespace aurora::lsm
