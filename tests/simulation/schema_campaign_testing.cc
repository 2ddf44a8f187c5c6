#include "aurora/tests/simulation/schema_campaign_testing.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/database.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/options.h"
#include "aurora/engine/query/expression.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_sampler_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"

namespace aurora::proof {
namespace {

constexpr int kWriters = 3;
constexpr int kValues = 4;
constexpr std::size_t kOversizeBytes = 1 << 20;
// From this id on nobody changes a document any more.
constexpr int kFirstFrozen = 1000;
constexpr int kFrozen = 20;

// The schemas that a life goes through, one step after the other. The first has no index at all.
Schema First() {
  return Schema()
      .Int64("n", kNullable)
      .Int64("u")
      .Array("tags", Type::kString)
      .String("note")
      .String("blob");
}

struct Step {
  std::string name;
  // What the schema says afterwards: the fields with an index, those that are there.
  std::set<std::string> indexed;
  std::set<std::string> fields;
};

std::vector<Step> Steps() {
  const std::set<std::string> fields = {"n", "u", "tags", "note", "blob"};
  return {{"first", {}, fields},
          {"index n", {"n"}, fields},
          {"unique u", {"n", "u"}, fields},
          {"index tags", {"n", "u", "tags"}, fields},
          {"add extra", {"n", "u", "tags", "extra"}, {"n", "u", "tags", "note", "blob", "extra"}},
          {"rename note", {"n", "u", "tags", "extra"}, {"n", "u", "tags", "text", "blob", "extra"}},
          {"at least 0", {"n", "u", "tags", "extra"}, {"n", "u", "tags", "text", "blob", "extra"}},
          {"drop index n", {"u", "tags", "extra"}, {"n", "u", "tags", "text", "blob", "extra"}},
          {"drop text", {"u", "tags", "extra"}, {"n", "u", "tags", "blob", "extra"}},
          {"index n again", {"n", "u", "tags", "extra"}, {"n", "u", "tags", "blob", "extra"}}};
}

// What a writer knows of a document of its own: only it changes it, so only its last write can be
// in doubt.
struct Known {
  std::optional<Object> acknowledged;
  std::optional<Object> attempted;
  bool in_doubt = false;
};

class World {
 public:
  World(std::uint64_t seed, int writes) : random_(seed), writes_(writes) {}

  // A copy that knows what this one does, and draws numbers of its own.
  std::unique_ptr<World> Fork(std::uint64_t seed) const {
    auto fork = std::make_unique<World>(seed, writes_);
    fork->known_ = known_;
    fork->step_ = step_;
    fork->attempted_step_ = attempted_step_;
    fork->created_ = created_;
    return fork;
  }

  Task<absl::Status> Open(Environment* environment) {
    Options options;
    options.memory_bytes = 8u << 20;
    options.hot_tier_share = random_.Below(2) == 0 ? 0.25 : 0;
    options.environment = std::shared_ptr<Environment>(std::shared_ptr<void>(), environment);
    environment_ = environment;
    AURORA_CO_ASSIGN(Database database, co_await Database::Open("/db", std::move(options)));
    db_ = std::move(database);
    co_return absl::OkStatus();
  }
  bool is_open() const { return db_.has_value(); }
  Task<absl::Status> Close() {
    Database database = *std::move(db_);
    db_.reset();
    co_return co_await database.Close();
  }

  Task<absl::Status> Prepare() {
    AURORA_CO_RETURN_IF_ERROR(co_await db_->CreateCollection("c", First()));
    created_ = true;
    for (int i = 0; i < kFrozen; ++i) {
      Known& known = known_[kFirstFrozen + i];
      known.attempted = Draw(kFirstFrozen + i, 0);
      known.in_doubt = true;
      Object object = *known.attempted;
      AURORA_CO_RETURN_IF_ERROR((co_await db_->Insert("c", std::move(object))).status());
      known.acknowledged = known.attempted;
      known.in_doubt = false;
    }
    for (int i = 0; i < 24; ++i) {
      AURORA_CO_RETURN_IF_ERROR(co_await Write(i % kWriters));
    }
    co_return co_await db_->Flush();
  }

  Task<absl::Status> Work() {
    TaskGroup group;
    for (int writer = 0; writer < kWriters; ++writer) {
      group.Spawn(environment_->background(), RunWriter(writer));
    }
    group.Spawn(environment_->background(), RunSteps());
    co_return co_await group.Join();
  }

