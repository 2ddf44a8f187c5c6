// Finds the rows of a query by the indices of its collection.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/planner.h"
#include "aurora/engine/query_guard.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/index/term_index.h"
#include "aurora/lsm/operation_profile.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

// The indices of `definition`, by their numbers, as the planner takes them for a read as of `at`. It
// must outlive them. `was_current`: whether it was the definition already as of `at`, so that its
// rules held then.
std::vector<PlannerIndex> PlannerIndices(const CollectionDefinition& definition, lsm::Sequence at,
                                         bool was_current);

struct FoundRows {
  index::SharedRows rows;  // every row that satisfies the condition is among them
  Expression residual;     // what is left to check on each
};

// Reads as of one sequence, which no compaction has passed. A cheap value; what it was made of must
// outlive it and its tasks. One user at a time.
class RowFinder {
 public:
  RowFinder(lsm::Store& store, index::PostingCache* cache, const CollectionDefinition& definition,
            lsm::Sequence at, lsm::OperationProfile* profile, QueryGuard* guard)
      : store_(&store),
        cache_(cache),
        definition_(&definition),
        at_(at),
        profile_(profile),
        guard_(guard) {}

  // The rows of a plan that is no scan. A range of an index with many terms is read only where
  // nothing else narrows the rows to so few that checking them costs less. `plan` must live until
  // the task completes.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<FoundRows>> Find(const AccessPlan& plan) const;

  index::TermIndex IndexAt(std::size_t number) const {
    const FieldIndex& index = definition_->indices[number];
    return index::TermIndex(*store_, cache_, index.keyspace, index.unique, at_, profile_);
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
  // Null if the index has too many terms to unite their rows.
  static Task<absl::StatusOr<Rows>> UniteTerms(RowFinder self, const RowsNode* node);

  lsm::Store* store_;
  index::PostingCache* cache_;
  const CollectionDefinition* definition_;
  lsm::Sequence at_;
  lsm::OperationProfile* profile_;
  QueryGuard* guard_;
};

}  // namespace aurora::engine
