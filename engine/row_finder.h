// Finds the rows of a query by the indices of its collection.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/planner.h"
#include "aurora/engine/query_read.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/index/term_index.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

// The indices of `definition`, by their numbers, as the planner takes them for a read as of `at`.
// It must outlive them. `was_current`: whether it was the definition already as of `at`, so that
// its rules held then.
std::vector<PlannerIndex> PlannerIndices(const CollectionDefinition& definition, lsm::Sequence at,
                                         bool was_current);

struct FoundRows {
  index::SharedRows rows;  // every row that satisfies the condition is among them
  Expression residual;     // what is left to check on each
};

// A cheap value, of one run; `read` must outlive it and its tasks.
class RowFinder {
 public:
  explicit RowFinder(const QueryRead& read) : read_(&read) {}

  // The rows of a plan that is no scan. Where other conditions leave few rows, ranges are checked
  // on those: by columns of numbers, or, of an index with many terms, by the documents. `plan` must
  // live until the task completes.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<FoundRows>> Find(const AccessPlan& plan) const;

  index::TermIndex IndexAt(std::size_t number) const {
    const FieldIndex& index = read_->definition.indices[number];
    return index::TermIndex(read_->store, &read_->postings, index.keyspace, index.unique, read_->at,
                            &read_->profile);
  }

 private:
  using Rows = index::SharedRows;

  AURORA_TASK_WRAPPER static Task<absl::StatusOr<Rows>> Evaluate(RowFinder self,
                                                                 const RowsNode* node);
  static Task<absl::StatusOr<FoundRows>> FindWhole(RowFinder self, const AccessPlan* plan);
  static Task<absl::StatusOr<FoundRows>> FindIntersection(RowFinder self, const AccessPlan* plan);
  static Task<absl::StatusOr<Rows>> Combine(RowFinder self, const RowsNode* node);
  static Task<absl::StatusOr<Rows>> LookUp(RowFinder self, const RowsNode* node);
  static Task<absl::StatusOr<Rows>> ReadRange(RowFinder self, const RowsNode* node);
  // The rows of `rows` that a range holds for, by its column; null if that is not in memory.
  static Task<absl::StatusOr<Rows>> CheckByColumn(RowFinder self, Rows rows, const RowsNode* node);
  // Null if the index has too many terms to unite their rows.
  static Task<absl::StatusOr<Rows>> UniteTerms(RowFinder self, const RowsNode* node);

  const QueryRead* read_;
};

}  // namespace aurora::engine
