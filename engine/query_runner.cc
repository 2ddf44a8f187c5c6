#include "aurora/engine/query_runner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/query/evaluator.h"
#include "aurora/engine/stored_document.h"
#include "aurora/index/equality_index.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

// Those that hold every document as of `at`.
std::vector<PlannerIndex> PlannerIndices(const CollectionDefinition& definition, lsm::Sequence at) {
  std::vector<PlannerIndex> indices;
  for (const FieldIndex& index : definition.indices) {
    if (!index.progress->IsReadyAt(at) && !AURORA_PLANTED_BUG("index-used-before-complete"))
      continue;
    indices.push_back({index.field, index.unique, index.array});
  }
  return indices;
}

std::string DescribeOrder(const QuerySpec& spec) {
  if (spec.order_by.empty()) return "insertion";
  const bool bounded = spec.limit != std::numeric_limits<std::uint64_t>::max();
  std::string text = bounded ? StrCat("top ", spec.offset + spec.limit, " by ") : "sort by ";
  for (std::size_t i = 0; i < spec.order_by.size(); ++i) {
    const bool descending = spec.order_by[i].direction == Direction::kDescending;
    StrAppend(&text, i == 0 ? "" : ", ", FieldPathToString(spec.order_by[i].path),
              descending ? " desc" : "");
  }
  return text;
}

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

absl::StatusOr<std::unique_ptr<QueryRunner>> QueryRunner::Create(
    std::shared_ptr<DatabaseImpl> database, QuerySpec spec, OperationProfile* profile) {
  const std::int64_t start = database->clock().MonotonicNanos();
  AURORA_ASSIGN_OR_RETURN(Gate::Pass pass, database->Enter());
  AURORA_RETURN_IF_ERROR(CheckExpression(spec.where));
  AURORA_ASSIGN_OR_RETURN(std::shared_ptr<CollectionState> collection,
                          database->FindCollection(spec.collection));
  std::unique_ptr<QueryRunner> runner(new QueryRunner(std::move(database), std::move(spec),
                                                      std::move(collection), std::move(pass)));
  if (runner->collection_->dropped.load(std::memory_order_acquire)) {
    return runner->database_->FindCollection(runner->spec_.collection).status();
  }
  runner->access_ = PlanAccess(runner->spec_.where,
                               PlannerIndices(runner->definition_, runner->snapshot_->sequence()));
  runner->DescribePlan();
  runner->asked_profile_ = profile;
  runner->plan_.plan_nanos = runner->database_->clock().MonotonicNanos() - start;
  return runner;
}

QueryRunner::QueryRunner(std::shared_ptr<DatabaseImpl> database, QuerySpec spec,
                         std::shared_ptr<CollectionState> collection, Gate::Pass pass)
    : database_(std::move(database)),
      spec_(std::move(spec)),
      collection_(std::move(collection)),
      pass_(std::move(pass)),
      snapshot_(database_->store().GetSnapshot()),
      definition_(*collection_->definition) {
  const bool unlimited = spec_.limit > std::numeric_limits<std::uint64_t>::max() - spec_.offset;
  wanted_ = unlimited ? std::numeric_limits<std::uint64_t>::max() : spec_.offset + spec_.limit;
}

void QueryRunner::DescribePlan() {
  plan_.query = ToString(spec_);
  plan_.access = access_.scan ? StrCat("scan of ", spec_.collection)
                              : StrCat("index: ", ToString(access_.rows));
  plan_.filter = access_.residual.MatchesAll() ? "none" : ToString(access_.residual);
  plan_.order = DescribeOrder(spec_);
  plan_.estimated_rows = collection_->next_row.load(std::memory_order_relaxed);
}

// --- Rows from indices ---

Task<absl::StatusOr<index::RowSet>> QueryRunner::LookUp(const RowsNode* node) {
  const CollectionDefinition& definition = definition_;
  const auto index =
      std::find_if(definition.indices.begin(), definition.indices.end(),
                   [&](const FieldIndex& i) { return i.field == node->index.field; });
  AURORA_CHECK(index != definition.indices.end());
  index::RowSet rows;
  for (const Value& value : node->values) {
    std::string term = EncodeKey(value);
    if (index->unique) {
      AURORA_CO_ASSIGN(
          const std::optional<lsm::PinnedValue> row,
          co_await database_->store().Get(index->keyspace, term, snapshot_->sequence(), &profile_));
      if (!row.has_value()) continue;
      AURORA_CO_ASSIGN(const index::RowId id, ParseRowKey(row->view()));
      rows.Add(id);
    } else {
      const index::EqualityIndex reader(database_->store(), index->keyspace, &profile_);
      AURORA_CO_ASSIGN(const index::RowSet more,
                       co_await reader.Rows(std::move(term), snapshot_->sequence()));
      rows = rows | more;
    }
  }
  co_return rows;
}

