#include "aurora/engine/query.h"

#include <utility>

#include "aurora/engine/database_impl.h"
#include "aurora/engine/query_runner.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

using engine::DatabaseImpl;
using engine::QueryRunner;

absl::Status CheckNoGroups(const QuerySpec& spec) {
  if (!spec.groups()) return absl::OkStatus();
  return InvalidArgumentError("query ", Quoted(ToString(spec)),
                              ": its results are groups, not documents; call Aggregate");
}

Task<absl::StatusOr<std::vector<Document>>> RunCollect(std::shared_ptr<DatabaseImpl> database,
                                                       QuerySpec spec, OperationProfile* profile) {
  AURORA_CO_RETURN_IF_ERROR(CheckNoGroups(spec));
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(database), std::move(spec), profile));
  co_return co_await runner->Collect();
}

Task<absl::StatusOr<QueryPage>> RunPage(std::shared_ptr<DatabaseImpl> database, QuerySpec spec,
                                        OperationProfile* profile) {
  AURORA_CO_RETURN_IF_ERROR(CheckNoGroups(spec));
  const std::uint64_t limit = spec.limit;
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(database), std::move(spec), profile));
  QueryPage page;
  AURORA_CO_ASSIGN(page.documents, co_await runner->Collect());
  if (!page.documents.empty() && page.documents.size() == limit) page.next = runner->Cursor();
  co_return page;
}

Task<absl::StatusOr<std::optional<Document>>> RunFirst(std::shared_ptr<DatabaseImpl> database,
                                                       QuerySpec spec, OperationProfile* profile) {
  spec.limit = std::min<std::uint64_t>(spec.limit, 1);
  AURORA_CO_ASSIGN(std::vector<Document> documents,
                   co_await RunCollect(std::move(database), std::move(spec), profile));
  if (documents.empty()) co_return std::nullopt;
  co_return std::optional<Document>(std::move(documents[0]));
}

Task<absl::StatusOr<std::uint64_t>> RunCount(std::shared_ptr<DatabaseImpl> database, QuerySpec spec,
                                             OperationProfile* profile) {
  AURORA_CO_RETURN_IF_ERROR(CheckNoGroups(spec));
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(database), std::move(spec), profile));
  co_return co_await runner->Count();
}

Task<absl::StatusOr<bool>> RunExists(std::shared_ptr<DatabaseImpl> database, QuerySpec spec,
                                     OperationProfile* profile) {
  spec.order_by.clear();
  spec.select.clear();
  spec.offset = 0;
  AURORA_CO_ASSIGN(const std::optional<Document> first,
                   co_await RunFirst(std::move(database), std::move(spec), profile));
  co_return first.has_value();
}

Task<absl::StatusOr<std::vector<Object>>> RunGroup(std::shared_ptr<DatabaseImpl> database,
                                                   QuerySpec spec, OperationProfile* profile) {
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(database), std::move(spec), profile));
  co_return co_await runner->Group();
}

Task<absl::StatusOr<std::vector<Value>>> RunDistinct(std::shared_ptr<DatabaseImpl> database,
                                                     QuerySpec spec, OperationProfile* profile) {
  const std::string name = FieldPathToString(spec.group_by[0]);
  AURORA_CO_ASSIGN(std::vector<Object> groups,
                   co_await RunGroup(std::move(database), std::move(spec), profile));
  std::vector<Value> values;
  for (Object& group : groups) values.push_back(std::move(*group.Find(name)));
  co_return values;
}

Task<absl::StatusOr<QueryPlan>> RunExplain(std::shared_ptr<DatabaseImpl> database, QuerySpec spec,
                                           OperationProfile* profile) {
  const bool groups = spec.groups();
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(database), std::move(spec), profile));
  if (groups) {
    AURORA_CO_RETURN_IF_ERROR(co_await runner->Group());
  } else {
    AURORA_CO_RETURN_IF_ERROR(co_await runner->Collect());
  }
  co_return runner->plan();
}

}  // namespace

Query& Query::Where(const Expression& condition) {
  spec_.where = spec_.where && condition;
  return *this;
}

Query& Query::OrderBy(std::string_view path, Direction direction) {
  spec_.order_by.push_back({ParseFieldPath(path), direction});
  return *this;
}

Query& Query::Profile(OperationProfile* profile) {
  profile_ = profile;
  return *this;
}

Query& Query::Offset(std::uint64_t rows) {
  spec_.offset = rows;
  return *this;
}

Query& Query::Limit(std::uint64_t rows) {
  spec_.limit = rows;
  return *this;
}

Query& Query::After(std::string cursor) {
  spec_.after = std::move(cursor);
  return *this;
}

Query& Query::Select(std::initializer_list<std::string_view> paths) {
  for (const std::string_view path : paths) spec_.select.push_back(ParseFieldPath(path));
  return *this;
}

Query& Query::GroupBy(std::initializer_list<std::string_view> paths) {
  for (const std::string_view path : paths) spec_.group_by.push_back(ParseFieldPath(path));
  return *this;
}

Task<absl::StatusOr<std::vector<Object>>> Query::Aggregate(
    std::vector<AggregateSpec> aggregates) const {
  QuerySpec spec = spec_;
  spec.aggregates = std::move(aggregates);
  return RunGroup(database_, std::move(spec), profile_);
}

Task<absl::StatusOr<std::vector<Object>>> Query::Aggregate() const {
  return RunGroup(database_, spec_, profile_);
}

Task<absl::StatusOr<std::vector<Value>>> Query::Distinct(std::string_view path) const {
  QuerySpec spec = spec_;
  spec.group_by = {ParseFieldPath(path)};
  spec.aggregates.clear();
  spec.order_by.clear();
  return RunDistinct(database_, std::move(spec), profile_);
}

Task<absl::StatusOr<std::vector<Document>>> Query::Collect() const {
  return RunCollect(database_, spec_, profile_);
}
Task<absl::StatusOr<QueryPage>> Query::Page() const { return RunPage(database_, spec_, profile_); }
Task<absl::StatusOr<std::optional<Document>>> Query::First() const {
  return RunFirst(database_, spec_, profile_);
}
Task<absl::StatusOr<std::uint64_t>> Query::Count() const {
  return RunCount(database_, spec_, profile_);
}
Task<absl::StatusOr<bool>> Query::Exists() const { return RunExists(database_, spec_, profile_); }
Task<absl::StatusOr<QueryPlan>> Query::Explain() const {
  return RunExplain(database_, spec_, profile_);
}

}  // namespace aurora