  // Documents and indices are as they may be; then everything is completed, and they are still.
  Task<absl::Status> Check() {
    if (db_->Collections().empty()) {
      if (created_) co_return InternalError("the collection is gone");
      co_return absl::OkStatus();
    }
    AURORA_CO_RETURN_IF_ERROR(CheckSchema());
    AURORA_CO_RETURN_IF_ERROR(co_await CheckDocuments());
    AURORA_CO_RETURN_IF_ERROR(co_await CheckIndices(/*complete=*/false));
    AURORA_CO_ASSIGN(const Schema schema, db_->GetSchema("c"));
    for (const FieldSchema& field : schema.fields()) {
      const bool unique = field.attributes.Has(kUnique);
      if (field.dropped() || (!unique && !field.attributes.Has(kIndexed))) continue;
      IndexOptions options;
      options.unique = unique;
      AURORA_CO_RETURN_IF_ERROR(co_await db_->CreateIndex("c", field.name, options));
    }
    co_return co_await CheckIndices(/*complete=*/true);
  }

  std::string Script() const { return StrCat("step ", step_, " of ", attempted_step_); }

 private:
  // --- Writers ---

  Object Draw(int id, int writer) {
    Object object = {{"_id", id}};
    if (random_.Below(5) != 0) object.Set("n", static_cast<std::int64_t>(random_.Below(kValues)));
    // Its own each time, so that no two documents ever have the same.
    object.Set("u", static_cast<std::int64_t>(next_unique_++ * kWriters + writer));
    Array tags;
    for (std::uint64_t i = random_.Below(3); i > 0; --i) tags.Append(StrCat("t", random_.Below(3)));
    object.Set("tags", std::move(tags));
    return object;
  }

  Task<absl::Status> Write(int writer) {
    const int id = static_cast<int>(random_.Below(12)) * kWriters + writer;
    Known& known = known_[id];
    Object object = Draw(id, writer);
    known.in_doubt = true;
    absl::Status status;
    if (known.acknowledged.has_value() && random_.Below(3) == 0) {
      known.attempted.reset();
      const absl::StatusOr<bool> deleted = co_await db_->Delete("c", DocumentId(std::int64_t{id}));
      status = deleted.status();
    } else if (known.acknowledged.has_value()) {
      known.attempted = object;
      status = co_await db_->Replace("c", DocumentId(std::int64_t{id}), object);
    } else {
      // Too large for the log: it is prepared long before it commits.
      if (random_.Below(8) == 0) object.Set("blob", std::string(kOversizeBytes, 'x'));
      known.attempted = object;
      const absl::StatusOr<DocumentId> inserted = co_await db_->Insert("c", object);
      status = inserted.status();
    }
    if (!status.ok()) co_return Annotate(status, StrCat("a write of document ", id));
    known.acknowledged = known.attempted;
    known.in_doubt = false;
    co_return absl::OkStatus();
  }

  Task<absl::Status> RunWriter(int writer) {
    for (int i = 0; i < writes_; ++i) {
      AURORA_CO_RETURN_IF_ERROR(co_await Write(writer));
      if (random_.Below(3) == 0) {
        AURORA_CO_RETURN_IF_ERROR(
            co_await environment_->Sleep(absl::Microseconds(random_.Below(2000))));
      }
      if (random_.Below(4) == 0) AURORA_CO_RETURN_IF_ERROR(co_await CheckIndices(false));
    }
    co_return absl::OkStatus();
  }

  // --- Steps ---

