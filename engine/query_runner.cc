#include "aurora/engine/query_runner.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/group_runner.h"
#include "aurora/engine/query/evaluator.h"
#include "aurora/engine/query/group_page.h"
#include "aurora/engine/stored_document.h"
#include "aurora/index/term_index.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();

// What things cost, in nanoseconds of documents and entries that are in memory: only how they
// compare matters.
constexpr double kWalkNanos = 150;   // an entry of an index
constexpr double kReadNanos = 600;   // a document by its row
constexpr double kScanNanos = 200;   // a document in a scan of all
constexpr double kResidualPass = 4;  // of so many candidates one is taken to pass the residual

// Groups are kept in memory until all are known.
constexpr std::size_t kGroupsMax = 1'000'000;

// The layout of projected documents: nothing is declared, everything is allowed.
const std::shared_ptr<const Layout>& FreeLayout() {
  static const auto* const layout =
      new std::shared_ptr<const Layout>(*Layout::Create(Schema().Open()));
  return *layout;
}

void SetAt(Object* object, const FieldPath& path, std::size_t depth, const ValueView& value) {
  if (depth + 1 == path.size()) {
    object->Set(path[depth], Value(value));
    return;
  }
  Value* child = object->Find(path[depth]);
  if (child == nullptr || child->type() != Type::kObject)
    child = &object->Set(path[depth], Value(Object()));
  SetAt(&child->AsObject(), path, depth + 1, value);
}

}  // namespace

absl::StatusOr<std::unique_ptr<QueryRunner>> QueryRunner::Create(QueryRequest request) {
  const QuerySpec& spec = request.spec;
  const std::int64_t start = request.database->clock().MonotonicNanos();
  AURORA_ASSIGN_OR_RETURN(Gate::Pass pass, request.database->Enter());
  AURORA_RETURN_IF_ERROR(CheckExpression(spec.where));
  AURORA_ASSIGN_OR_RETURN(std::shared_ptr<CollectionState> collection,
                          request.database->FindCollection(spec.collection));
  std::optional<QueryCursor> after;
  if (!spec.after.empty()) {
    if (spec.groups()) return InvalidArgumentError("groups have no pages by a cursor");
    AURORA_ASSIGN_OR_RETURN(after, DecodeCursor(spec, spec.after));
  }
  std::unique_ptr<QueryRunner> runner(
      new QueryRunner(std::move(request), std::move(collection), std::move(pass)));
  if (runner->collection_->dropped.load(std::memory_order_acquire)) {
    return runner->database_->FindCollection(runner->spec_.collection).status();
  }
  const CollectionDefinition& definition = runner->definition_;
  const bool was_current = runner->definition_before_ == &definition;
  runner->access_ = PlanAccess(
      runner->spec_, PlannerIndices(definition, runner->snapshot_->sequence(), was_current));
  runner->after_ = std::move(after);
  runner->plan_.plan_nanos = runner->database_->clock().MonotonicNanos() - start;
  return runner;
}

QueryRunner::QueryRunner(QueryRequest request, std::shared_ptr<CollectionState> collection,
                         Gate::Pass pass)
    : database_(std::move(request.database)),
      spec_(std::move(request.spec)),
      collection_(std::move(collection)),
      pass_(std::move(pass)),
      definition_before_(collection_->definition.get()),
      snapshot_(database_->store().GetSnapshot()),
      definition_(*collection_->definition),
      asked_profile_(request.profile),
      guard_(request.limits, database_->clock()),
      read_{database_->store(),
            database_->postings(),
            database_->columns(),
            definition_,
            snapshot_->sequence(),
            profile_,
            guard_} {
  if (spec_.groups()) {
    // Every match counts; order and page are of the groups.
    wanted_ = kNoLimit;
    return;
  }
  skip_ = spec_.offset;
  wanted_ = spec_.limit > kNoLimit - skip_ ? kNoLimit : skip_ + spec_.limit;
}

// --- What it is about to do, and what it has done ---

