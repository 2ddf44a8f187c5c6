// A table as far as it can be read: to verify, to salvage and to show one that may be damaged.
//
// Table (table.h) is for reading right answers fast: it ends at the first damage that matters. This
// goes on behind it, and says what is missing. Every block is proved by its own checksum, so a
// block can be used whatever has become of the rest:
//
//   footer    lost: the index is looked for among the blocks, which follow one another from 0 on
//   index     lost, or a part of it: the data blocks are found like that, each by the trailer that
//             proves where it ends. Behind one that is damaged the next is searched for, within
//             kSearchBytes
//   filter,   lost: they say nothing that the data blocks do not say
//   properties
//   range     lost: what they have hidden is not hidden any more. Nothing else says whether there
//   deletes   were any, but the properties and the footer
//
// Reads from the device; changes nothing. One user at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/block.h"
#include "aurora/lsm/file_verifier.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/patient_file.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/table_index.h"
#include "aurora/lsm/table_properties.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Stored keys, both inclusive, that a part that cannot be read may have held versions of.
struct LostKeys {
  std::string first;                // empty: from the first key on
  std::optional<std::string> last;  // nullopt: to the end
};

class TableSurvey {
 public:
  // Where no index tells where blocks are, one is found if it has at most as many bytes, and begins
  // at most as many behind what is damaged.
  static constexpr std::size_t kSearchBytes = std::size_t{64} << 10;
  static constexpr std::size_t kFoundBlockBytes = std::size_t{4} << 20;

  // Reads what is around the data blocks. Only a file that cannot be opened is an error. `identity`
  // is what the file must be; `files` must outlive the survey.
  static Task<absl::StatusOr<std::unique_ptr<TableSurvey>>> Open(FileSystem* files,
                                                                 std::string path,
                                                                 TableIdentity identity);

  // Moves to the next data block, damaged or not; false at the end.
  Task<bool> Next();
  struct Piece {
    BlockHandle handle;                  // of what was searched in vain: offset, and stored_bytes
    std::shared_ptr<const Block> block;  // null: cannot be read, damage() says why
  };
  const Piece& piece() const { return piece_; }
  // nullopt if it is lost.
  const std::optional<TableIndex>& index() const { return index_; }
  // Of the piece; in the index too, if there is one.
  std::size_t piece_number() const { return next_ - 1; }

  const std::string& path() const { return file_->path(); }
  std::uint64_t file_bytes() const { return file_->size(); }
  const std::optional<TableFooter>& footer() const { return footer_; }
  const std::optional<TableProperties>& properties() const { return properties_; }
  const std::optional<Filter>& filter() const { return filter_; }
  // All that was found to be wrong so far.
  const std::vector<FileDamage>& damage() const { return damage_; }
  // What the blocks that could not be read may have held, ascending. Complete once Next() was
  // false.
  const std::vector<LostKeys>& lost_keys() const { return lost_keys_; }
  // What could be read of them; null: none, or they are lost.
  const RangeDeletes* range_deletes() const { return range_deletes_.get(); }
  std::unique_ptr<const RangeDeletes> TakeRangeDeletes() { return std::move(range_deletes_); }
  // True if the table may have range deletes that cannot be read.
  bool may_lack_range_deletes() const;
  // Entries that were in blocks that could be read.
  std::uint64_t entry_count() const { return entry_count_; }

 private:
  struct Place {
    BlockHandle handle;
    bool searched_in_vain = false;
  };

  TableSurvey(std::unique_ptr<PatientFile> file, const TableIdentity& identity)
      : file_(std::move(file)), identity_(identity) {}
  Task<void> ReadMetadata();
  Task<void> ReadFooter();
  Task<void> ReadProperties();
  Task<void> ReadIndex();
  Task<void> ReadFilter();
  Task<void> ReadRangeDeletes();
  Task<void> CheckPadding();
  // A part of the index, or what names them; null, with damage noted, if it is lost.
  Task<std::shared_ptr<const Block>> ReadIndexBlock(BlockHandle handle);
  // The raw bytes of a block that the footer names; null, with damage noted, if it has none.
  Task<std::unique_ptr<char[]>> ReadPart(BlockHandle handle, std::string part);
  // Fills pieces_ without an index, and finds the index if only the footer is lost.
  Task<void> SearchBlocks();
  // Where the next block begins after `from`; nullopt if none does within kSearchBytes.
  Task<std::optional<std::uint64_t>> SearchStart(std::uint64_t from, std::uint64_t limit);
  void TakeFound(FoundBlock found);
  // True if a block behind the data is the index, or a part of it, or the range deletes.
  bool TakeFoundIndex(std::shared_ptr<const Block> block, const BlockHandle& handle);
  // True if the block is a part of the index, or names its parts. If it makes the index complete,
  // that is used.
  bool TakeFoundPart(std::shared_ptr<const Block> block, const BlockHandle& handle);
  void UseIndex(TableIndex index);
  void TakeDamaged(std::string what);
  void LoseUnknownEnd();
  void TakeReadable(std::shared_ptr<const Block> block);
  void CloseLost(std::optional<std::string> last);
  void Damage(std::uint64_t offset, std::uint64_t bytes, std::string what);
  void DamageIndex(const BlockHandle& handle, const absl::Status& status);

  const std::unique_ptr<PatientFile> file_;
  const TableIdentity identity_;
  std::optional<TableFooter> footer_;
  std::optional<TableProperties> properties_;
  std::optional<TableIndex> index_;
  std::optional<Filter> filter_;
  std::unique_ptr<const RangeDeletes> range_deletes_;
  std::vector<Place> pieces_;
  // While blocks are searched: where those begin that are no data, and the parts of an index.
  std::vector<std::uint64_t> ends_;
  std::vector<BlockHandle> found_parts_;
  std::vector<std::shared_ptr<const Block>> found_index_;
  std::vector<FileDamage> damage_;
  std::vector<LostKeys> lost_keys_;
  std::optional<LostKeys> losing_;  // what precedes has a first key and no last one yet
  std::string last_key_;            // of the last readable block
  std::size_t next_ = 0;
  Piece piece_;
  std::uint64_t entry_count_ = 0;
};

}  // namespace aurora::lsm
