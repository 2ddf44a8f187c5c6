// A block: a run of entries in order, the unit in which tables are read, checked and cached.
//
// Keys and values lie apart, so that a search touches neither values nor versions, and what belongs
// to entry i is found by its number:
//
//   values      each value, in order; one of 8 bytes or more starts at a multiple of 8
//   keys        for each entry: varint32 shared, varint32 unshared, `unshared` bytes; the key is
//               the first `shared` bytes of the key before, then these. Every restart_interval-th
//               entry, from entry 0 on, is a restart: its shared is 0
//   restarts    for each restart: u32, offset of its entry in `keys`
//   versions    for each entry: (sequence - base sequence) << 2 | kind, in version_bytes bytes
//   value ends  for each entry: where its value ends in `values`, in value_end_bytes bytes
//   trailer     24 bytes:
//                 0  u64  base sequence: the least of the block
//                 8  u32  bytes of values
//                12  u32  bytes of keys
//                16  u32  number of entries, at least 1
//                20  u8   version_bytes, 0 to 8
//                21  u8   value_end_bytes, 2 or 4
//                22  u8   restart_interval, 1 to 64
//                23  u8   zero
//
// Value i starts where value i - 1 ends, rounded up to 8 if at least 8 bytes remain from there to
// its end. All numbers are little-endian. Shared is as long as it can be, except at restarts: the
// search relies on it.
//
// Opening a block validates every number in it, so that no later operation can read outside of it
// or fail, whatever its bytes are. (Bytes whose checksum is right but whose keys are out of order
// give wrong answers, not wrong reads.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/iterator.h"
#include "aurora/lsm/key_history.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

inline constexpr std::size_t kBlockTrailerBytes = 24;
inline constexpr int kMaxRestartInterval = 64;

// Immutable; safe from every thread. Entries and views into it are valid as long as it lives.
class Block {
  struct Key {};  // only Open() can make one

 public:
  class Cursor;

  // Takes `size` bytes at `bytes`, which is aligned to 8, and the charge for them. `later` is added
  // to every sequence. DataLoss if they are not a block; the message does not know the file.
  static absl::StatusOr<std::shared_ptr<const Block>> Open(std::unique_ptr<char[]> bytes,
                                                           std::size_t size,
                                                           MemoryBudget::Charge charge,
                                                           Sequence later = 0);
  // What a block of `size` bytes takes in memory and is to be charged for.
  static std::size_t ChargeFor(std::size_t size);

  Block(Key, std::unique_ptr<char[]> bytes, std::size_t size, MemoryBudget::Charge charge)
      : bytes_(std::move(bytes)), size_(size), charge_(std::move(charge)) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // What a Get met.
  enum class Found : std::uint8_t {
    kDone,  // the history is done
    kPast,  // an entry beyond the key: there are no more of it
    kEnd,   // the end of the block: more may follow in the next
  };
  // Feeds the entries of `stored_key` at or below `at` to `history`, newest first, until it is done
  // or there are no more in this block. `owner` is what keeps this block alive.
  Found Get(std::string_view stored_key, Sequence at, const std::shared_ptr<const void>& owner,
            KeyHistory* history) const;

  std::uint32_t entry_count() const { return entry_count_; }
  std::size_t size_bytes() const { return size_; }

 private:
  // A decoded entry of the key area.
  struct Entry {
    std::uint32_t shared;
    std::uint32_t unshared;
    const char* suffix;
    const char* end() const { return suffix + unshared; }
  };
  // Where a search ended: at the first entry at or after its target, or, with index ==
  // entry_count(), behind the last.
  struct Place {
    std::uint32_t index;
    Entry entry;
    bool same_key;  // the entry's key is the target's
  };

  // The reason why the bytes are not a block, or null.
  const char* Parse(Sequence later);
  const char* ParseKeys();
  const char* ParseColumns();

