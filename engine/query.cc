#include "aurora/engine/query.h"

#include <utility>

#include "aurora/engine/database_impl.h"
#include "aurora/engine/query_runner.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

using engine::QueryRequest;
using engine::QueryRunner;

absl::Status CheckNoGroups(const QuerySpec& spec) {
  if (!spec.groups()) return absl::OkStatus();
  return InvalidArgumentError("query ", Quoted(ToString(spec)),
                              ": its results are groups, not documents; call Aggregate");
}

Task<absl::StatusOr<std::vector<Document>>> RunCollect(QueryRequest request) {
  AURORA_CO_RETURN_IF_ERROR(CheckNoGroups(request.spec));
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(request)));
  co_return co_await runner->Collect();
}

Task<absl::StatusOr<QueryPage>> RunPage(QueryRequest request) {
  AURORA_CO_RETURN_IF_ERROR(CheckNoGroups(request.spec));
  const std::uint64_t limit = request.spec.limit;
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(request)));
  QueryPage page;
  AURORA_CO_ASSIGN(page.documents, co_await runner->Collect());
  if (!page.documents.empty() && page.documents.size() == limit) page.next = runner->Cursor();
  co_return page;
}

Task<absl::StatusOr<std::optional<Document>>> RunFirst(QueryRequest request) {
  request.spec.limit = std::min<std::uint64_t>(request.spec.limit, 1);
  AURORA_CO_ASSIGN(std::vector<Document> documents, co_await RunCollect(std::move(request)));
  if (documents.empty()) co_return std::nullopt;
  co_return std::optional<Document>(std::move(documents[0]));
}

Task<absl::StatusOr<std::uint64_t>> RunCount(QueryRequest request) {
  AURORA_CO_RETURN_IF_ERROR(CheckNoGroups(request.spec));
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(request)));
  co_return co_await runner->Count();
}

Task<absl::StatusOr<bool>> RunExists(QueryRequest request) {
  request.spec.order_by.clear();
  request.spec.select.clear();
  request.spec.offset = 0;
  AURORA_CO_ASSIGN(const std::optional<Document> first, co_await RunFirst(std::move(request)));
  co_return first.has_value();
}

Task<absl::StatusOr<std::vector<Object>>> RunGroup(QueryRequest request) {
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(request)));
  co_return co_await runner->Group();
}

Task<absl::StatusOr<std::vector<Value>>> RunDistinct(QueryRequest request) {
  const std::string name = ResultName(request.spec.group_by[0]);
  AURORA_CO_ASSIGN(std::vector<Object> groups, co_await RunGroup(std::move(request)));
  std::vector<Value> values;
  for (Object& group : groups) values.push_back(std::move(*group.Find(name)));
  co_return values;
}

Task<absl::StatusOr<QueryPlan>> RunExplain(QueryRequest request) {
  const bool groups = request.spec.groups();
  AURORA_CO_ASSIGN(const std::unique_ptr<QueryRunner> runner,
                   QueryRunner::Create(std::move(request)));
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

Query& Query::WithLimits(QueryLimits limits) {
  limits_ = std::move(limits);
  return *this;
}

engine::QueryRequest Query::Request(QuerySpec spec) const {
  return {database_, std::move(spec), limits_, profile_};
}

Query& Query::GroupBy(std::initializer_list<std::string_view> paths) {
  for (const std::string_view path : paths) spec_.group_by.push_back(ParseFieldPath(path));
  return *this;
}

Task<absl::StatusOr<std::vector<Object>>> Query::Aggregate(
    std::vector<AggregateSpec> aggregates) const {
  QuerySpec spec = spec_;
  spec.aggregates = std::move(aggregates);
  return RunGroup(Request(std::move(spec)));
}

Task<absl::StatusOr<std::vector<Object>>> Query::Aggregate() const {
  return RunGroup(Request(spec_));
}

Task<absl::StatusOr<std::vector<Value>>> Query::Distinct(std::string_view path) const {
  QuerySpec spec = spec_;
  spec.group_by = {ParseFieldPath(path)};
  spec.aggregates.clear();
  spec.order_by.clear();
  return RunDistinct(Request(std::move(spec)));
}

Task<absl::StatusOr<std::vector<Document>>> Query::Collect() const {
  return RunCollect(Request(spec_));
}
Task<absl::StatusOr<QueryPage>> Query::Page() const { return RunPage(Request(spec_)); }
Task<absl::StatusOr<std::optional<Document>>> Query::First() const {
  return RunFirst(Request(spec_));
}
Task<absl::StatusOr<std::uint64_t>> Query::Count() const { return RunCount(Request(spec_)); }
Task<absl::StatusOr<bool>> Query::Exists() const { return RunExists(Request(spec_)); }
Task<absl::StatusOr<QueryPlan>> Query::Explain() const { return RunExplain(Request(spec_)); }

}  // namespace aurora