  Task<absl::Status> RunSteps() {
    const int count = static_cast<int>(Steps().size());
    while (step_ + 1 < count) {
      attempted_step_ = step_ + 1;
      AURORA_CO_RETURN_IF_ERROR(
          Annotate(co_await Apply(attempted_step_), Steps()[attempted_step_].name));
      step_ = attempted_step_;
      AURORA_CO_RETURN_IF_ERROR(CheckSchema());
      if (random_.Below(3) == 0) AURORA_CO_RETURN_IF_ERROR(co_await db_->Flush());
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> Apply(int step) {
    IndexOptions unique;
    unique.unique = true;
    switch (step) {
      case 1:
      case 9:
        co_return co_await db_->CreateIndex("c", "n");
      case 2:
        co_return co_await db_->CreateIndex("c", "u", unique);
      case 3:
        co_return co_await db_->CreateIndex("c", "tags");
      case 4:
        co_return co_await Alter(
            [](Schema* schema) { schema->String("extra", kIndexed | Default("e")); });
      case 5:
        co_return co_await db_->RenameField("c", "note", "text");
      case 6:
        co_return co_await Alter(nullptr, "n", AtLeast(0));
      case 7:
        co_return co_await db_->DropIndex("c", "n");
      default:
        co_return co_await Alter(nullptr, "text", std::nullopt);
    }
  }

  // The schema as it is, with something added, or other rules for a field, or without it.
  Task<absl::Status> Alter(void (*add)(Schema*), std::string field = {},
                           std::optional<FieldAttributes> rules = FieldAttributes()) {
    AURORA_CO_ASSIGN(const Schema now, db_->GetSchema("c"));
    Schema desired;
    for (FieldSchema each : now.fields()) {
      if (each.dropped()) continue;
      if (each.name == field) {
        if (!rules.has_value()) continue;
        each.attributes = each.attributes | *rules;
      }
      desired.Add(std::move(each));
    }
    if (add != nullptr) add(&desired);
    co_return co_await db_->AlterCollection("c", desired);
  }

  // --- Checks ---

  absl::Status CheckSchema() const {
    const std::vector<CollectionInfo> collections = db_->Collections();
    if (collections.size() != 1 || collections[0].name != "c") {
      return InternalError("there are ", collections.size(), " collections");
    }
    std::set<std::string> indexed;
    std::set<std::string> fields;
    for (const FieldSchema& field : collections[0].schema.fields()) {
      if (field.dropped()) continue;
      fields.insert(field.name);
      if (field.attributes.Has(kIndexed) || field.attributes.Has(kUnique))
        indexed.insert(field.name);
    }
    const std::vector<Step> steps = Steps();
    for (int step = step_; step <= std::max(step_, attempted_step_); ++step) {
      if (steps[step].indexed == indexed && steps[step].fields == fields) return absl::OkStatus();
    }
    return InternalError("the schema is that of no step: ", Script());
  }

  static bool SameBut(const Document& document, const Object& expected) {
    for (const std::string_view name : {"n", "u", "tags"}) {
      const Value* const value = expected.Find(name);
      const std::optional<ValueView> found = document.Find(name);
      if (found.has_value() != (value != nullptr)) return false;
      if (found.has_value() && !Equal(*found, ValueView(*value))) return false;
    }
    return true;
  }

  Task<absl::Status> CheckDocuments() {
    AURORA_CO_ASSIGN(const Schema schema, db_->GetSchema("c"));
    const bool extra = schema.Find("extra") != nullptr;
    for (auto& [id, known] : known_) {
      AURORA_CO_ASSIGN(const std::optional<Document> found,
                       co_await db_->Get("c", DocumentId(std::int64_t{id})));
      const auto fits = [&](const std::optional<Object>& expected) {
        return found.has_value() == expected.has_value() &&
               (!found.has_value() || SameBut(*found, *expected));
      };
      if (!fits(known.acknowledged) && !(known.in_doubt && fits(known.attempted))) {
        co_return InternalError("document ", id, " is not what was written: ",
                                found.has_value() ? found->ToJson().substr(0, 200) : "gone");
      }
      if (found.has_value() && extra && found->Get("extra").is_null()) {
        co_return InternalError("document ", id, " lacks the default of a new field");
      }
    }
    co_return absl::OkStatus();
  }

  // Answers by index and by scan. If somebody may be writing (not `complete`) the two are of
  // different moments; then only the documents that nobody changes are compared.
  Task<absl::Status> CheckIndices(bool complete) {
    AURORA_CO_ASSIGN(const Schema schema, db_->GetSchema("c"));
    const bool quiet = complete;
    for (int value = -1; value < kValues; ++value) {
      const Value wanted = value < 0 ? Value() : Value(std::int64_t{value});
      std::size_t frozen = 0;
      for (const auto& [id, known] : known_) {
        if (id < kFirstFrozen || !known.acknowledged.has_value()) continue;
        const Value* const n = known.acknowledged->Find("n");
        frozen += n == nullptr ? value < 0 : *n == wanted;
      }
      AURORA_CO_RETURN_IF_ERROR(co_await Compare(Field("n") == wanted, quiet, frozen));
    }
    for (int i = 0; i < 3; ++i) {
      const std::string tag = StrCat("t", i);
      std::size_t frozen = 0;
      for (const auto& [id, known] : known_) {
        if (id < kFirstFrozen || !known.acknowledged.has_value()) continue;
        const Array& tags = known.acknowledged->Find("tags")->AsArray();
        frozen += std::count(tags.begin(), tags.end(), Value(tag)) > 0;
      }
      AURORA_CO_RETURN_IF_ERROR(co_await Compare(Field("tags").Any(tag), quiet, frozen));
    }
    if (schema.Find("extra") != nullptr && quiet) {
      AURORA_CO_RETURN_IF_ERROR(co_await Compare(Field("extra") == "e", quiet, 0));
    }
    if (quiet) co_return co_await CheckUnique();
    co_return absl::OkStatus();
  }

  // `frozen` of the documents that nobody changes fulfil the condition, at least.
  Task<absl::Status> Compare(Expression condition, bool quiet, std::size_t frozen) {
    const Query query = db_->Query("c").Where(condition);
    AURORA_CO_ASSIGN(const std::uint64_t counted, co_await query.Count());
    AURORA_CO_ASSIGN(const std::vector<Document> found, co_await query.Collect());
    std::size_t found_frozen = 0;
    for (const Document& document : found) {
      found_frozen += document.id() >= DocumentId(std::int64_t{kFirstFrozen});
    }
    if (found_frozen < frozen) {
      co_return InternalError(ToString(condition), ": of the ", frozen,
                              " documents that nobody changes, ", found_frozen, " are found; ",
                              Script());
    }
    // No index helps with the other half of the condition.
    Query scan = db_->Query("c");
    scan.Where(condition || Field("_id") == "no such document");
    AURORA_CO_ASSIGN(const std::vector<Document> scanned, co_await scan.Collect());
    if (!quiet) co_return absl::OkStatus();
    bool same = counted == scanned.size() && found.size() == scanned.size();
    for (std::size_t i = 0; same && i < found.size(); ++i) same = found[i].id() == scanned[i].id();
    if (same) co_return absl::OkStatus();
    co_return InternalError(ToString(condition), ": counted ", counted, ", found ", found.size(),
                            ", scanned ", scanned.size(), "; ", Script());
  }

  Task<absl::Status> CheckUnique() {
    AURORA_CO_ASSIGN(const std::vector<Document> all, co_await db_->Query("c").Collect());
    for (const Document& document : all) {
      AURORA_CO_ASSIGN(
          const std::vector<Document> found,
          co_await db_->Query("c").Where(Field("u") == Value(document.Get("u"))).Collect());
      if (found.size() == 1 && found[0].id() == document.id()) continue;
      co_return InternalError("the unique value of document ", document.id().ToString(),
                              " leads to ", found.size(), " documents; ", Script());
    }
    co_return absl::OkStatus();
  }

  SeededRandom random_;
  const int writes_;
  Environment* environment_ = nullptr;
  std::optional<Database> db_;
  std::map<int, Known> known_;
  int next_unique_ = 1;
  int step_ = 0;            // the last that was acknowledged
  int attempted_step_ = 0;  // that one, or the next
  bool created_ = false;
};

Task<absl::Status> Live(World* world, Environment* environment) {
  AURORA_CO_RETURN_IF_ERROR(co_await world->Open(environment));
  AURORA_CO_RETURN_IF_ERROR(co_await world->Prepare());
  AURORA_CO_RETURN_IF_ERROR(co_await world->Work());
  AURORA_CO_RETURN_IF_ERROR(co_await world->Check());
  co_return co_await world->Close();
}

Task<absl::Status> LiveAgain(World* world, Environment* environment) {
  AURORA_CO_RETURN_IF_ERROR(co_await world->Open(environment));
  AURORA_CO_RETURN_IF_ERROR(co_await world->Check());
  co_return co_await world->Close();
}

absl::Status Conclude(Simulation* simulation, World* world, absl::Status status) {
  if (world->is_open()) simulation->Run(world->Close()).IgnoreError();
  if (status.ok()) return status;
  return InternalError(status.ToString(), "; ", world->Script(), "; seed ", simulation->seed());
}

absl::Status TryImage(const CrashPoint& point, const World& history) {
  SimulationOptions options;
  options.image = point.image;
  options.latency = LatencyModel::None();
  Simulation simulation(point.seed, std::move(options));
  const std::unique_ptr<World> world = history.Fork(point.seed);
  absl::Status status = simulation.Run(LiveAgain(world.get(), &simulation.environment()));
  if (status.ok()) status = simulation.Run(LiveAgain(world.get(), &simulation.environment()));
  return Conclude(&simulation, world.get(), status);
}

}  // namespace

absl::Status RunSchemaChanges(std::uint64_t seed) {
  Simulation simulation(seed);
  World world(seed, /*writes=*/40);
  absl::Status status = simulation.Run(Live(&world, &simulation.environment()));
  if (status.ok()) status = simulation.Run(LiveAgain(&world, &simulation.environment()));
  return Conclude(&simulation, &world, status);
}

absl::Status EnumerateSchemaCrashes(std::uint64_t seed, int modes_per_event,
                                    std::uint64_t* images) {
  Simulation simulation(seed);
  World world(seed, /*writes=*/12);
  const CrashSampler sampler(&simulation, seed, modes_per_event,
                             [&](const CrashPoint& point) { return TryImage(point, world); });
  const absl::Status status = simulation.Run(Live(&world, &simulation.environment()));
  *images += sampler.image_count();
  AURORA_RETURN_IF_ERROR(sampler.violation());
  return Conclude(&simulation, &world, status);
}

// --- Migrations ---

namespace {

constexpr std::int64_t kMigrated = 40;
constexpr std::int64_t kMovedBy = 1000;

std::vector<Migration> Migrations() {
  const DocumentChange move =
      [](const Document& document) -> absl::StatusOr<std::optional<Object>> {
    return std::optional<Object>(
        Object{{"n", document.Get("n").AsInt64() + kMovedBy}, {"moved", true}});
  };
  return {
      {1, "a field", {MigrationStep::AlterCollection("c", Schema().Int64("n").Bool("moved"))}},
      {2,
       "move",
       {MigrationStep::ChangeDocuments("c", move), MigrationStep::RenameField("c", "moved", "done"),
        MigrationStep::CreateIndex("c", "n")}}};
}

Task<absl::StatusOr<Database>> OpenToMigrate(Environment* environment) {
  Options options;
  options.memory_bytes = 8u << 20;
  options.environment = std::shared_ptr<Environment>(std::shared_ptr<void>(), environment);
  co_return co_await Database::Open("/db", std::move(options));
}

Task<absl::Status> FillToMigrate(Database database) {
  AURORA_CO_RETURN_IF_ERROR(co_await database.CreateCollection("c", Schema().Int64("n")));
  std::vector<Object> objects;
  for (std::int64_t i = 0; i < kMigrated; ++i) objects.push_back({{"_id", i}, {"n", i}});
  absl::StatusOr<std::vector<DocumentId>> inserted =
      co_await database.InsertMany("c", std::move(objects));
  AURORA_CO_RETURN_IF_ERROR(inserted.status());
  co_return co_await database.Flush();
}

Task<absl::Status> RunMigrations(Database database) {
  std::vector<Migration> migrations = Migrations();
  absl::StatusOr<std::vector<MigrationStatus>> done =
      co_await database.Migrate(std::move(migrations));
  co_return done.status();
}

Task<absl::Status> CheckMigrated(Database database) {
  for (std::int64_t i = 0; i < kMigrated; ++i) {
    AURORA_CO_ASSIGN(const std::optional<Document> found,
                     co_await database.Get("c", DocumentId(i)));
    const bool moved = found.has_value() && found->Get("n").AsInt64() == i + kMovedBy &&
                       !found->Get("done").is_null();
    if (!moved) co_return InternalError("document ", i, " was not changed once");
    AURORA_CO_ASSIGN(const std::uint64_t count,
                     co_await database.Query("c").Where(Field("n") == i + kMovedBy).Count());
    if (count != 1) co_return InternalError("the index has document ", i, " ", count, " times");
  }
  for (const MigrationStatus& status : database.Migrations()) {
    if (!status.applied) co_return InternalError("a migration is not recorded as applied");
  }
  co_return absl::OkStatus();
}

// Of a crash during the migration: everything was there when it began.
Task<absl::Status> GoOn(Environment* environment) {
  AURORA_CO_ASSIGN(Database database, co_await OpenToMigrate(environment));
  absl::Status status = co_await RunMigrations(database);
  if (status.ok()) status = co_await CheckMigrated(database);
  const absl::Status closed = co_await database.Close();
  co_return status.ok() ? closed : status;
}

}  // namespace

absl::Status EnumerateMigrationCrashes(std::uint64_t seed, int modes_per_event,
                                       std::uint64_t* images) {
  Simulation simulation(seed);
  absl::StatusOr<Database> opened = simulation.Run(OpenToMigrate(&simulation.environment()));
  AURORA_RETURN_IF_ERROR(opened.status());
  absl::Status status = simulation.Run(FillToMigrate(*opened));
  const CrashSampler sampler(&simulation, seed, modes_per_event, [&](const CrashPoint& point) {
    SimulationOptions options;
    options.image = point.image;
    options.latency = LatencyModel::None();
    Simulation after(point.seed, std::move(options));
    return after.Run(GoOn(&after.environment()));
  });
  if (status.ok()) status = simulation.Run(RunMigrations(*opened));
  if (status.ok()) status = simulation.Run(CheckMigrated(*opened));
  const absl::Status closed = simulation.Run(opened->Close());
  *images += sampler.image_count();
  AURORA_RETURN_IF_ERROR(sampler.violation());
  return status.ok() ? closed : status;
}

}  // namespace aurora::proof