  Place Find(std::string_view key, std::uint64_t version_word) const;
  std::uint32_t FindRestart(std::string_view key, std::uint64_t version_word) const;

  static Entry DecodeEntry(const char* entry);
  const char* RestartEntry(std::uint32_t restart) const {
    return keys_ + LoadFixed<std::uint32_t>(restarts_ + 4 * std::size_t{restart});
  }
  // Columns are read in 8 bytes, of which the mask keeps the entry's; the trailer is behind them.
  Version VersionOf(std::uint32_t index) const {
    const std::uint64_t packed =
        LoadFixed<std::uint64_t>(versions_ + std::size_t{version_bytes_} * index) & version_mask_;
    return Version::FromWord((base_sequence_ + (packed >> 2)) << 8 | (packed & 3));
  }
  std::uint32_t ValueEnd(std::uint32_t index) const {
    return LoadFixed<std::uint32_t>(value_ends_ + std::size_t{value_end_bytes_} * index) &
           value_end_mask_;
  }
  std::string_view ValueOf(std::uint32_t index) const {
    const std::uint32_t end = ValueEnd(index);
    std::uint32_t start = index == 0 ? 0 : ValueEnd(index - 1);
    const std::uint32_t aligned = (start + 7) & ~7u;
    if (end >= aligned + 8) start = aligned;
    return {bytes_.get() + start, end - start};
  }

  const std::unique_ptr<char[]> bytes_;
  const std::size_t size_;
  const MemoryBudget::Charge charge_;

  // Decoded from the trailer.
  const char* keys_ = nullptr;
  const char* keys_end_ = nullptr;
  const char* restarts_ = nullptr;
  const char* versions_ = nullptr;
  const char* value_ends_ = nullptr;
  std::uint64_t base_sequence_ = 0;
  std::uint64_t version_mask_ = 0;
  std::uint32_t value_end_mask_ = 0;
  std::uint32_t value_area_bytes_ = 0;
  std::uint32_t entry_count_ = 0;
  std::uint32_t restart_count_ = 0;
  std::uint32_t restart_interval_ = 0;
  std::uint32_t max_key_size_ = 0;
  std::uint8_t version_bytes_ = 0;
  std::uint8_t value_end_bytes_ = 0;
};

// A position in a block. One user at a time; nothing it does can fail. The block must outlive it.
// key() is valid until the next move, value() as long as the block.
class Block::Cursor {
 public:
  Cursor() = default;
  // Makes this a cursor of `block`, not Valid(). Keeps what it has allocated.
  void Reset(const Block* block);

  bool Valid() const { return index_ < end_; }
  EntryKey key() const {
    AURORA_DCHECK(Valid());
    return {{key_.data(), key_size_}, block_->VersionOf(index_)};
  }
  std::string_view value() const {
    AURORA_DCHECK(Valid());
    return block_->ValueOf(index_);
  }

  void Seek(EntryKey target);          // the first at or after
  void SeekBackward(EntryKey target);  // the last at or before
  void SeekToFirst();
  void SeekToLast();
  void Next();  // REQUIRES Valid()
  void Prev();  // REQUIRES Valid()
  // Next(), unless this is the last entry: then false, and nothing has happened. REQUIRES Valid().
  bool NextAtHand(EntryRef* entry);

 private:
  void ScanInterval(std::uint32_t restart);
  void TakeEntry(const Entry& entry);
  void Invalidate() { index_ = end_; }

  const Block* block_ = nullptr;
  std::uint32_t index_ = 0;
  std::uint32_t end_ = 0;  // block_->entry_count()
  std::uint32_t key_size_ = 0;
  Entry entry_{};          // at index_
  std::vector<char> key_;  // of the entry, with room for the longest of the block and some slack

  // Entries of one restart interval, for stepping back.
  static constexpr std::uint32_t kNoInterval = UINT32_MAX;
  std::uint32_t interval_ = kNoInterval;
  std::vector<Entry> interval_entries_;
};

}  // namespace aurora::lsm
