// Which data block of a table may hold a key.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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
  std::string_view Finish() { return block_.Finish(); }
  std::size_t SizeEstimate() const { return block_.SizeEstimate(); }
  bool empty() const { return block_.empty(); }

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
  // Decodes an index block. DataLoss if the data blocks that it names do not fill [0, data_end)
  // without gaps, or its separators are out of order.
  static absl::StatusOr<TableIndex> Open(const Block& block, std::uint64_t data_end);

  // The first block whose separator is at or after `target`: the only one that can hold it, and,
  // where it ends before, the one before the answer. size() if there is none.
  std::size_t Find(EntryKey target) const;

  std::size_t size() const { return handles_.size(); }
  const BlockHandle& handle(std::size_t index) const { return handles_[index]; }
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

  std::string common_;                      // what all separators begin with
  std::vector<std::uint64_t> heads_;        // the 8 bytes behind it, as big-endian numbers
  std::string keys_;                        // the separators, one after the other
  std::vector<std::uint32_t> key_offsets_;  // size() + 1
  std::vector<std::uint64_t> versions_;
  std::vector<BlockHandle> handles_;
};

}  // namespace aurora::lsm
