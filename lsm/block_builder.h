// Makes a block (block.h) of entries that come in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/lsm/types.h"

namespace aurora::lsm {

inline constexpr int kDataRestartInterval = 16;

// One user at a time. Keeps what it has allocated from block to block.
class BlockBuilder {
 public:
  explicit BlockBuilder(int restart_interval = kDataRestartInterval);

  // Adds an entry. REQUIRES that it is after all before (checked), and that SizeWith() of it is
  // below 4 GiB.
  void Add(EntryKey key, std::string_view value);

  // The block of all entries since the last Reset. REQUIRES !empty(). Valid until the next call.
  std::string_view Finish();
  void Reset();

  bool empty() const { return versions_.empty(); }
  std::uint32_t entry_count() const { return static_cast<std::uint32_t>(versions_.size()); }
  // The size of the block, as it is and with one more entry of this size: an upper bound.
  std::size_t SizeEstimate() const { return SizeWith(0, 0); }
  std::size_t SizeWith(std::size_t key_size, std::size_t value_size) const;
  // REQUIRES !empty().
  EntryKey last_key() const { return {last_key_, Version::FromWord(versions_.back())}; }

 private:
  void AppendColumns(std::uint64_t base_sequence);

  const int restart_interval_;
  std::string values_;
  std::string keys_;
  std::string last_key_;
  std::vector<std::uint32_t> restarts_;
  std::vector<std::uint64_t> versions_;  // words
  std::vector<std::uint32_t> value_ends_;
  std::string block_;
};

}  // namespace aurora::lsm
