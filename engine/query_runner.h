// Runs a query on one snapshot: rows from the indices or by a scan, the residual condition on each
// document, then order, page and projection.
//
// An order is walked along its index, and ended with the page, where that costs less than to look
// at all rows and sort them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/collection.h"
#include "aurora/engine/database_impl.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/query/aggregate.h"
#include "aurora/engine/query/cursor.h"
#include "aurora/engine/query/planner.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/engine/query_guard.h"
#include "aurora/engine/query_plan.h"
#include "aurora/engine/query_read.h"
#include "aurora/engine/row_finder.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/lsm/store.h"
#include "aurora/runtime/task.h"

namespace aurora::engine {

// What is to be run, on which database.
struct QueryRequest {
  std::shared_ptr<DatabaseImpl> database;
  QuerySpec spec;
  QueryLimits limits;
  OperationProfile* profile = nullptr;  // what the run costs is added to it; null: nobody asks
};

// One run. Not thread-safe; must outlive its tasks.
class QueryRunner {
 public:
  // Plans. The database is entered until this object dies.
  static absl::StatusOr<std::unique_ptr<QueryRunner>> Create(QueryRequest request);

  Task<absl::StatusOr<std::vector<Document>>> Collect();
  // Where the page of Collect ended, which was not empty.
  std::string Cursor() const;
  Task<absl::StatusOr<std::uint64_t>> Count();
  // The groups of a query that groups, all of them, by their keys.
  Task<absl::StatusOr<std::vector<Object>>> Group();
  // Of the run that has been made.
  QueryPlan plan() const;

 private:
  // A document that satisfies the condition, and what it sorts by: one key for all sort keys, in
  // their directions.
  struct Match {
    std::string sort_key;
    index::RowId row = 0;
    Document document;
  };

  QueryRunner(QueryRequest request, std::shared_ptr<CollectionState> collection, Gate::Pass pass);

  RowFinder finder() const { return RowFinder(read_); }
  // Whether only rows behind a cursor count.
  bool Resumes() const { return after_.has_value() && spec_.order_by.empty() && !counting_; }
  // Whether the next match comes before the page: then it is passed over.
  bool SkipRow();
  bool IsWalkCheaper() const;
  bool IsScanCheaper() const;
  std::string DescribeAccess() const;
  std::string DescribeOrder() const;

  // Offers every candidate to Take, until it says that it has enough.
  Task<absl::Status> Visit();
  Task<absl::Status> VisitCandidates();
  Task<absl::Status> VisitRows();
  Task<absl::Status> VisitAll();
  // In the order of the first sort key, until the page is full.
  Task<absl::Status> Walk();
  index::TermRange WalkedRange() const;
  Task<absl::Status> WalkTerms(index::SharedTerms terms);
  Task<absl::Status> WalkEntries();
  // The next candidate of a walk. False if no later one can matter.
  Task<absl::StatusOr<bool>> TakeNext(index::RowId row);
  Task<absl::StatusOr<bool>> TakeRow(index::RowId row);
  Task<absl::StatusOr<std::vector<Object>>> FindGroups();
  // Once what the run costs is known.
  void NoteProfile();
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
  const CollectionDefinition* const definition_before_;  // the snapshot
  const std::unique_ptr<lsm::Snapshot> snapshot_;
  // As of the snapshot or later, so that it describes every document there.
  const CollectionDefinition& definition_;
  AccessPlan access_;
  index::SharedRows rows_;  // the candidates; null: all
  Expression residual_;     // to be checked on each
  bool walks_ = false;      // an index gives the order, or the groups
  QueryPlan plan_;          // figures only
  OperationProfile profile_;
  OperationProfile* const asked_profile_;  // where it is added; null: nobody asks
  QueryGuard guard_;
  const QueryRead read_;
  std::vector<Match> matches_;        // sorted queries: a heap of the best, worst first
  std::optional<QueryCursor> after_;  // only what comes behind it
  std::uint64_t skip_ = 0;            // matches before the page
  std::uint64_t wanted_ = 0;          // matches that can matter: those, and the page
  bool counting_ = false;             // matches are counted, not kept
  Grouping* grouping_ = nullptr;      // matches are added to it, not kept
  absl::Status taken_;                // the first error of Take
};

}  // namespace aurora::engine
