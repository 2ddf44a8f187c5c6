// Reads numbers of documents by column (number_columns.h), and fills columns that are worth it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/query_read.h"
#include "aurora/index/number_columns.h"
#include "aurora/index/row_set.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

// A cheap value, of one run.
class ColumnReader {
 public:
  using Cells = std::shared_ptr<const index::NumberChunk>;

  explicit ColumnReader(const QueryRead& read) : read_(&read) {}

  // The slot of a field that is a number by the schema; nullopt if it is none, or there is none.
  std::optional<FieldSlot> NumberField(std::string_view name) const;
  // The cells of a chunk, for one who needs `rows` of them. Null if they are not in memory, and
  // were not asked for often enough to be put there.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<Cells>> Read(FieldSlot field, index::ChunkId chunk,
                                                       std::uint64_t rows) const;

 private:
  static Task<absl::StatusOr<Cells>> Fill(const QueryRead* read, FieldSlot field,
                                          index::ChunkId chunk);

  const QueryRead* read_;
};

}  // namespace aurora::engine