bool QueryRunner::IsWalkCheaper() const {
  if (counting_ || !access_.order_index.has_value() || wanted_ == kNoLimit) return false;
  const auto all = static_cast<double>(collection_->next_row.load(std::memory_order_relaxed));
  const double candidates = rows_ == nullptr ? all : static_cast<double>(rows_->Count());
  const bool exact = residual_.MatchesAll();
  const double passed = static_cast<double>(wanted_) * (exact ? 1 : kResidualPass);
  if (candidates <= passed) return false;
  // What comes before the page is not read where the index alone decides.
  const bool skips = exact && spec_.order_by.size() == 1;
  const double read = skips ? static_cast<double>(wanted_ - skip_) : passed;
  const double walk = passed * all / candidates * kWalkNanos + read * kReadNanos;
  return walk <
         std::min(rows_ == nullptr ? all * kScanNanos : candidates * kReadNanos, all * kScanNanos);
}

bool QueryRunner::IsScanCheaper() const {
  const bool ends_early = spec_.order_by.empty() && wanted_ != kNoLimit && !counting_;
  if (ends_early) return false;
  const auto all = static_cast<double>(collection_->next_row.load(std::memory_order_relaxed));
  return static_cast<double>(rows_->Count()) * kReadNanos > all * kScanNanos;
}

std::string QueryRunner::DescribeAccess() const {
  return access_.scan ? StrCat("scan of ", spec_.collection)
                      : StrCat("index: ", ToString(access_.rows));
}

std::string QueryRunner::DescribeOrder() const {
  if (spec_.groups()) return walks_ ? "groups by their index" : "groups of documents";
  if (spec_.order_by.empty()) return "insertion";
  std::string text = walks_                    ? "walk of the index in order of "
                     : spec_.limit != kNoLimit ? StrCat("top ", spec_.offset + spec_.limit, " by ")
                                               : "sort by ";
  for (std::size_t i = 0; i < spec_.order_by.size(); ++i) {
    const bool descending = spec_.order_by[i].direction == Direction::kDescending;
    StrAppend(&text, i == 0 ? "" : ", ", FieldPathToString(spec_.order_by[i].path),
              descending ? " desc" : "");
  }
  return text;
}

QueryPlan QueryRunner::plan() const {
  QueryPlan plan = plan_;
  if (rows_ != nullptr) plan.estimated_rows = plan.candidate_rows = rows_->Count();
  plan.query = ToString(spec_);
  plan.access = DescribeAccess();
  plan.filter = residual_.MatchesAll() ? "none" : ToString(residual_);
  plan.order = DescribeOrder();
  return plan;
}

// --- Documents ---

Task<absl::Status> QueryRunner::Visit() {
  const absl::Status visited = co_await VisitCandidates();
  NoteProfile();
  AURORA_CO_RETURN_IF_ERROR(visited);
  co_return taken_;
}

void QueryRunner::NoteProfile() {
  plan_.documents_read = profile_.documents_read;
  plan_.hot_tier_hits = profile_.hot_tier_hits;
  if (asked_profile_ != nullptr) asked_profile_->Add(profile_);
}

Task<absl::Status> QueryRunner::VisitCandidates() {
  plan_.estimated_rows = collection_->next_row.load(std::memory_order_relaxed);
  residual_ = access_.residual;
  if (!access_.scan) {
    AURORA_CO_ASSIGN(FoundRows found, co_await finder().Find(access_));
    rows_ = std::move(found.rows);
    residual_ = std::move(found.residual);
    if (counting_ && residual_.MatchesAll()) {
      plan_.matched_rows = rows_->Count();
      co_return absl::OkStatus();
    }
  }
  if (Resumes() && rows_ != nullptr) {
    rows_ = std::make_shared<const index::RowSet>(rows_->After(after_->row));
  }
  if (IsWalkCheaper()) co_return co_await Walk();
  if (rows_ == nullptr || IsScanCheaper()) co_return co_await VisitAll();
  co_return co_await VisitRows();
}

