// Groups of a query by indices and columns of numbers alone, without a look at documents.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/column_reader.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/query/aggregate.h"
#include "aurora/engine/query/planner.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/engine/query_read.h"
#include "aurora/index/number_columns.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

// One run. Not thread-safe. What it is made of must outlive it and its tasks.
class GroupRunner {
 public:
  GroupRunner(const QueryRead& read, const QuerySpec& spec, const AccessPlan& access)
      : read_(read), spec_(spec), access_(access) {}

  // All groups, by their keys. nullopt if documents have to be read: the condition is not answered
  // by indices, groups are not by a field with an index of few terms, or numbers are not in memory
  // and were not asked for often enough to be put there.
  Task<absl::StatusOr<std::optional<std::vector<Object>>>> Run();
  // The documents in them.
  std::uint64_t rows() const { return row_count_; }

 private:
  struct Part {
    std::optional<Value> key;  // of the group; nullopt: groups are by nothing
    index::SharedRows rows;
  };
  using Cells = ColumnReader::Cells;

  // False: not by indices alone.
  Task<absl::StatusOr<bool>> FindParts();
  // The fields that are aggregated, one for each aggregate; nullopt for a count. False: one of them
  // is no number by its schema.
  bool FindFields();
  Task<absl::StatusOr<bool>> FindCells();
  // False: a cell is no number.
  absl::StatusOr<bool> Accumulate(const Part& part, std::vector<Accumulator>* group) const;

  const QueryRead& read_;
  const QuerySpec& spec_;
  const AccessPlan& access_;
  std::vector<Part> parts_;
  std::vector<std::optional<FieldSlot>> fields_;
  // Of each aggregate, by chunk, ascending.
  std::vector<std::vector<std::pair<index::ChunkId, Cells>>> cells_;
  std::uint64_t row_count_ = 0;
};

}  // namespace aurora::engine
