#include "aurora/tests/simulation/database_model_testing.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task_group.h"

namespace aurora::proof {
namespace {

constexpr std::size_t kScriptLines = 30;
constexpr std::size_t kDeadMax = 30;

// What is an answer, as opposed to a failure to give one.
absl::Status Answered(const absl::Status& status, Outcome* outcome) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kNotFound:
      outcome->code = status.code();
      return absl::OkStatus();
    default:
      return status;
  }
}

bool IsGenerated(const Operation& operation, std::size_t i) {
  return operation.kind == Operation::Kind::kInsert && !operation.objects[i].contains("_id");
}

std::string ShowPage(const std::vector<OracleDocument>& page) {
  std::string text = StrCat(page.size(), " documents:");
  for (const OracleDocument& document : page) StrAppend(&text, "\n    ", Show(document));
  return text;
}

bool SamePage(const std::vector<OracleDocument>& a, const std::vector<OracleDocument>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), SameDocument);
}

std::vector<OracleDocument> FromDocuments(const std::vector<Document>& documents) {
  std::vector<OracleDocument> page;
  for (const Document& document : documents) page.push_back(FromDocument(document));
  return page;
}

// Holds for no document, which no index can tell: `x || Never()` is a scan that answers x.
Expression Never() { return Field("name").Length() < 0; }

}  // namespace

ModelOptions DrawModelOptions(std::uint64_t seed, Durability durability) {
  SeededRandom random(seed ^ 0x6D6F64656C);
  ModelOptions options;
  options.durability = durability;
  options.hot_tier_share = random.Below(3) == 0 ? 0 : 0.25;
  return options;
}

DatabaseModel::DatabaseModel(std::uint64_t seed, ModelOptions options)
    : random_(seed), options_(std::move(options)) {}
DatabaseModel::~DatabaseModel() = default;

std::unique_ptr<DatabaseModel> DatabaseModel::Fork(std::uint64_t seed) const {
  auto fork = std::make_unique<DatabaseModel>(seed, options_);
  fork->states_ = states_;
  fork->between_ = between_;
  fork->synced_ = synced_;
  fork->process_ = process_;
  fork->in_flight_ = in_flight_;
  fork->dead_ = dead_;
  fork->next_number_ = next_number_;
  fork->script_ = script_;
  return fork;
}

// --- Telling. ---

void DatabaseModel::Note(std::string line) {
  script_.push_back(std::move(line));
  if (script_.size() > kScriptLines) script_.pop_front();
}

std::string DatabaseModel::Script() const {
  std::string text;
  for (const std::string& line : script_) StrAppend(&text, "\n  ", line);
  return text;
}

absl::Status DatabaseModel::Violation(std::string_view what) const {
  return InternalError(what, "\nthe last operations:", Script());
}

// --- Opening and closing. ---