Task<absl::StatusOr<bool>> QueryRunner::TakeRow(index::RowId row) {
  const CollectionDefinition& definition = definition_;
  AURORA_CO_ASSIGN(const std::optional<Document> document,
                   co_await database_->ReadRow(definition, row, snapshot_->sequence(), &profile_));
  if (!document.has_value()) {
    co_return DataLossError("collection ", Quoted(definition.name), ": an index leads to row ", row,
                            ", where there is no document; run aurora-tool verify");
  }
  co_return Take(row, document->view(), [&] { return *document; });
}

Task<absl::Status> QueryRunner::VisitRows() {
  // Without an order, each row that needs no check is the next of the result.
  const bool is_next = residual_.MatchesAll() && spec_.order_by.empty();
  for (const index::RowSet::Chunk& chunk : rows_->chunks()) {
    for (const std::uint32_t place : chunk.places()) {
      if (is_next && SkipRow()) continue;
      const index::RowId row = index::RowAt(chunk.id(), static_cast<std::uint16_t>(place));
      AURORA_CO_ASSIGN(const bool more, co_await TakeRow(row));
      if (!more) co_return absl::OkStatus();
    }
  }
  co_return absl::OkStatus();
}

bool QueryRunner::SkipRow() {
  if (skip_ == 0 || counting_ || grouping_ != nullptr) return false;
  --skip_, --wanted_;
  ++plan_.matched_rows;
  return true;
}

// --- By a scan ---

Task<absl::Status> QueryRunner::VisitAll() {
  const CollectionDefinition& definition = definition_;
  lsm::IterateOptions options;
  options.at = snapshot_->sequence();
  options.fill_cache = false;
  options.profile = &profile_;
  const std::unique_ptr<lsm::Iterator> documents =
      database_->store().NewIterator(definition.documents, options);
  const std::string first = RowKey(Resumes() ? after_->row + 1 : 0);
  AURORA_CO_RETURN_IF_ERROR(co_await documents->Seek(first));
  while (documents->Valid()) {
    AURORA_CO_ASSIGN(const index::RowId row, ParseRowKey(documents->key()));
    if (rows_ != nullptr && !rows_->Contains(row)) {
      AURORA_CO_RETURN_IF_ERROR(co_await documents->Next());
      continue;
    }
    const absl::StatusOr<DocumentView> view =
        ViewStoredDocument(*definition.layout, documents->value());
    if (!view.ok())
      co_return Annotate(view.status(),
                         StrCat("collection ", Quoted(definition.name), ", row ", row));
    if (rows_ == nullptr) ++plan_.candidate_rows;
    ++profile_.documents_read;
    const std::string_view message = documents->value().substr(kStoredHeaderBytes);
    const auto copy = [&] { return Document::Copy(definition.layout, message, view->version()); };
    if (!Take(row, *view, copy)) break;
    AURORA_CO_RETURN_IF_ERROR(co_await documents->Next());
  }
  co_return absl::OkStatus();
}

std::string QueryRunner::SortKeyOf(const DocumentView& view) const {
  std::string key;
  const ObjectView fields = view.fields();
  for (const SortKey& by : spec_.order_by) {
    const KeyOrder order =
        by.direction == Direction::kDescending ? KeyOrder::kDescending : KeyOrder::kAscending;
    AppendKey(ValueAt(fields, by.path).value_or(ValueView()), &key, order);
  }
  return key;
}

bool QueryRunner::Take(index::RowId row, const DocumentView& view,
                       absl::FunctionRef<Document()> handle) {
  taken_ = guard_.OnDocument();
  if (!taken_.ok()) return false;
  if (!residual_.MatchesAll() && !Matches(residual_, view.fields())) return true;
  std::string key;
  if (!counting_ && !spec_.order_by.empty()) {
    key = SortKeyOf(view);
    if (after_.has_value() && std::tie(key, row) <= std::tie(after_->sort_key, after_->row)) {
      return true;
    }
  }
  ++plan_.matched_rows;
  if (counting_) return true;
  if (grouping_ != nullptr) {
    taken_ = grouping_->Add(view.fields());
    return taken_.ok();
  }
  const auto before = [](const Match& a, const Match& b) {
    return a.sort_key != b.sort_key ? a.sort_key < b.sort_key : a.row < b.row;
  };
  if (spec_.order_by.empty()) {
    if (matches_.size() < wanted_) matches_.push_back({{}, row, handle()});
    return matches_.size() < wanted_;
  }
  if (matches_.size() >= wanted_) {
    if (wanted_ == 0 || matches_.front().sort_key <= key)
      return wanted_ != 0;  // a tie loses: its row is later
    std::pop_heap(matches_.begin(), matches_.end(), before);
    matches_.pop_back();
  }
  matches_.push_back({std::move(key), row, handle()});
  std::push_heap(matches_.begin(), matches_.end(), before);
  return true;
}

