#include "aurora/index/number_columns.h"

#include <algorithm>
#include <mutex>
#include <span>

#include "aurora/runtime/fault_points.h"
#include "xxhash.h"

namespace aurora::index {
namespace {

// A document costs about an eighth as much in a scan of its chunk as by its row.
constexpr std::uint64_t kWorthRows = kRowsPerChunk / 8;
// More changes than these are not worth being applied one by one: the chunk is read anew.
constexpr std::size_t kWaitingMax = kRowsPerChunk / 2;
// Forgets what was asked for long ago, rather than to grow with the number of chunks.
constexpr std::size_t kAskedMax = 1u << 16;

}  // namespace

std::size_t NumberColumns::KeyHash::operator()(const Key& key) const {
  const std::uint32_t words[] = {key.column.collection, key.column.field, key.chunk};
  return XXH3_64bits(words, sizeof(words));
}

NumberColumns::Found NumberColumns::Find(ColumnId column, ChunkId chunk, lsm::Sequence at,
                                         std::uint64_t rows) {
  const Key key{column, chunk};
  decltype(chunks_)::Found found;
  {
    const std::shared_lock lock(mutex_);
    found = chunks_.Find(key, at);
  }
  const auto& [value, changes] = found.view;
  if (value == nullptr) {
    const std::unique_lock lock(mutex_);
    if (asked_.size() > kAskedMax) asked_.clear();
    std::uint64_t& asked = asked_[key];
    asked += rows;
    if (asked < kWorthRows) return {};
    asked = 0;  // where there is no room for it, it is not read each time
    std::vector<std::uint32_t>& fields = fields_[column.collection];
    if (std::find(fields.begin(), fields.end(), column.field) == fields.end()) {
      fields.push_back(column.field);
    }
    // In this order: a commit that has not seen it is not after what is loaded here.
    has_fields_.store(true, std::memory_order_seq_cst);
    chunks_.Watch(key, last_applied_.load(std::memory_order_seq_cst));
    return {nullptr, true};
  }
  if (changes.empty()) return {value, false};
  auto folded = std::make_shared<NumberChunk>(*value);
  for (const CellChange& change : changes) folded->Set(change.place, change.cell);
  {
    const std::unique_lock lock(mutex_);
    chunks_.Fold(key, value, changes.size(), folded);
  }
  return {std::move(folded), false};
}

void NumberColumns::Fill(ColumnId column, ChunkId chunk, lsm::Sequence at,
                         std::shared_ptr<const NumberChunk> cells) {
  const std::unique_lock lock(mutex_);
  chunks_.Fill({column, chunk}, at, std::move(cells));
}

void NumberColumns::Apply(lsm::Sequence sequence, std::uint32_t collection, RowId row,
                          absl::FunctionRef<NumberCell(std::uint32_t field)> cell_of) {
  last_applied_.store(sequence, std::memory_order_seq_cst);
  if (!has_fields_.load(std::memory_order_seq_cst)) return;
  if (AURORA_PLANTED_BUG("number-columns-miss-commit")) return;
  const std::unique_lock lock(mutex_);
  const auto fields = fields_.find(collection);
  if (fields == fields_.end()) return;
  for (const std::uint32_t field : fields->second) {
    const CellChange change{PlaceOf(row), cell_of(field)};
    chunks_.Append({{collection, field}, ChunkOf(row)}, sequence, std::span(&change, 1),
                   kWaitingMax);
  }
}

std::size_t NumberColumns::charged_bytes() const {
  const std::shared_lock lock(mutex_);
  return chunks_.charged_bytes();
}

}  // namespace aurora::index
