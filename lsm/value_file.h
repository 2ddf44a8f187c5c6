// Reads a value file (value_format.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/cache/block_cache.h"
#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/block_sources.h"
#include "aurora/lsm/pinned_value.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/value_file_builder.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct ValueFileOptions {
  TableIdentity identity = {};
  std::uint64_t id = 0;                // of the value file
  cache::BlockCache* cache = nullptr;  // small values are kept there under the file's number
  MemoryBudget* memory = nullptr;      // the index is charged here, as kTableMetadata
};

// Immutable; safe from every thread. The index is in memory as long as it lives. `cache` and
// `memory` must outlive it, and it must outlive the calls in flight.
//
// Every checksum is verified when bytes come from the device. Damage is DataLoss, naming the file,
// the offset and the part, to whoever reads that part; the rest stays readable. Reads count in
// `sources`, which must live until the task completes; null: nowhere.
class ValueFile {
 public:
  // Larger values do not go through the cache, where one would push hundreds of blocks out.
  static constexpr std::size_t kCachedBytesMax = std::size_t{32} << 10;

  // Reads the footer and the index. `file_bytes` is the size that the file is known to have; a file
  // that is shorter or longer is DataLoss.
  static Task<absl::StatusOr<std::unique_ptr<ValueFile>>> Open(std::unique_ptr<File> file,
                                                               std::uint64_t file_bytes,
                                                               ValueFileOptions options);
  // No call may be in flight.
  ~ValueFile();
  ValueFile(const ValueFile&) = delete;
  ValueFile& operator=(const ValueFile&) = delete;

  // The value of a handle, whole. Ready if it is cached. What it takes is charged as long as
  // somebody holds it. `fill_cache` false: what is read is not kept. DataLoss if the file has no
  // such value.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<PinnedValue>> Read(ValueHandle handle,
                                                             bool fill_cache = true,
                                                             BlockSources* sources = nullptr);
  // Bytes of a value from `offset` on, as many as there are and `out` has room for; how many. Reads
  // and checks the pieces that hold them, a few at a time. `out` must live until the task
  // completes.
  Task<absl::StatusOr<std::size_t>> ReadPart(ValueHandle handle, std::uint64_t offset,
                                             std::span<char> out, BlockSources* sources = nullptr);

  // Adds value `number` to `builder`, as it is stored, checked. DataLoss if there is no such value.
  // The builder must live until the task completes.
  Task<absl::Status> CopyTo(std::uint32_t number, ValueFileBuilder* builder,
                            BlockSources* sources = nullptr);

  // Takes the file's values out of the cache: nobody will ask for them again.
  void ForgetValues();

  const std::string& path() const { return file_->path(); }
  std::uint64_t file_bytes() const { return file_bytes_; }
  const ValueIndex& index() const { return *index_; }
  // Bytes that Open has read.
  std::uint64_t metadata_bytes_read() const { return metadata_sources_.device_bytes; }

 private:
  struct CachedValue;
  using ValuePointer = std::shared_ptr<const void>;  // to a CachedValue
  // Pieces in memory, as they are stored.
  struct Stretch {
    std::uint64_t offset = 0;  // of bytes.data()
    AlignedBuffer bytes;
    MemoryBudget::Charge charge;
    std::string_view View(std::uint64_t begin, std::uint64_t end) const {
      return bytes.view().substr(begin - offset, end - begin);
    }
    std::string_view View(const BlockHandle& piece) const {
      return View(piece.offset, piece.end());
    }
  };

  ValueFile(std::unique_ptr<File> file, std::uint64_t file_bytes, const ValueFileOptions& options);
  Task<absl::Status> LoadIndex();
  cache::BlockId IdOf(const BlockHandle& piece) const {
    return {options_.identity.file_number, piece.offset};
  }
  // The pieces of a value, if they are as the handle says.
  absl::StatusOr<ValueIndex::Pieces> Find(const ValueHandle& handle) const;
  static bool IsCachable(ValueIndex::Pieces pieces) {
    return pieces.size() == 1 && pieces.front().raw_bytes <= kCachedBytesMax;
  }
  Task<absl::StatusOr<PinnedValue>> ReadCachable(BlockHandle piece, bool fill_cache,
                                                 BlockSources* sources);
  Task<absl::StatusOr<ValuePointer>> ReadPiece(BlockHandle piece, bool fill_cache,
                                               BlockSources* sources);
  Task<absl::StatusOr<PinnedValue>> ReadLarge(ValueIndex::Pieces pieces, BlockSources* sources);
  // Copies `out.size()` bytes of a value from `offset` on.
  Task<absl::Status> ReadPieces(ValueIndex::Pieces pieces, std::uint64_t offset,
                                std::span<char> out, BlockSources* sources);
  absl::StatusOr<std::unique_ptr<char[]>> Decode(const BlockHandle& piece, const Stretch& stretch);
  // Reads at least [begin, end), which lies within the file.
  Task<absl::StatusOr<Stretch>> ReadStretch(std::uint64_t begin, std::uint64_t end,
                                            BlockSources* sources);
  // How many of the pieces are read together.
  static std::size_t CountTogether(ValueIndex::Pieces pieces);
  absl::Status Located(const absl::Status& status, std::string_view part,
                       std::uint64_t offset) const;

  const std::unique_ptr<File> file_;
  const std::uint64_t file_bytes_;
  const ValueFileOptions options_;
  // Set by Open.
  std::optional<ValueIndex> index_;
  BlockSources metadata_sources_;
  MemoryBudget::Charge charge_;
};

}  // namespace aurora::lsm