// --- Results ---

absl::StatusOr<Document> QueryRunner::Project(const Document& document) const {
  Object projected;
  const ObjectView fields = document.fields();
  for (const FieldPath& path : spec_.select) {
    const std::optional<ValueView> value = ValueAt(fields, path);
    if (value.has_value() && path != FieldPath{std::string(kIdFieldName)})
      SetAt(&projected, path, 0, *value);
  }
  AURORA_ASSIGN_OR_RETURN(
      const std::string message,
      EncodeDocument(*FreeLayout(), document.id(), projected, DocumentLimits::Absolute()));
  return Document::Copy(FreeLayout(), message);
}

absl::StatusOr<std::vector<Document>> QueryRunner::Page() {
  if (!spec_.order_by.empty()) {
    std::sort(matches_.begin(), matches_.end(), [](const Match& a, const Match& b) {
      return a.sort_key != b.sort_key ? a.sort_key < b.sort_key : a.row < b.row;
    });
  }
  std::vector<Document> page;
  for (std::size_t i = std::min<std::uint64_t>(skip_, matches_.size()); i < matches_.size(); ++i) {
    if (spec_.select.empty()) {
      page.push_back(std::move(matches_[i].document));
    } else {
      AURORA_ASSIGN_OR_RETURN(Document projected, Project(matches_[i].document));
      page.push_back(std::move(projected));
    }
  }
  return page;
}

std::string QueryRunner::Cursor() const {
  const Match& last = matches_.back();
  return EncodeCursor(spec_, {last.sort_key, last.row});
}

Task<absl::StatusOr<std::vector<Document>>> QueryRunner::Collect() {
  const std::int64_t start = database_->clock().MonotonicNanos();
  AURORA_CO_RETURN_IF_ERROR(co_await Visit());
  absl::StatusOr<std::vector<Document>> page = Page();
  if (page.ok()) plan_.returned_rows = page->size();
  plan_.run_nanos = database_->clock().MonotonicNanos() - start;
  co_return page;
}

Task<absl::StatusOr<std::vector<Object>>> QueryRunner::FindGroups() {
  GroupRunner by_indices(read_, spec_, access_);
  AURORA_CO_ASSIGN(std::optional<std::vector<Object>> groups, co_await by_indices.Run());
  if (groups.has_value()) {
    walks_ = true;
    plan_.matched_rows = by_indices.rows();
    NoteProfile();
    co_return *std::move(groups);
  }
  Grouping grouping(spec_.group_by, spec_.aggregates, kGroupsMax);
  grouping_ = &grouping;
  AURORA_CO_RETURN_IF_ERROR(co_await Visit());
  co_return grouping.Finish();
}

Task<absl::StatusOr<std::vector<Object>>> QueryRunner::Group() {
  const std::int64_t start = database_->clock().MonotonicNanos();
  AURORA_CO_RETURN_IF_ERROR(CheckGroupResults(spec_));
  AURORA_CO_ASSIGN(std::vector<Object> groups, co_await FindGroups());
  PageGroups(spec_, &groups);
  plan_.returned_rows = groups.size();
  plan_.run_nanos = database_->clock().MonotonicNanos() - start;
  co_return groups;
}

Task<absl::StatusOr<std::uint64_t>> QueryRunner::Count() {
  counting_ = true;
  AURORA_CO_RETURN_IF_ERROR(co_await Visit());
  co_return plan_.matched_rows;
}

}  // namespace aurora::engine
