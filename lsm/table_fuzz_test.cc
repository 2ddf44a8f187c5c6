// Any bytes as the parts of a table, behind the checksums that would stop nearly all of them: the
// first byte chooses the part.
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/block.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/filter.h"
#include "aurora/lsm/range_delete_block.h"
#include "aurora/lsm/range_deletes.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/table_index.h"
#include "aurora/lsm/table_properties.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {
namespace {

void Properties(std::string_view bytes) {
  const auto properties = DecodeTableProperties(bytes);
  if (!properties.ok()) return;
  const auto again = DecodeTableProperties(EncodeTableProperties(*properties));
  AURORA_CHECK(again.ok() && *again == *properties);
}

void FilterBytes(std::string_view bytes) {
  const auto filter = Filter::Open(bytes);
  if (!filter.has_value()) return;
  for (std::uint64_t i = 0; i < 64; ++i) filter->MayContain(i * 0x9E3779B97F4A7C15);
}

void Index(std::string_view bytes) {
  auto copy = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  const auto block = Block::Open(std::move(copy), bytes.size(), {});
  if (!block.ok()) return;
  // The size that the index itself claims, so that it may pass.
  Block::Cursor cursor;
  cursor.Reset(block->get());
  cursor.SeekToLast();
  if (cursor.value().size() != kHandleBytes) return;
  const std::uint64_t end = LoadHandle(cursor.value().data()).end();
  const auto index = TableIndex::OpenPart(**block, end);
  AURORA_CHECK(index.ok() || !TableIndex::Open({&*block, 1}, 0, end).ok());
  if (!index.ok()) return;
  for (cursor.SeekToFirst(); cursor.Valid(); cursor.Next()) {
    AURORA_CHECK(index->Find(cursor.key()) < index->size());
  }
  index->Find({bytes.substr(0, 30), Version(7, EntryKind::kPut)});
}

void Footer(std::string_view bytes) {
  if (bytes.size() < kTableFooterBytes) return;
  std::string footer(bytes.substr(0, kTableFooterBytes));
  std::memcpy(footer.data(), "AURTABLE", 8);
  StoreFixed(footer.data() + 8, kTableFormatVersion);
  TableIdentity identity;
  std::memcpy(identity.database_id.data(), footer.data() + 16, 16);
  identity.file_number = LoadFixed<std::uint64_t>(footer.data() + 32);
  const auto file_bytes =
      std::max<std::uint64_t>(kTableFooterBytes, LoadFixed<std::uint64_t>(footer.data() + 40));
  StoreFixed<std::uint64_t>(footer.data() + 120, XXH3_64bits(footer.data(), 120));
  const auto parsed = ParseFooter(footer, file_bytes, identity);
  if (parsed.ok()) AURORA_CHECK(parsed->properties.end() <= file_bytes);
}

void RangeDeleteBlock(std::string_view bytes) {
  auto copy = std::make_unique<char[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  MemoryBudget budget(std::size_t{1} << 30);
  const auto decoded = DecodeRangeDeletes(std::move(copy), bytes.size(), &budget);
  if (!decoded.ok()) return;
  const RangeDeletes& deletes = **decoded;
  for (const RangeDelete& range : deletes.all()) {
    const RangeCover cover = deletes.Cover(range.begin, kMaxSequence);
    AURORA_CHECK(cover.sequence >= range.sequence && cover.begin == range.begin);
    AURORA_CHECK(deletes.Cover(range.end, range.sequence).begin == range.end);
  }
  const std::string again = EncodeRangeDeletes(deletes.all());
  auto second = std::make_unique<char[]>(again.size());
  std::copy(again.begin(), again.end(), second.get());
  const auto same = DecodeRangeDeletes(std::move(second), again.size(), &budget);
  AURORA_CHECK(same.ok() && (*same)->size() == deletes.size());
  const std::vector<Sequence> visible{7};
  AURORA_CHECK(Reduce(deletes.all(), visible)->Cover(bytes, 7).sequence ==
               deletes.Cover(bytes, 7).sequence);
}

void StoredBlock(std::string_view bytes) {
  if (bytes.size() < 4 + kStoredTrailerBytes + 1) return;
  BlockHandle handle;
  handle.raw_bytes = LoadFixed<std::uint32_t>(bytes.data()) % (1u << 20);
  std::string stored(bytes.substr(4));
  handle.stored_bytes = static_cast<std::uint32_t>(stored.size() - kStoredTrailerBytes);
  if (!IsPlausible(handle, stored.size())) return;
  char* const trailer = stored.data() + handle.stored_bytes;
  const std::array<char, 32> identity = {};
  StoreFixed<std::uint64_t>(
      trailer + 8, XXH3_64bits_withSeed(stored.data(), handle.stored_bytes + std::size_t{8},
                                        XXH3_64bits(identity.data(), identity.size())));
  const auto raw = DecodeStoredBlock({}, handle, stored);
  if (raw.ok()) AURORA_CHECK((*raw) != nullptr);
}

}  // namespace
}  // namespace aurora::lsm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aurora::lsm;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr void (*kParts[])(std::string_view) = {Properties, FilterBytes, Index,
                                                  Footer,     StoredBlock, RangeDeleteBlock};
  kParts[data[0] % std::size(kParts)](bytes);
  return 0;
}