Task<absl::Status> DatabaseModel::Open(Environment* environment) {
  environment_ = environment;
  Options options;
  options.event_file = false;  // nothing depends on it
  options.memory_bytes = 8u << 20;
  options.hot_tier_share = options_.hot_tier_share;
  options.durability = options_.durability;
  // The environment belongs to whoever runs the model.
  options.environment = std::shared_ptr<Environment>(std::shared_ptr<void>(), environment);
  Note("open");
  AURORA_CO_ASSIGN(database_, co_await Database::Open(options_.directory, std::move(options)));
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseModel::Close() {
  absl::Status closed = co_await database_->Close();
  Note(StrCat("close -> ", closed.ToString()));
  database_.reset();
  if (closed.ok()) synced_ = process_ = states_.size() - 1;
  co_return closed;
}

Task<absl::Status> DatabaseModel::Create() {
  for (const CollectionModel& model : CollectionModels()) {
    if (state().collections.contains(model.name)) continue;
    Operation create;
    create.kind = Operation::Kind::kCreate;
    create.collection = model.name;
    std::vector<Operation> operations;
    operations.push_back(std::move(create));
    AURORA_CO_RETURN_IF_ERROR(co_await Run(std::move(operations)));
  }
  co_return absl::OkStatus();
}

// --- Performing operations. ---

Task<absl::Status> DatabaseModel::PerformInsert(const Operation* operation, Outcome* outcome) {
  WriteOptions options;
  options.durability = operation->durability;
  std::vector<DocumentId> ids;
  absl::Status status;
  if (operation->objects.size() == 1) {
    Object object = ToObject(operation->objects[0]);
    const absl::StatusOr<DocumentId> id =
        co_await database_->Insert(operation->collection, std::move(object), options);
    status = id.status();
    if (id.ok()) ids.push_back(*id);
  } else {
    std::vector<Object> objects;
    for (const OracleValue::Members& members : operation->objects) {
      objects.push_back(ToObject(members));
    }
    absl::StatusOr<std::vector<DocumentId>> all =
        co_await database_->InsertMany(operation->collection, std::move(objects), options);
    status = all.status();
    if (all.ok()) ids = *std::move(all);
  }
  for (const DocumentId& id : ids) outcome->ids.push_back(FromView(id.ToValue()));
  co_return Answered(status, outcome);
}

Task<absl::Status> DatabaseModel::PerformChange(const Operation* operation, Outcome* outcome) {
  WriteOptions options;
  options.durability = operation->durability;
  const std::string& collection = operation->collection;
  const DocumentId id = ToDocumentId(operation->id);
  if (operation->kind == Operation::Kind::kDelete) {
    const absl::StatusOr<bool> deleted = co_await database_->Delete(collection, id, options);
    outcome->flag = deleted.ok() && *deleted;
    co_return Answered(deleted.status(), outcome);
  }
  Object object = ToObject(operation->objects[0]);
  if (operation->kind == Operation::Kind::kUpsert) {
    const absl::StatusOr<bool> inserted =
        co_await database_->Upsert(collection, id, std::move(object), options);
    outcome->flag = inserted.ok() && *inserted;
    co_return Answered(inserted.status(), outcome);
  }
  absl::Status status;
  if (operation->kind == Operation::Kind::kUpdate) {
    status = co_await database_->Update(collection, id, std::move(object), options);
  } else {
    status = co_await database_->Replace(collection, id, std::move(object), options);
  }
  co_return Answered(status, outcome);
}

Task<absl::Status> DatabaseModel::PerformRead(const Operation* operation, Outcome* outcome) {
  if (operation->kind == Operation::Kind::kCount) {
    AURORA_CO_ASSIGN(outcome->count, co_await database_->Query(operation->collection).Count());
    co_return absl::OkStatus();
  }
  const DocumentId id = ToDocumentId(operation->id);
  AURORA_CO_ASSIGN(const std::optional<Document> document,
                   co_await database_->Get(operation->collection, id));
  if (document.has_value()) outcome->document = FromDocument(*document);
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseModel::Perform(const Operation* operation, Outcome* outcome) {
  if (!operation->writes()) co_return co_await PerformRead(operation, outcome);
  if (operation->kind == Operation::Kind::kInsert) {
    co_return co_await PerformInsert(operation, outcome);
  }
  if (operation->kind != Operation::Kind::kCreate) {
    co_return co_await PerformChange(operation, outcome);
  }
  Schema schema = Schema().Int64("n");
  for (const CollectionModel& model : CollectionModels()) {
    if (model.name == operation->collection) schema = model.schema;
  }
  if (!operation->valid) schema.Int64("another");
  const absl::Status created =
      co_await database_->CreateCollection(operation->collection, std::move(schema));
  co_return Answered(created, outcome);
}

Task<absl::Status> DatabaseModel::PerformInFlight(std::size_t i) {
  InFlight& flight = in_flight_[i];
  Outcome outcome;
  absl::Status status = co_await Perform(&flight.operation, &outcome);
  if (status.ok()) flight.outcome = std::move(outcome);
  co_return status;
}

// Runs operations side by side, checks what they answer, and settles the state after them. After an
// error they stay in flight.
Task<absl::Status> DatabaseModel::Run(std::vector<Operation> operations) {
  AURORA_CHECK(in_flight_.empty() && !operations.empty());
  const std::uint64_t number = next_number_++;
  for (Operation& operation : operations) {
    operation.number = number;
    in_flight_.push_back({std::move(operation), std::nullopt});
  }
  absl::Status status;
  if (in_flight_.size() == 1) {
    status = co_await RunAlone();
  } else {
    status = co_await RunTogether();
  }
  if (status.ok()) in_flight_.clear();
  co_return status;
}

Task<absl::Status> DatabaseModel::RunAlone() {
  const Operation& operation = in_flight_[0].operation;
  const absl::Status status = co_await PerformInFlight(0);
  const std::string line = StrCat(operation.number, ": ", Show(operation), " -> ");
  if (!status.ok()) {
    Note(line + status.ToString());
    co_return status;
  }
  const Outcome& actual = *in_flight_[0].outcome;
  Note(line + Show(actual));
  OracleState after = state();
  const Outcome expected = Apply(operation, RulesOf(operation.collection), &actual, &after);
  if (!Agrees(expected, actual)) co_return Violation(StrCat("it should be ", Show(expected)));
  AURORA_CO_RETURN_IF_ERROR(CheckRows(state()));
  if (operation.kind == Operation::Kind::kDelete && actual.flag) {
    dead_.push_back(operation.id);
    if (dead_.size() > kDeadMax) dead_.erase(dead_.begin());
  }
  Settle(std::move(after), {}, operation.durability.value_or(options_.durability));
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseModel::RunTogether() {
  TaskGroup group;
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    group.Spawn(environment_->background(), PerformInFlight(i));
  }
  if (random_.OneIn(3)) {
    group.Spawn(environment_->background(), FlushOrCompact(/*compact=*/random_.OneIn(2)));
  }
  const absl::Status status = co_await group.Join();
  for (const InFlight& flight : in_flight_) {
    const std::string answer =
        flight.outcome.has_value() ? Show(*flight.outcome) : status.ToString();
    Note(StrCat(flight.operation.number, " (together): ", Show(flight.operation), " -> ", answer));
  }
  AURORA_CO_RETURN_IF_ERROR(status);
  AURORA_CO_RETURN_IF_ERROR(CheckRows(state()));
  AURORA_CO_ASSIGN(const Found found, co_await Dump());
  std::vector<Candidate> between;
  std::optional<OracleState> after;
  std::string difference = "no order explains the answers";
  for (Reached& reached : Reach()) {
    if (!reached.all) {
      between.push_back(std::move(reached.candidate));
    } else if (!after.has_value()) {
      after = Explain(reached.candidate, found, &difference);
    }
  }
  if (!after.has_value()) {
    co_return Violation(StrCat("what ran together is in no order what is found: ", difference));
  }
  Settle(*std::move(after), std::move(between), options_.durability);
  co_return absl::OkStatus();
}

// The operations in flight have led to `after`, perhaps by way of `between`. A write that succeeded
// is acknowledged, also if it found nothing to change.
void DatabaseModel::Settle(OracleState after, std::vector<Candidate> between,
                           Durability durability) {
  states_.push_back(std::move(after));
  between_.push_back(std::move(between));
  const bool acknowledged =
      std::any_of(in_flight_.begin(), in_flight_.end(), [](const InFlight& flight) {
        return flight.operation.writes() && flight.outcome->code == absl::StatusCode::kOk;
      });
  if (!acknowledged) return;
  if (durability == Durability::kSync) synced_ = states_.size() - 1;
  if (durability != Durability::kBuffered) process_ = states_.size() - 1;
}

// Rows of generated ids go up, and so none is used again.
absl::Status DatabaseModel::CheckRows(const OracleState& before) const {
  for (const InFlight& flight : in_flight_) {
    for (std::size_t i = 0; flight.outcome.has_value() && i < flight.outcome->ids.size(); ++i) {
      if (!IsGenerated(flight.operation, i)) continue;
      const OracleValue& id = *flight.outcome->ids[i];
      const std::optional<std::uint64_t> row = ToDocumentId(id).EmbeddedRowId();
      const auto next = before.next_rows.find(flight.operation.collection);
      if (!row.has_value() || (next != before.next_rows.end() && *row < next->second)) {
        return Violation(StrCat("the id ", Show(id), " has a row that was used already"));
      }
    }
  }
  return absl::OkStatus();
}

// Every state that the operations in flight may have led to: each order of each part of them that
// explains the answers that they gave.
std::vector<DatabaseModel::Reached> DatabaseModel::Reach() const {
  std::vector<Reached> reached;
  ReachFrom(states_.back(), 0, &reached);
  return reached;
}

void DatabaseModel::ReachFrom(const OracleState& from, unsigned done,
                              std::vector<Reached>* reached) const {
  Reached here;
  here.candidate.state = from;
  if (in_flight_.size() > 1) here.candidate.unordered_from = next_number_ - 1;
  here.all = here.acknowledged = true;
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    if ((done >> i & 1) != 0) continue;
    here.all = false;
    const InFlight& flight = in_flight_[i];
    if (flight.operation.writes() && flight.outcome.has_value() &&
        flight.outcome->code == absl::StatusCode::kOk) {
      here.acknowledged = false;
    }
    OracleState after = from;
    const Outcome* const actual = flight.outcome.has_value() ? &*flight.outcome : nullptr;
    const Outcome expected =
        Apply(flight.operation, RulesOf(flight.operation.collection), actual, &after);
    if (actual != nullptr && !Agrees(expected, *actual)) continue;
    ReachFrom(after, done | 1u << i, reached);
  }
  reached->push_back(std::move(here));
}

Task<absl::Status> DatabaseModel::FlushOrCompact(bool compact) {
  absl::Status status;
  if (compact) {
    status = co_await database_->Compact();
  } else {
    status = co_await database_->Flush();
  }
  Note(StrCat(compact ? "compact" : "flush", " -> ", status.ToString()));
  co_return status;
}

Task<absl::Status> DatabaseModel::Write() {
  AURORA_CO_RETURN_IF_ERROR(co_await Create());
  std::vector<Operation> operations;
  operations.push_back(random_.DrawWrite(state(), dead_));
  co_return co_await Run(std::move(operations));
}

Task<absl::Status> DatabaseModel::Contend() {
  AURORA_CO_RETURN_IF_ERROR(co_await Create());
  const std::string collection = random_.DrawCollection();
  const OracleValue id = random_.DrawId(state(), collection, {});
  OracleValue::Members shared;
  if (collection == "things") {
    shared["sku"] = random_.DrawValue("sku");
    shared["serial"] = random_.DrawValue("serial");
  }
  std::vector<Operation> operations;
  for (std::uint64_t n = 2 + random_.Below(3); n > 0; --n) {
    operations.push_back(random_.DrawContended(state(), collection, id, shared));
  }
  co_return co_await Run(std::move(operations));
}

Task<absl::Status> DatabaseModel::Step() {
  AURORA_CO_RETURN_IF_ERROR(co_await Create());
  const std::uint64_t what = random_.Below(100);
  if (what < 45) co_return co_await Write();
  if (what < 57 && !options_.sequential) co_return co_await Contend();
  if (what < 70) {
    std::string collection = random_.DrawCollection();
    OracleValue id = random_.DrawId(state(), collection, dead_);
    co_return co_await CheckGet(std::move(collection), std::move(id));
  }
  if (what < 92) {
    OracleQuery query = random_.DrawQuery(state());
    co_return co_await CheckQuery(std::move(query));
  }
  if (what < 98) co_return co_await FlushOrCompact(/*compact=*/false);
  if (what < 99) co_return co_await FlushOrCompact(/*compact=*/true);
  Operation create;
  create.kind = Operation::Kind::kCreate;
  create.collection = StrCat("extra", random_.Below(4));
  create.valid = !state().collections.contains(create.collection) || random_.OneIn(2);
  std::vector<Operation> operations;
  operations.push_back(std::move(create));
  co_return co_await Run(std::move(operations));
}

Task<absl::Status> DatabaseModel::Steps(int count) {
  for (int i = 0; i < count; ++i) AURORA_CO_RETURN_IF_ERROR(co_await Step());
  co_return absl::OkStatus();
}

// --- Checking. ---

Task<absl::StatusOr<Found>> DatabaseModel::Dump() {
  Found found;
  for (const CollectionInfo& collection : database_->Collections()) {
    AURORA_CO_ASSIGN(const std::vector<Document> documents,
                     co_await database_->Query(collection.name).Collect());
    found[collection.name] = FromDocuments(documents);
  }
  co_return found;
}

Task<absl::Status> DatabaseModel::CheckGet(std::string collection, OracleValue id) {
  Operation get;
  get.kind = Operation::Kind::kGet;
  get.collection = std::move(collection);
  get.id = std::move(id);
  Outcome actual;
  AURORA_CO_RETURN_IF_ERROR(co_await PerformRead(&get, &actual));
  OracleState unchanged = state();
  const Outcome expected = Apply(get, CollectionRules(), nullptr, &unchanged);
  if (!Agrees(expected, actual)) {
    co_return Violation(StrCat(Show(get), " gave ", Show(actual), " instead of ", Show(expected)));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseModel::CheckAnswer(const OracleQuery* query, QuerySpec spec,
                                              std::string_view way) {
  const Query asked = database_->Query(std::move(spec));
  AURORA_CO_ASSIGN(const std::vector<Document> documents, co_await asked.Collect());
  AURORA_CO_ASSIGN(const std::uint64_t count, co_await asked.Count());
  AURORA_CO_ASSIGN(const bool exists, co_await asked.Exists());
  AURORA_CO_ASSIGN(const std::optional<Document> first, co_await asked.First());
  const std::vector<OracleDocument> page = FromDocuments(documents);
  const std::vector<OracleDocument> expected = Answer(*query, state());
  const std::string what = StrCat(ToString(asked.spec()), ", ", way, ", ");
  if (!SamePage(page, expected)) {
    co_return Violation(
        StrCat(what, "gave ", ShowPage(page), "\n  instead of ", ShowPage(expected)));
  }
  const std::uint64_t expected_count = CountOf(*query, state());
  if (count != expected_count) {
    co_return Violation(StrCat(what, "counted ", count, " instead of ", expected_count));
  }
  const bool has_any = expected_count > 0 && query->limit.value_or(1) > 0;
  if (exists != has_any) co_return Violation(StrCat(what, "Exists is wrong"));
  if (first.has_value() == expected.empty() ||
      (first.has_value() && !SameDocument(FromDocument(*first), expected[0]))) {
    co_return Violation(StrCat(what, "First is wrong"));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> DatabaseModel::CheckQuery(OracleQuery query) {
  QuerySpec spec = ToSpec(query);
  QuerySpec scan = spec;
  scan.where = scan.where || Never();
  AURORA_CO_RETURN_IF_ERROR(co_await CheckAnswer(&query, std::move(spec), "as planned"));
  co_return co_await CheckAnswer(&query, std::move(scan), "by a scan");
}

// Every value that an index holds, and some that it does not.
Task<absl::Status> DatabaseModel::CheckIndices(const CollectionModel* model) {
  for (const std::string& field : model->indexed) {
    std::vector<OracleValue> values = {OracleValue()};
    for (const DocumentHandle& document : state().collections.at(model->name)) {
      const auto value = document->fields.find(field);
      if (value == document->fields.end()) continue;
      const OracleValue::List* const list = value->second.list();
      if (list == nullptr) {
        values.push_back(value->second);
      } else {
        values.insert(values.end(), list->begin(), list->end());
      }
    }
    std::sort(values.begin(), values.end(),
              [](const OracleValue& a, const OracleValue& b) { return Order(a, b) < 0; });
    values.erase(std::unique(values.begin(), values.end(), SameValue), values.end());
    const bool is_array = field == "tags" || field == "marks";
    for (const OracleValue& value : values) {
      OracleQuery query;
      query.collection = model->name;
      query.where.op = is_array ? Operator::kAny : Operator::kEqual;
      query.where.path = field;
      query.where.constants = {value};
      AURORA_CO_RETURN_IF_ERROR(co_await CheckQuery(std::move(query)));
    }
  }
  co_return absl::OkStatus();
}

absl::Status DatabaseModel::CheckCollections() {
  const DatabaseStats stats = database_->Stats();
  if (stats.store.durable > stats.store.published) {
    return Violation(StrCat("commit ", stats.store.durable, " is durable, and only ",
                            stats.store.published, " are published"));
  }
  const std::vector<CollectionInfo> collections = database_->Collections();
  if (collections.size() != state().collections.size()) {
    return Violation(StrCat("there are ", collections.size(), " collections instead of ",
                            state().collections.size()));
  }
  for (const CollectionModel& model : CollectionModels()) {
    for (const CollectionInfo& found : collections) {
      if (found.name != model.name) continue;
      const std::optional<std::string> difference = found.schema.Difference(model.schema);
      if (difference.has_value()) return Violation(*difference);
    }
  }
  return absl::OkStatus();
}

Task<absl::Status> DatabaseModel::CheckAll() {
  AURORA_CO_ASSIGN(const Found found, co_await Dump());
  Candidate here;
  here.state = state();
  std::string difference;
  if (!Explain(here, found, &difference).has_value()) co_return Violation(difference);
  AURORA_CO_RETURN_IF_ERROR(CheckCollections());
  for (const CollectionModel& model : CollectionModels()) {
    if (!state().collections.contains(model.name)) continue;
    const Documents documents = state().collections.at(model.name);
    for (const DocumentHandle& document : documents) {
      OracleValue id = *document->id;
      AURORA_CO_RETURN_IF_ERROR(co_await CheckGet(model.name, std::move(id)));
    }
    for (std::size_t i = 0; i < dead_.size(); ++i) {
      OracleValue id = dead_[i];
      AURORA_CO_RETURN_IF_ERROR(co_await CheckGet(model.name, std::move(id)));
    }
    AURORA_CO_RETURN_IF_ERROR(co_await CheckIndices(&model));
  }
  co_return absl::OkStatus();
}

// --- Recovery. ---

bool DatabaseModel::Protects(bool machine) const {
  return options_.durability == Durability::kSync ||
         (!machine && options_.durability == Durability::kProcess);
}

// Which state this is: the newest that it can be. Where several can, a row counts as used only if
// all of them have used it.
std::optional<OracleState> DatabaseModel::Recognise(const Found& found, bool machine,
                                                    std::string* difference) const {
  std::optional<OracleState> recognised;
  const auto consider = [&](const Candidate& candidate) {
    std::string detail;
    std::optional<OracleState> explained = Explain(candidate, found, &detail);
    if (!explained.has_value()) {
      if (difference->empty()) *difference = detail;
    } else if (!recognised.has_value()) {
      recognised = std::move(explained);
    } else {
      for (auto& [name, row] : recognised->next_rows) {
        row = std::min(row, explained->next_rows[name]);
      }
    }
  };
  bool some_acknowledged = false;
  for (const Reached& reached : Reach()) {
    some_acknowledged |= !reached.acknowledged;
    if (reached.acknowledged || !Protects(machine)) consider(reached.candidate);
  }
  if (some_acknowledged && Protects(machine)) return recognised;
  const std::size_t required = machine ? synced_ : process_;
  for (std::size_t i = states_.size() - 1; i > required; --i) {
    consider(Candidate{states_[i]});
    for (const Candidate& part : between_[i]) consider(part);
  }
  consider(Candidate{states_[required]});
  return recognised;
}

Task<absl::Status> DatabaseModel::CheckRecovered(bool machine) {
  AURORA_CO_ASSIGN(const Found found, co_await Dump());
  std::string difference;
  std::optional<OracleState> recognised = Recognise(found, machine, &difference);
  if (!recognised.has_value()) {
    co_return Violation(StrCat("what is found is no state that may be found, from ",
                               machine ? synced_ : process_, " to ", states_.size() - 1,
                               "; compared with the newest, ", difference));
  }
  Note(StrCat("what is found was expected after a ", machine ? "loss of power" : "death"));
  states_ = {*std::move(recognised)};
  between_ = {{}};
  in_flight_.clear();
  synced_ = process_ = 0;
  co_return co_await CheckAll();
}

}  // namespace aurora::proof
