// Queries: built fluently, run on one snapshot.
//
//   auto cheap = co_await db.Query("products")
//       .Where(Field("in_stock") == true && Field("price") < 100)
//       .OrderBy("price", Direction::kDescending).Limit(10).Collect();
//
// A Query is a cheap value; running it leaves it as it was, so it can be kept and run again. It
// keeps the database open for no longer than a run. What a run sees is the newest published commit
// when it starts, whatever commits meanwhile. Errors: NotFound, a collection that does not exist;
// InvalidArgument, an expression that CheckExpression refuses.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/operation_profile.h"
#include "aurora/engine/query/aggregate.h"
#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/engine/query_guard.h"
#include "aurora/engine/query_plan.h"
#include "aurora/runtime/task.h"

namespace aurora {

namespace engine {
class DatabaseImpl;
struct QueryRequest;
}  // namespace engine

struct QueryPage {
  std::vector<Document> documents;
  // For After: where the next page begins. Empty if this one was not full: it is the last.
  std::string next;
};

class Query {
 public:
  // Joined to what is there already with &&.
  Query& Where(const Expression& condition);
  // Adds a key behind those that are there.
  Query& OrderBy(std::string_view path, Direction direction = Direction::kAscending);
  Query& Offset(std::uint64_t rows);
  Query& Limit(std::uint64_t rows);
  // Only what comes behind the page that gave this cursor (QueryPage::next), by a query of the same
  // collection and order. Pages stay true while documents come and go between them (cursor.h), and
  // each costs the same, however far it is; deep pages by Offset cost what they skip.
  Query& After(std::string cursor);
  // Documents then hold these fields only, and their id.
  Query& Select(std::initializer_list<std::string_view> paths);

  // Results are then groups (aggregate.h): what has equal values in these fields.
  Query& GroupBy(std::initializer_list<std::string_view> paths);

  // What each of its runs may take.
  Query& WithLimits(QueryLimits limits);

  // What each of its runs costs is added there: it must live until their tasks complete, and is one
  // run's at a time.
  Query& Profile(OperationProfile* profile);

  const QuerySpec& spec() const { return spec_; }

  // All results. Those without an order are in the order of insertion.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<Document>>> Collect() const;
  // The same with the cursor of the page behind it; best with a Limit.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<QueryPage>> Page() const;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<Document>>> First() const;
  // The number of documents that satisfy the condition; order, page and cursor do not
  // matter.
  // Reads no document if indices answer the condition.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::uint64_t>> Count() const;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<bool>> Exists() const;
  // The groups, each with its aggregates; without GroupBy, one of all documents. By the values that
  // they are by, unless there is an order; that, offset and limit are of the groups, by the names
  // of results. Reads no document if indices answer the condition and the groups are only counted.
  // ResourceExhausted: more than a million groups.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<Object>>> Aggregate(
      std::vector<AggregateSpec> aggregates) const;
  // Those that the text form of the query has.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<Object>>> Aggregate() const;
  // The different values of a field, ascending; missing and null are one.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<Value>>> Distinct(
      std::string_view path) const;
  // Runs the query and tells how.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<QueryPlan>> Explain() const;

 private:
  friend class Database;
  Query(std::shared_ptr<engine::DatabaseImpl> database, QuerySpec spec)
      : database_(std::move(database)), spec_(std::move(spec)) {}
  engine::QueryRequest Request(QuerySpec spec) const;

  std::shared_ptr<engine::DatabaseImpl> database_;
  QuerySpec spec_;
  QueryLimits limits_;
  OperationProfile* profile_ = nullptr;
};

}  // namespace aurora
