// Reads a table file (table_format.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/cache/block_cache.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/block.h"
#include "aurora/lsm/block_sources.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/table_index.h"
#include "aurora/lsm/table_properties.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct TableOptions {
  TableIdentity identity = {};
  cache::BlockCache* cache = nullptr;  // blocks are kept there under the file's number
  MemoryBudget* memory = nullptr;      // index and filter are charged here, as kTableMetadata
  // Index and filter are held whole if all kTableMetadata then stays within so much. Tables that
  // are opened at the same moment may each take what is left.
  std::size_t whole_metadata_bytes_max = std::numeric_limits<std::size_t>::max();
};

// Immutable; safe from every thread. Range deletes are in memory as long as it lives, and index and
// filter too, whole, as long as there is memory for them; else the names of the index's parts are,
// and parts of the index and pages of the filter come through the cache, like data blocks. (A table
// whose index is not in parts is always held whole.) `cache` and `memory` must outlive it, and it
// must outlive its iterators and the calls in flight.
//
// Every checksum is verified when bytes come from the device. Damage is DataLoss, naming the file,
// the offset and the part, to whoever reads that part; the rest stays readable. A damaged filter
// only costs speed.
class Table {
 public:
  class Iterator;

  // Reads the footer, and index and filter or what names their parts, in one read where the table
  // is small, else two. `file_bytes` is the size that the file is known to have; a file that is
  // shorter or longer is DataLoss.
  static Task<absl::StatusOr<std::unique_ptr<Table>>> Open(std::unique_ptr<File> file,
                                                           std::uint64_t file_bytes,
                                                           TableOptions options);
  // No call may be in flight.
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // How a Get went.
  struct GetTrace {
    bool was_rejected = false;  // the filter excluded the key
    BlockSources blocks;
  };

  // Feeds the entries of `stored_key` at or below `at` to `history`, newest first, until it is
  // done() or there are no more; those that a range delete of the table hides count for a Delete.
  // `key_hash` is HashKey(stored_key). Of a table that is held whole it is ready, without a
  // coroutine, if the filter excludes the key or the blocks are cached. Key, history and trace must
  // live until the task completes. What is fed is pinned in memory by the history.
  AURORA_TASK_WRAPPER Task<absl::Status> Get(std::string_view stored_key, std::uint64_t key_hash,
                                             Sequence at, KeyHistory* history, GetTrace* trace);

  struct IterateOptions {
    // False for scans that must leave the cache's working set alone: what they read is not kept.
    bool fill_cache = true;
    // Blocks next to each other are read together, up to this, once a walk has gone from one to the
    // next.
    std::size_t readahead_bytes_max = 256u << 10;
    // Counts here. Not owned; null: nowhere. Used by one iterator at a time.
    BlockSources* sources = nullptr;
  };
  // key() is valid until the next move; value() as long as the iterator stays in one block, and at
  // least until the next move.
  std::unique_ptr<EntryIterator> NewIterator(const IterateOptions& options);

  // Takes what the cache has of the table out of it: nobody will ask for it again. Costs a look for
  // each block. Data blocks that a part of the index names which is not in memory stay until others
  // need the room.
  void ForgetBlocks();
  // Null if there are none.
  const RangeDeletes* range_deletes() const { return range_deletes_.get(); }

  const TableProperties& properties() const { return properties_; }
  const std::string& path() const { return file_->path(); }
  std::uint64_t file_bytes() const { return file_bytes_; }
  bool has_filter() const { return filter_.has_value() || filter_lines_ != 0; }
  // False: parts of index and filter come through the cache.
  bool is_whole() const { return index_.has_value(); }
  // The table has a filter, but it cannot be read.
  bool filter_is_damaged() const { return filter_is_damaged_; }
  std::size_t block_count() const { return properties_.data_block_count; }
  // Bytes that Open has read.
  std::uint64_t metadata_bytes_read() const { return metadata_bytes_read_; }

 private:
  using BlockPointer = std::shared_ptr<const void>;  // to a Block
  using IndexPointer = std::shared_ptr<const TableIndex>;
  // What comes through the cache: known there as `id`, stored up to `end`, and kept as `decode`
  // makes it.
  struct Stored {
    cache::BlockId id;
    BlockHandle handle;
    std::uint64_t end;
    absl::StatusOr<BlockPointer> (Table::*decode)(const BlockHandle& handle,
                                                  std::string_view stored);
  };
  // A stretch of the file in memory.
  struct Stretch {
    std::uint64_t offset = 0;  // of bytes.data()
    AlignedBuffer bytes;
    MemoryBudget::Charge charge;
    bool Covers(std::uint64_t begin, std::uint64_t end) const {
      return begin >= offset && end <= offset + bytes.size();
    }
    std::string_view View(std::uint64_t begin, std::uint64_t end) const {
      return bytes.view().substr(begin - offset, end - begin);
    }
    std::string_view View(const BlockHandle& handle) const {
      return View(handle.offset, handle.end());
    }
  };
  static const Block& AsBlock(const BlockPointer& pointer) {
    return *static_cast<const Block*>(pointer.get());
  }

  Table(std::unique_ptr<File> file, std::uint64_t file_bytes, const TableOptions& options);

