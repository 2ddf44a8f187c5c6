// Says of a key that it is surely not in a table, without reading the table.
//
// A Bloom filter in which all bits of a key lie in one cache line of 64 bytes, so that a probe
// costs one cache miss (F. Putze, P. Sanders, J. Singler, "Cache-, hash- and space-efficient Bloom
// filters", WEA 2007). With 10 bits for each key about 1% of absent keys pass.
//
// The bytes of a filter:
//   lines     line_count times 64 bytes
//   trailer   16 bytes:
//      0  u32  line_count, at least 1
//      4  u8   probe_count, 1 to 7: bits for each key
//      5       11 bytes, zero
//
// The hash h of a key is XXH3-64 of its stored key. Its line is the high 32 bits of h, times
// line_count, divided by 2^32. Its bits are 9-bit numbers: the highest probe_count times 9 bits of
// h * 0x9E3779B97F4A7C15 (mod 2^64). Bit b of a line is bit b % 8 of its byte b / 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/lsm/coding.h"

namespace aurora::lsm {

// The hash by which filters know a stored key. Part of the file format.
std::uint64_t HashKey(std::string_view stored_key);

inline constexpr std::size_t kFilterLineBytes = 64;
inline constexpr std::size_t kFilterTrailerBytes = 16;
inline constexpr int kMaxFilterProbes = 7;
// Who has no memory for a whole filter reads the page with the line that he needs; the last may be
// shorter.
inline constexpr std::size_t kFilterPageBytes = 4096;
inline constexpr std::size_t kFilterPageLines = kFilterPageBytes / kFilterLineBytes;
// More than this does not pay: all bits of a key are in one line, and some lines are crowded.
inline constexpr int kMaxFilterBitsPerKey = 16;

// What the reader of a page needs to know.
struct FilterPages {
  int probe_count = 0;
  std::string checksums;  // XXH3-64 of each page, seeded with its number; 8 bytes, little-endian

  bool empty() const { return checksums.empty(); }
  friend bool operator==(const FilterPages&, const FilterPages&) = default;
};
// Of the bytes of a filter, which FilterBuilder has made or Filter::Open has found right.
FilterPages FilterPagesOf(std::string_view filter);
// True if `bytes` are page `number`. REQUIRES that there is such a page.
bool IsFilterPage(const FilterPages& pages, std::size_t number, std::string_view bytes);

// Collects the hashes of keys: 8 bytes of memory for each. One user at a time.
class FilterBuilder {
 public:
  explicit FilterBuilder(int bits_per_key);
  void Add(std::uint64_t key_hash) { hashes_.push_back(key_hash); }
  std::size_t key_count() const { return hashes_.size(); }
  // The filter of all keys; a filter of no keys is passed by none.
  std::string Finish() const;

 private:
  const int bits_per_key_;
  std::vector<std::uint64_t> hashes_;
};

// A filter in memory. Immutable; safe from every thread.
class Filter {
 public:
  // Copies `bytes`; nullopt if they are not a filter.
  static std::optional<Filter> Open(std::string_view bytes);

  // False only if no key with this hash was added.
  bool MayContain(std::uint64_t key_hash) const {
    const std::uint64_t line = LineOf(key_hash, line_count_);
    return LineMayContain(lines_.get() + line * kFilterLineBytes, key_hash, probe_count_);
  }
  // Starts to fetch what MayContain will read.
  void Prefetch(std::uint64_t key_hash) const {
    __builtin_prefetch(lines_.get() + LineOf(key_hash, line_count_) * kFilterLineBytes);
  }
  std::size_t size_bytes() const { return line_count_ * kFilterLineBytes; }

  // The line of a key, and what it says: for those who have no more than the line.
  static std::uint64_t LineOf(std::uint64_t key_hash, std::uint64_t line_count) {
    return (key_hash >> 32) * line_count >> 32;
  }
  static bool LineMayContain(const char* line, std::uint64_t key_hash, int probe_count) {
    std::uint64_t bits = key_hash * kFilterMultiplier;
    std::uint64_t all_set = 1;
    for (int i = 0; i < probe_count; ++i) {
      const std::uint64_t bit = bits >> 55;
      bits <<= 9;
      all_set &= LoadFixed<std::uint64_t>(line + (bit / 64) * 8) >> (bit % 64);
    }
    return (all_set & 1) != 0;
  }

  static constexpr std::uint64_t kFilterMultiplier = 0x9E3779B97F4A7C15;

 private:
  struct AlignedDelete {
    void operator()(char* lines) const;
  };
  Filter(std::string_view lines, int probe_count);

  std::unique_ptr<char[], AlignedDelete> lines_;  // aligned to a cache line
  std::uint64_t line_count_;
  int probe_count_;
};

}  // namespace aurora::lsm
