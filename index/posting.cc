#include "aurora/index/posting.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "aurora/index/row_set.h"
#include "aurora/lsm/coding.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::index {
namespace {

constexpr char kLists = 0;
constexpr char kBitmaps = 1;
constexpr std::size_t kMaxInline = 16;  // above it a bitmap's own array container is about as small

std::uint16_t Load16(const char* p) { return lsm::LoadFixed<std::uint16_t>(p); }
std::uint32_t Load32(const char* p) { return lsm::LoadFixed<std::uint32_t>(p); }
void Append16(std::string* out, std::uint16_t v) {
  out->push_back(static_cast<char>(v));
  out->push_back(static_cast<char>(v >> 8));
}
std::string Serialize(Bitmap bitmap) {
  bitmap.runOptimize();
  std::string bytes(bitmap.getSizeInBytes(), '\0');
  bitmap.write(bytes.data());
  return bytes;
}

absl::Status Damaged(std::string_view why) { return DataLossError("index posting: ", why); }

// Places as they are stored, strictly ascending.
struct PlaceList {
  const char* data = nullptr;
  std::size_t count = 0;

  std::uint16_t operator[](std::size_t i) const { return Load16(data + 2 * i); }
  bool IsAscending() const {
    for (std::size_t i = 1; i < count; ++i) {
      if ((*this)[i] <= (*this)[i - 1]) return false;
    }
    return true;
  }
};

bool Meet(const PlaceList& a, const PlaceList& b) {
  for (std::size_t i = 0, j = 0; i < a.count && j < b.count;) {
    if (a[i] == b[j]) return true;
    a[i] < b[j] ? ++i : ++j;
  }
  return false;
}

// Makes *delta the effect of itself and then of these lists. On an error it may have changed.
absl::Status AppendLists(std::string_view bytes, PostingDelta* delta) {
  if (bytes.size() < 3) return Damaged("truncated list header");
  const PlaceList added{bytes.data() + 3, static_cast<unsigned char>(bytes[1])};
  const PlaceList removed{added.data + 2 * added.count, static_cast<unsigned char>(bytes[2])};
  if (bytes.size() != 3 + 2 * (added.count + removed.count))
    return Damaged("list of the wrong size");
  if (!added.IsAscending() || !removed.IsAscending()) return Damaged("list out of order");
  if (Meet(added, removed)) return Damaged("a row both added and removed");
  for (std::size_t i = 0; i < removed.count; ++i) {
    delta->added.remove(removed[i]);
    delta->removed.add(removed[i]);
  }
  for (std::size_t i = 0; i < added.count; ++i) {
    delta->removed.remove(added[i]);
    delta->added.add(added[i]);
  }
  return absl::OkStatus();
}

absl::StatusOr<PostingDelta> DecodeBitmaps(std::string_view bytes) {
  if (bytes.size() < 5) return Damaged("truncated bitmap header");
  const std::size_t first = Load32(bytes.data() + 1);
  bytes.remove_prefix(5);
  if (first > bytes.size()) return Damaged("bitmap size beyond the end");
  const std::string_view added = bytes.substr(0, first);
  const std::string_view removed = bytes.substr(first);
  if (!IsValidPortableBitmap(added) || !IsValidPortableBitmap(removed))
    return Damaged("malformed bitmap");
  PostingDelta delta;
  delta.added = Bitmap::readSafe(added.data(), added.size());
  delta.removed = Bitmap::readSafe(removed.data(), removed.size());
  if (delta.added.and_cardinality(delta.removed) != 0)
    return Damaged("a row both added and removed");
  return delta;
}

absl::StatusOr<PostingDelta> FoldAll(std::optional<std::string_view> base,
                                     std::span<const std::string_view> operands) {
  PostingDelta total;
  if (base.has_value()) {
    AURORA_ASSIGN_OR_RETURN(total, PostingDelta::Decode(*base));
  }
  for (const std::string_view operand : operands) {
    // Most operands are one place: no bitmap is made for it.
    if (!operand.empty() && operand[0] == kLists) {
      AURORA_RETURN_IF_ERROR(AppendLists(operand, &total));
    } else {
      AURORA_ASSIGN_OR_RETURN(const PostingDelta delta, PostingDelta::Decode(operand));
      total.Append(delta);
    }
  }
  return total;
}

// The portable format's cookies and container limits.
constexpr std::uint32_t kCookieWithoutRuns = 12346;
constexpr std::uint32_t kCookieWithRuns = 12347;
constexpr std::size_t kMaxArrayPlaces = 4096;
constexpr std::size_t kBitsetBytes = 8192;

bool IsValidArray(std::string_view body, std::size_t cardinality) {
  if (body.size() != 2 * cardinality) return false;
  for (std::size_t i = 1; i < cardinality; ++i) {
    if (Load16(body.data() + 2 * i) <= Load16(body.data() + 2 * (i - 1))) return false;
  }
  return true;
}

bool IsValidBitset(std::string_view body, std::size_t cardinality) {
  if (body.size() != kBitsetBytes) return false;
  std::size_t ones = 0;
  for (std::size_t i = 0; i < kBitsetBytes; i += 8) {
    std::uint64_t word;
    std::memcpy(&word, body.data() + i, 8);
    ones += static_cast<std::size_t>(__builtin_popcountll(word));
  }
  return ones == cardinality;
}

bool IsValidRuns(std::string_view body, std::size_t cardinality) {
  if (body.size() < 2) return false;
  const std::size_t runs = Load16(body.data());
  if (runs == 0 || body.size() != 2 + 4 * runs) return false;
  std::size_t total = 0;
  std::uint32_t next_free = 0;  // runs neither overlap nor touch
  for (std::size_t i = 0; i < runs; ++i) {
    const std::uint32_t start = Load16(body.data() + 2 + 4 * i);
    const std::uint32_t end = start + Load16(body.data() + 4 + 4 * i);  // inclusive
    if ((i > 0 && start < next_free) || end >= kRowsPerChunk) return false;
    total += end - start + 1;
    next_free = end + 2;
  }
  return total == cardinality;
}

}  // namespace

