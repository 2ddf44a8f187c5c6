// Runs a query on one snapshot: rows from the indices or by a scan, the residual condition on each
// document, then order, page and projection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/database_impl.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/query/planner.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/engine/query_plan.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/store.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

// One run. Not thread-safe; must outlive its tasks.
class QueryRunner {
 public:
  // Plans. The database is entered until this object dies. What a run costs is added to `profile`,
  // unless it is null.
  static absl::StatusOr<std::unique_ptr<QueryRunner>> Create(std::shared_ptr<DatabaseImpl> database,
                                                             QuerySpec spec,
                                                             OperationProfile* profile);

  Task<absl::StatusOr<std::vector<Document>>> Collect();
  Task<absl::StatusOr<std::uint64_t>> Count();
  // Figures of the run that has been made.
  const QueryPlan& plan() const { return plan_; }

 private:
  // A document that satisfies the condition, and what it sorts by: one key for all sort keys, in
  // their directions.
  struct Match {
    std::string sort_key;
    index::RowId row = 0;
    Document document;
  };

  QueryRunner(std::shared_ptr<DatabaseImpl> database, QuerySpec spec,
              std::shared_ptr<CollectionState> collection, Gate::Pass pass);

  void DescribePlan();
  Task<absl::StatusOr<index::RowSet>> Rows(const RowsNode* node);
  Task<absl::StatusOr<index::RowSet>> LookUp(const RowsNode* node);
  // Offers every candidate to Take, until it says that it has enough.
  Task<absl::Status> Visit();
  Task<absl::Status> VisitRows();
  Task<absl::Status> VisitAll();
  // Looks at one candidate, in the order of rows; `handle` makes a document of it, if it matters.
  // False if no later candidate can matter.
  bool Take(index::RowId row, const DocumentView& view, absl::FunctionRef<Document()> handle);
  std::string SortKeyOf(const DocumentView& view) const;
  absl::StatusOr<std::vector<Document>> Page();
  absl::StatusOr<Document> Project(const Document& document) const;

  const std::shared_ptr<DatabaseImpl> database_;
  const QuerySpec spec_;
  const std::shared_ptr<CollectionState> collection_;
  const Gate::Pass pass_;
  const std::unique_ptr<lsm::Snapshot> snapshot_;
  // As of the snapshot or later, so that it describes every document there.
  const CollectionDefinition& definition_;
  AccessPlan access_;
  QueryPlan plan_;
  OperationProfile profile_;
  OperationProfile* asked_profile_ = nullptr;  // where it is added; null: nobody asks
  std::vector<Match> matches_;                 // sorted queries: a heap of the best, worst first
  std::uint64_t wanted_ = 0;                   // matches that can matter: offset + limit
  bool counting_ = false;                      // matches are counted, not kept
};

}  // namespace aurora::engine
