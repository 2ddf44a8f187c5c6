// Which data block of a table may hold a key.
//
// The index of a small table is one block. That of a larger one is in parts, blocks that name a run
// of data blocks each, and a block that names the parts in the same way: so that who has no memory
// for all of it reads the part that he needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/block.h"
#include "aurora/lsm/block_builder.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// The shortest key k with smaller <= k < larger. REQUIRES smaller < larger.
std::string ShortestSeparator(std::string_view smaller, std::string_view larger);

// Makes the index block. The separator of a block is the last key of the block itself if it and
// the next share that key; else the shortest key between, under the version that sorts behind all.
class TableIndexBuilder {
 public:
  // `next` is the first entry of the block after this one; null for the last block.
  void Add(EntryKey last, const EntryKey* next, const BlockHandle& handle);
  // Names a part of the index by the separator of its last block, at or above all that are in it.
  void AddPart(EntryKey last_separator, const BlockHandle& handle);
  std::string_view Finish() { return block_.Finish(); }
  std::size_t SizeEstimate() const { return block_.SizeEstimate(); }
  bool empty() const { return block_.empty(); }
  // The last separator. REQUIRES !empty().
  EntryKey last_separator() const { return block_.last_key(); }
  void Reset() { block_.Reset(); }

 private:
  BlockBuilder block_;
  std::string handle_;
};

// The index in memory, made for binary search: what all separators begin with is compared once, and
// their next eight bytes lie side by side as numbers, so that a search of a thousand blocks touches
// about four cache lines before it looks at one or two separators. Immutable; safe from every
// thread.
class TableIndex {
 public:
  using Parts = std::span<const std::shared_ptr<const Block>>;
  // Decodes the parts of an index, as one. DataLoss if the blocks that they name do not fill
  // [begin, end) without gaps, or their separators are out of order. The block that names the parts
  // is decoded like one.
  static absl::StatusOr<TableIndex> Open(Parts parts, std::uint64_t begin, std::uint64_t end);
  // Decodes one part. DataLoss if the blocks that it names do not follow one another without gaps,
  // within [0, limit).
  static absl::StatusOr<TableIndex> OpenPart(const Block& part, std::uint64_t limit);

  // The first block whose separator is at or after `target`: the only one that can hold it, and,
  // where it ends before, the one before the answer. size() if there is none.
  std::size_t Find(EntryKey target) const;

  std::size_t size() const { return handles_.size(); }
  const BlockHandle& handle(std::size_t index) const { return handles_[index]; }
  // What the blocks fill.
  std::uint64_t begin() const { return handles_.front().offset; }
  std::uint64_t end() const { return handles_.back().end(); }
  // At or above all entries of the block, and below those of the next.
  EntryKey separator(std::size_t index) const {
    return {std::string_view(keys_).substr(key_offsets_[index],
                                           key_offsets_[index + 1] - key_offsets_[index]),
            Version::FromWord(versions_[index])};
  }
  // What it occupies.
  std::size_t size_bytes() const;

 private:
  TableIndex() = default;
  // Takes the blocks of a part, which follow those that are there.
  absl::Status Append(const Block& part, std::uint64_t limit);
  // When all are there: makes it fit for Find.
  void Complete();

  std::string common_;                      // what all separators begin with
  std::vector<std::uint64_t> heads_;        // the 8 bytes behind it, as big-endian numbers
  std::string keys_;                        // the separators, one after the other
  std::vector<std::uint32_t> key_offsets_;  // size() + 1
  std::vector<std::uint64_t> versions_;
  std::vector<BlockHandle> handles_;
};

}  // namespace aurora::lsm
