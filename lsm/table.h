// Reads a table file (table_format.h).
#pragma once

#include <cstddef>
#include <cstdint>
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
};

// Immutable; safe from every thread. Index, filter and range deletes are in memory as long as it
// lives; data blocks come through the cache. `cache` and `memory` must outlive it, and it must
// outlive its iterators and the calls in flight.
//
// Every checksum is verified when bytes come from the device. Damage is DataLoss, naming the file,
// the offset and the part, to whoever reads that part; the rest stays readable. A damaged filter
// only costs speed.
class Table {
 public:
  class Iterator;

  // Reads the footer, index and filter, in one read where the table is small, else two.
  // `file_bytes` is the size that the file is known to have; a file that is shorter or longer is
  // DataLoss.
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
  // `key_hash` is HashKey(stored_key). Ready, without a coroutine, if
  // the filter excludes the key or the blocks are cached. Key, history and trace must live until
  // the task completes. What is fed is pinned in memory by the history.
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

  // Takes the table's blocks out of the cache: nobody will ask for them again. Costs a look for
  // each block.
  void ForgetBlocks();
  // Null if there are none.
  const RangeDeletes* range_deletes() const { return range_deletes_.get(); }

  const TableProperties& properties() const { return properties_; }
  const std::string& path() const { return file_->path(); }
  std::uint64_t file_bytes() const { return file_bytes_; }
  bool has_filter() const { return filter_.has_value(); }
  // The table has a filter, but it cannot be read.
  bool filter_is_damaged() const { return filter_is_damaged_; }
  std::size_t block_count() const { return index_->size(); }
  // Bytes that Open has read.
  std::uint64_t metadata_bytes_read() const { return metadata_bytes_read_; }

 private:
  using BlockPointer = std::shared_ptr<const void>;  // to a Block
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
  };
  static const Block& AsBlock(const BlockPointer& pointer) {
    return *static_cast<const Block*>(pointer.get());
  }

  Table(std::unique_ptr<File> file, std::uint64_t file_bytes, const TableOptions& options);

  cache::BlockId IdOf(std::size_t index) const {
    const bool is_ambiguous = AURORA_PLANTED_BUG("cache-key-without-file");
    return {is_ambiguous ? 0 : options_.identity.file_number, index_->handle(index).offset};
  }
  Task<absl::Status> LoadMetadata();
  absl::Status OpenFilter(const TableFooter& footer, const Stretch& tail);
  absl::Status OpenIndex(const TableFooter& footer, const Stretch& tail);
  absl::Status OpenProperties(const TableFooter& footer, const Stretch& tail);
  absl::Status OpenRangeDeletes(const TableFooter& footer, const Stretch& tail);

  // Reads at least [begin, end), which lies within the file.
  Task<absl::StatusOr<Stretch>> Read(std::uint64_t begin, std::uint64_t end);
  // The block in a stretch that covers it.
  absl::StatusOr<BlockPointer> DecodeBlock(std::size_t index, const Stretch& stretch,
                                           bool fill_cache);
  // The block, through the cache: read once if several need it at the same time. Counts it in
  // `sources`, and what is read in the one who reads it.
  Task<absl::StatusOr<BlockPointer>> LoadBlock(std::size_t index, BlockSources* sources);
  Task<absl::StatusOr<BlockPointer>> ReadBlock(std::size_t index, BlockSources* sources);
  Task<absl::Status> GetFromDevice(std::size_t index, std::string_view stored_key, Sequence at,
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
  std::optional<TableIndex> index_;
  std::optional<Filter> filter_;
  bool filter_is_damaged_ = false;
  std::uint64_t metadata_bytes_read_ = 0;
  std::unique_ptr<const RangeDeletes> range_deletes_;
  MemoryBudget::Charge charge_;
};

}  // namespace aurora::lsm