bool IsValidPortableBitmap(std::string_view bytes) {
  if (bytes.size() < 8) return false;
  const std::uint32_t cookie = Load32(bytes.data());
  if (cookie == kCookieWithoutRuns) {
    const std::uint32_t containers = Load32(bytes.data() + 4);
    if (containers == 0) return bytes.size() == 8;
    // One descriptor (key, cardinality - 1) and one offset, then the container.
    constexpr std::size_t kHeader = 8 + 4 + 4;
    if (containers != 1 || bytes.size() < kHeader || Load16(bytes.data() + 8) != 0) return false;
    const std::size_t cardinality = std::size_t{Load16(bytes.data() + 10)} + 1;
    if (Load32(bytes.data() + 12) != kHeader) return false;
    const std::string_view body = bytes.substr(kHeader);
    return cardinality <= kMaxArrayPlaces ? IsValidArray(body, cardinality)
                                          : IsValidBitset(body, cardinality);
  }
  // With runs, the count of containers less one is in the upper half of the cookie; then a bit for
  // each container that is runs, the descriptors and, below four containers, no offsets.
  if (cookie != kCookieWithRuns) return false;
  constexpr std::size_t kHeader = 4 + 1 + 4;
  if (bytes.size() < kHeader || bytes[4] != 1 || Load16(bytes.data() + 5) != 0) return false;
  return IsValidRuns(bytes.substr(kHeader), std::size_t{Load16(bytes.data() + 7)} + 1);
}

void PostingDelta::Append(const PostingDelta& later) {
  added -= later.removed;
  added |= later.added;
  removed -= later.added;
  removed |= later.removed;
}

std::string PostingDelta::Encode() const {
  const std::uint64_t added_count = added.cardinality();
  const std::uint64_t removed_count = removed.cardinality();
  std::string out;
  if (added_count + removed_count <= kMaxInline) {
    out.push_back(kLists);
    out.push_back(static_cast<char>(added_count));
    out.push_back(static_cast<char>(removed_count));
    for (const std::uint32_t place : added) Append16(&out, static_cast<std::uint16_t>(place));
    for (const std::uint32_t place : removed) Append16(&out, static_cast<std::uint16_t>(place));
    return out;
  }
  AURORA_DCHECK(added_count == 0 || added.maximum() < kRowsPerChunk);
  AURORA_DCHECK(removed_count == 0 || removed.maximum() < kRowsPerChunk);
  const std::string first = Serialize(added);
  out.push_back(kBitmaps);
  lsm::AppendFixed32(&out, static_cast<std::uint32_t>(first.size()));
  out += first;
  out += Serialize(removed);
  return out;
}

absl::StatusOr<PostingDelta> PostingDelta::Decode(std::string_view bytes) {
  if (bytes.empty()) return Damaged("empty");
  if (bytes[0] == kBitmaps) return DecodeBitmaps(bytes);
  if (bytes[0] != kLists) return Damaged("unknown kind");
  PostingDelta delta;
  AURORA_RETURN_IF_ERROR(AppendLists(bytes, &delta));
  return delta;
}

absl::Status PostingMergeOperator::Fold(std::string_view, std::optional<std::string_view> base,
                                        std::span<const std::string_view> operands,
                                        std::string* value) const {
  AURORA_ASSIGN_OR_RETURN(PostingDelta total, FoldAll(base, operands));
  total.removed = Bitmap();
  *value = total.Encode();
  return absl::OkStatus();
}

absl::Status PostingMergeOperator::Combine(std::string_view,
                                           std::span<const std::string_view> operands,
                                           std::string* operand) const {
  AURORA_ASSIGN_OR_RETURN(const PostingDelta total, FoldAll(std::nullopt, operands));
  *operand = total.Encode();
  return absl::OkStatus();
}

bool PostingMergeOperator::IsEmpty(std::string_view value) const {
  // A folded posting that holds no row is always encoded as two empty lists.
  return value == std::string_view("\0\0\0", 3);
}

}  // namespace aurora::index
