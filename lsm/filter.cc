#include "aurora/lsm/filter.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

std::uint64_t HashKey(std::string_view stored_key) {
  return XXH3_64bits(stored_key.data(), stored_key.size());
}

namespace {

// What gives the fewest false answers, for keys whose bits share a line; measured.
int ProbeCount(int bits_per_key) { return std::clamp(bits_per_key * 6 / 10, 1, kMaxFilterProbes); }

void SetBits(std::uint64_t key_hash, int probe_count, std::uint64_t line_count, char* lines) {
  char* const line = lines + ((key_hash >> 32) * line_count >> 32) * kFilterLineBytes;
  std::uint64_t bits = key_hash * Filter::kFilterMultiplier;
  for (int i = 0; i < probe_count; ++i) {
    const std::uint64_t bit = bits >> 55;
    bits <<= 9;
    line[bit / 8] = static_cast<char>(line[bit / 8] | 1 << (bit % 8));
  }
}

}  // namespace

FilterBuilder::FilterBuilder(int bits_per_key) : bits_per_key_(bits_per_key) {
  AURORA_CHECK(bits_per_key >= 1 && bits_per_key <= kMaxFilterBitsPerKey);
}

std::string FilterBuilder::Finish() const {
  constexpr std::uint64_t kLineBits = kFilterLineBytes * 8;
  const std::uint64_t bits = hashes_.size() * static_cast<std::uint64_t>(bits_per_key_);
  const std::uint64_t line_count = std::max<std::uint64_t>(1, (bits + kLineBits - 1) / kLineBits);
  AURORA_CHECK(line_count <= UINT32_MAX);
  const int probe_count = ProbeCount(bits_per_key_);
  std::string filter(line_count * kFilterLineBytes + kFilterTrailerBytes, '\0');
  // The line of a key some places ahead is fetched meanwhile: they are all over the filter.
  constexpr std::size_t kAhead = 16;
  for (std::size_t i = 0; i < hashes_.size(); ++i) {
    if (i + kAhead < hashes_.size()) {
      const std::uint64_t ahead = (hashes_[i + kAhead] >> 32) * line_count >> 32;
      __builtin_prefetch(filter.data() + ahead * kFilterLineBytes, 1);
    }
    SetBits(hashes_[i], probe_count, line_count, filter.data());
  }
  char* const trailer = filter.data() + line_count * kFilterLineBytes;
  StoreFixed(trailer, static_cast<std::uint32_t>(line_count));
  trailer[4] = static_cast<char>(probe_count);
  return filter;
}

FilterPages FilterPagesOf(std::string_view filter) {
  AURORA_CHECK(filter.size() >= kFilterLineBytes + kFilterTrailerBytes);
  const std::string_view lines = filter.substr(0, filter.size() - kFilterTrailerBytes);
  FilterPages pages;
  pages.probe_count = static_cast<unsigned char>(filter[lines.size() + 4]);
  for (std::size_t at = 0; at < lines.size(); at += kFilterPageBytes) {
    const std::string_view page = lines.substr(at, kFilterPageBytes);
    AppendFixed64(&pages.checksums,
                  XXH3_64bits_withSeed(page.data(), page.size(), at / kFilterPageBytes));
  }
  return pages;
}

bool IsFilterPage(const FilterPages& pages, std::size_t number, std::string_view bytes) {
  AURORA_DCHECK((number + 1) * sizeof(std::uint64_t) <= pages.checksums.size());
  return LoadFixed<std::uint64_t>(pages.checksums.data() + number * sizeof(std::uint64_t)) ==
         XXH3_64bits_withSeed(bytes.data(), bytes.size(), number);
}

void Filter::AlignedDelete::operator()(char* lines) const {
  ::operator delete[](lines, std::align_val_t{kFilterLineBytes});
}

Filter::Filter(std::string_view lines, int probe_count)
    : lines_(
          static_cast<char*>(::operator new[](lines.size(), std::align_val_t{kFilterLineBytes}))),
      line_count_(lines.size() / kFilterLineBytes),
      probe_count_(probe_count) {
  std::memcpy(lines_.get(), lines.data(), lines.size());
}

std::optional<Filter> Filter::Open(std::string_view bytes) {
  if (bytes.size() < kFilterLineBytes + kFilterTrailerBytes) return std::nullopt;
  const std::string_view lines = bytes.substr(0, bytes.size() - kFilterTrailerBytes);
  const char* const trailer = bytes.data() + lines.size();
  if (std::uint64_t{LoadFixed<std::uint32_t>(trailer)} * kFilterLineBytes != lines.size()) {
    return std::nullopt;
  }
  const int probe_count = static_cast<unsigned char>(trailer[4]);
  if (probe_count < 1 || probe_count > kMaxFilterProbes) return std::nullopt;
  for (std::size_t i = 5; i < kFilterTrailerBytes; ++i) {
    if (trailer[i] != 0) return std::nullopt;
  }
  return Filter(lines, probe_count);
}

}  // namespace aurora::lsm
