// Numbers of documents by row, in memory: what aggregates read in place of the documents.
//
// A column is one field of one collection, in chunks of 2^16 rows. A chunk is filled once it has
// been worth it: once as many rows were asked for as it costs to read all of its documents (the
// rule of those who rent skis: at worst twice the cost of the best choice). Commits then say what
// they change, and a reader sees the numbers as of his sequence (followed.h).
//
// Thread-safe. A look takes a shared lock for one probe; a commit takes it exclusively, if the
// cache holds any column, for a probe of each field that has one. Memory: followed_cache.h.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "aurora/index/followed_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::index {

// What a row has in a field.
struct NumberCell {
  enum class Kind : std::uint8_t {
    kNone,    // no row, no value, or null
    kInt64,   //
    kDouble,  //
    kOther    // a value that is no number
  };
  Kind kind = Kind::kNone;
  std::uint64_t bits = 0;

  static NumberCell Of(std::int64_t value) {
    return {Kind::kInt64, static_cast<std::uint64_t>(value)};
  }
  static NumberCell Of(double value) {
    return {Kind::kDouble, std::bit_cast<std::uint64_t>(value)};
  }
  std::int64_t AsInt64() const { return static_cast<std::int64_t>(bits); }
  double AsDouble() const { return std::bit_cast<double>(bits); }
};

// The cells of a chunk. Not thread-safe to change.
class NumberChunk {
 public:
  NumberChunk() : bits_(kRowsPerChunk), kinds_(kRowsPerChunk) {}

  NumberCell At(std::uint16_t place) const { return {kinds_[place], bits_[place]}; }
  void Set(std::uint16_t place, NumberCell cell) {
    kinds_[place] = cell.kind;
    bits_[place] = cell.bits;
  }
  std::size_t memory_bytes() const {
    return sizeof(NumberChunk) + kRowsPerChunk * (sizeof(std::uint64_t) + 1);
  }

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<NumberCell::Kind> kinds_;
};

struct ColumnId {
  std::uint32_t collection = 0;
  std::uint32_t field = 0;
  friend bool operator==(const ColumnId&, const ColumnId&) = default;
  friend auto operator<=>(const ColumnId&, const ColumnId&) = default;
};

class NumberColumns {
 public:
  // `budget` must outlive it.
  NumberColumns(std::size_t capacity_bytes, MemoryBudget* budget)
      : chunks_(capacity_bytes, budget) {}
  NumberColumns(const NumberColumns&) = delete;
  NumberColumns& operator=(const NumberColumns&) = delete;

  struct Found {
    std::shared_ptr<const NumberChunk> cells;  // null: not known
    bool worth_filling = false;                // then it should be read, and offered
  };
  // The cells of a chunk as of `at`, for one who needs `rows` of them.
  Found Find(ColumnId column, ChunkId chunk, lsm::Sequence at, std::uint64_t rows);
  // Offers what was read as of `at`, after Find has asked for it.
  void Fill(ColumnId column, ChunkId chunk, lsm::Sequence at,
            std::shared_ptr<const NumberChunk> cells);

  // A commit gives `row` of `collection` other values: `cell_of` tells a field's. In the order of
  // commits, before any reader can see it. Costs two atomic operations if there are no columns.
  void Apply(lsm::Sequence sequence, std::uint32_t collection, RowId row,
             absl::FunctionRef<NumberCell(std::uint32_t field)> cell_of);

  std::size_t charged_bytes() const;

 private:
  struct Key {
    ColumnId column;
    ChunkId chunk = 0;
    Key view() const { return *this; }
    std::size_t memory_bytes() const { return 0; }
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct CellChange {
    std::uint16_t place = 0;
    NumberCell cell;
  };

  mutable std::shared_mutex mutex_;
  FollowedCache<Key, Key, KeyHash, NumberChunk, CellChange> chunks_;
  // The fields that were ever asked for, of each collection.
  std::map<std::uint32_t, std::vector<std::uint32_t>> fields_;
  // Rows asked for in vain, of chunks that are not worth filling yet.
  absl::flat_hash_map<Key, std::uint64_t, KeyHash> asked_;
  std::atomic<bool> has_fields_{false};
  std::atomic<lsm::Sequence> last_applied_{0};
};

}  // namespace aurora::index