  cache::BlockId IdOf(const BlockHandle& handle) const {
    return {options_.identity.file_number, handle.offset};
  }
  cache::BlockId IdOfBlock(const BlockHandle& handle) const {
    if (AURORA_PLANTED_BUG("cache-key-without-file")) return {0, handle.offset};
    return IdOf(handle);
  }
  Task<absl::Status> LoadMetadata();
  absl::StatusOr<TableFooter> OpenFooter(const Stretch& tail);
  absl::StatusOr<std::shared_ptr<const Block>> DecodeIndexBlock(const BlockHandle& handle,
                                                                std::string_view stored) const;
  // Of an index in parts: what names them.
  absl::Status OpenPartNames(const TableFooter& footer, const Stretch& tail);
  bool IsRoomFor(const TableFooter& footer) const;
  void OpenFilterPages(const TableFooter& footer);
  absl::Status OpenFilter(const TableFooter& footer, const Stretch& tail);
  absl::Status OpenIndex(const TableFooter& footer, const Stretch& tail);
  absl::Status OpenProperties(const TableFooter& footer, const Stretch& tail);
  absl::Status OpenRangeDeletes(const TableFooter& footer, const Stretch& tail);

  // Reads at least [begin, end), which lies within the file.
  Task<absl::StatusOr<Stretch>> Read(std::uint64_t begin, std::uint64_t end);
  // Each is kept in the cache if that has room.
  absl::StatusOr<BlockPointer> DecodeBlock(const BlockHandle& handle, std::string_view stored) {
    return DecodeBlock(handle, stored, /*fill_cache=*/true);
  }
  absl::StatusOr<BlockPointer> DecodeBlock(const BlockHandle& handle, std::string_view stored,
                                           bool fill_cache);
  absl::StatusOr<BlockPointer> DecodeIndexPart(const BlockHandle& handle, std::string_view stored);
  absl::StatusOr<BlockPointer> DecodeFilterPage(const BlockHandle& handle, std::string_view stored);
  // For an object of `bytes`; charged as in flight if the cache has no room for it.
  struct CacheCharge {
    MemoryBudget::Charge charge;
    bool is_reserved;  // in the cache
  };
  CacheCharge ChargeFor(cache::BlockId id, std::size_t bytes, bool fill_cache);

  Stored DataBlock(const BlockHandle& handle) const {
    return {IdOfBlock(handle), handle, handle.end(), &Table::DecodeBlock};
  }
  Stored IndexPart(std::size_t number) const {
    const BlockHandle& handle = parts_->handle(number);
    return {IdOf(handle), handle, handle.end(), &Table::DecodeIndexPart};
  }
  // The handle of a page has no room for a trailer: the properties have its checksum.
  Stored FilterPage(std::size_t number) const;
  // What is stored, through the cache: read once if several need it at the same time. Counts it in
  // `sources`, and what is read in the one who reads it.
  Task<absl::StatusOr<BlockPointer>> Load(Stored stored, BlockSources* sources);
  Task<absl::StatusOr<BlockPointer>> ReadAndDecode(Stored stored, BlockSources* sources);
  // The same, but that the cache is looked into first.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<BlockPointer>> FindOrLoad(const Stored& stored,
                                                                    BlockSources* sources);

  // The index as its readers see it: one part if it is held whole.
  std::size_t part_count() const { return is_whole() ? 1 : parts_->size(); }
  // The only part that may name a block that holds `target`; part_count() if there is none.
  std::size_t FindPart(EntryKey target) const { return is_whole() ? 0 : parts_->Find(target); }
  // Null if it is not in memory.
  IndexPointer PartAtHand(std::size_t part, BlockSources* sources) const;
  Task<absl::StatusOr<IndexPointer>> LoadPart(std::size_t part, BlockSources* sources);
  Task<absl::StatusOr<bool>> PageMayContain(std::uint64_t key_hash, BlockSources* sources);

  Task<absl::Status> GetFromDevice(std::size_t index, std::string_view stored_key, Sequence at,
                                   KeyHistory* history, GetTrace* trace);
  // A Get in a table that is not held whole.
  Task<absl::Status> GetByParts(std::string_view stored_key, std::uint64_t key_hash, Sequence at,
                                KeyHistory* history, GetTrace* trace);
  // What a Get found in a block; true if it goes on in the next.
  bool Continues(const Block& block, const BlockPointer& pointer, std::string_view stored_key,
                 Sequence at, KeyHistory* history);
  // `status` with the file, the place and the part before its message.
  absl::Status Located(const absl::Status& status, std::string_view part,
                       std::uint64_t offset) const;

  const std::unique_ptr<File> file_;
  const std::uint64_t file_bytes_;
  const TableOptions options_;
  // Set by Open.
  TableProperties properties_;
  std::uint64_t data_end_ = 0;
  // Held whole:
  std::optional<TableIndex> index_;
  std::optional<Filter> filter_;
  // Else: the names of the index's parts, and where the lines of the filter are, if there is one.
  std::optional<TableIndex> parts_;
  std::uint64_t filter_offset_ = 0;
  std::uint64_t filter_lines_ = 0;
  bool filter_is_damaged_ = false;
  std::uint64_t metadata_bytes_read_ = 0;
  std::unique_ptr<const RangeDeletes> range_deletes_;
  MemoryBudget::Charge charge_;
};

}  // namespace aurora::lsm