Task<absl::StatusOr<index::RowSet>> QueryRunner::Rows(const RowsNode* node) {
  if (node->kind == RowsNode::Kind::kLookup) co_return co_await LookUp(node);
  index::RowSet rows;
  for (std::size_t i = 0; i < node->children.size(); ++i) {
    AURORA_CO_ASSIGN(const index::RowSet child, co_await Rows(&node->children[i]));
    if (i == 0) {
      rows = child;
    } else {
      rows = node->kind == RowsNode::Kind::kAnd ? rows & child : rows | child;
    }
  }
  co_return rows;
}

// --- Documents ---

Task<absl::Status> QueryRunner::Visit() {
  absl::Status visited;
  if (access_.scan) {
    visited = co_await VisitAll();
  } else {
    visited = co_await VisitRows();
  }
  plan_.documents_read = profile_.documents_read;
  plan_.hot_tier_hits = profile_.hot_tier_hits;
  if (asked_profile_ != nullptr) asked_profile_->Add(profile_);
  co_return visited;
}

Task<absl::Status> QueryRunner::VisitRows() {
  AURORA_CO_ASSIGN(const index::RowSet rows, co_await Rows(&access_.rows));
  plan_.candidate_rows = rows.Count();
  plan_.estimated_rows = plan_.candidate_rows;
  const bool exact = access_.residual.MatchesAll();
  if (counting_ && exact) {
    plan_.matched_rows = plan_.candidate_rows;
    co_return absl::OkStatus();
  }
  // Without an order and a residual, rows and results correspond one to one: only the page is read.
  const bool page_only = exact && spec_.order_by.empty();
  const std::vector<index::RowId> chosen = page_only ? rows.ToVector(0, wanted_) : rows.ToVector();
  const CollectionDefinition& definition = definition_;
  absl::Status status;
  for (const index::RowId row : chosen) {
    absl::StatusOr<std::optional<Document>> document =
        co_await database_->ReadRow(definition, row, snapshot_->sequence(), &profile_);
    if (!document.ok()) {
      status = document.status();
    } else if (!document->has_value()) {
      status = DataLossError("collection ", Quoted(definition.name), ": an index leads to row ",
                             row, ", where there is no document; run aurora-tool verify");
    }
    if (!status.ok() || !Take(row, (*document)->view(), [&] { return **document; })) break;
  }
  co_return status;
}

Task<absl::Status> QueryRunner::VisitAll() {
  const CollectionDefinition& definition = definition_;
  lsm::IterateOptions options;
  options.at = snapshot_->sequence();
  options.fill_cache = false;
  options.profile = &profile_;
  const std::unique_ptr<lsm::Iterator> documents =
      database_->store().NewIterator(definition.documents, options);
  AURORA_CO_RETURN_IF_ERROR(co_await documents->SeekToFirst());
  while (documents->Valid()) {
    AURORA_CO_ASSIGN(const index::RowId row, ParseRowKey(documents->key()));
    const absl::StatusOr<DocumentView> view =
        ViewStoredDocument(*definition.layout, documents->value());
    if (!view.ok())
      co_return Annotate(view.status(),
                         StrCat("collection ", Quoted(definition.name), ", row ", row));
    ++plan_.candidate_rows;
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
  if (!access_.residual.MatchesAll() && !Matches(access_.residual, view.fields())) return true;
  ++plan_.matched_rows;
  if (counting_) return true;
  const auto before = [](const Match& a, const Match& b) {
    return a.sort_key != b.sort_key ? a.sort_key < b.sort_key : a.row < b.row;
  };
  if (spec_.order_by.empty()) {
    if (matches_.size() < wanted_) matches_.push_back({{}, row, handle()});
    return matches_.size() < wanted_;
  }
  std::string key = SortKeyOf(view);
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
  for (std::size_t i = std::min<std::uint64_t>(spec_.offset, matches_.size()); i < matches_.size();
       ++i) {
    if (spec_.select.empty()) {
      page.push_back(std::move(matches_[i].document));
    } else {
      AURORA_ASSIGN_OR_RETURN(Document projected, Project(matches_[i].document));
      page.push_back(std::move(projected));
    }
  }
  return page;
}

Task<absl::StatusOr<std::vector<Document>>> QueryRunner::Collect() {
  const std::int64_t start = database_->clock().MonotonicNanos();
  AURORA_CO_RETURN_IF_ERROR(co_await Visit());
  absl::StatusOr<std::vector<Document>> page = Page();
  if (page.ok()) plan_.returned_rows = page->size();
  plan_.run_nanos = database_->clock().MonotonicNanos() - start;
  co_return page;
}

Task<absl::StatusOr<std::uint64_t>> QueryRunner::Count() {
  counting_ = true;
  AURORA_CO_RETURN_IF_ERROR(co_await Visit());
  co_return plan_.matched_rows;
}

}  // namespace aurora::engine
