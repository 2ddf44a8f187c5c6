#include "aurora/tests/formats/golden_testing.h"

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "aurora/engine/database.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/options.h"
#include "aurora/engine/query/expression.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::formats {
namespace {

constexpr char kPath[] = "/db";
constexpr std::uint64_t kSeed = 1;

Options SmallOptions(Environment* environment, Durability durability = Durability::kSync) {
  Options options;
  options.durability = durability;
  options.event_file = false;  // it means nothing
  options.memory_bytes = 8u << 20;
  // The environment belongs to the simulation.
  options.environment = std::shared_ptr<Environment>(std::shared_ptr<void>(), environment);
  return options;
}

Object Product(std::int64_t number) {
  Object product = {{"sku", StrCat("S-", number)},
                    {"in_stock", number % 3 == 0},
                    {"tags", Array{StrCat("t", number % 5), "all"}}};
  if (number % 4 != 0) product.Set("price", static_cast<double>(number) * 1.25);
  if (number % 7 == 0) product.Set("note", std::string(static_cast<std::size_t>(number * 3), 'n'));
  // In value files, one as more than one piece.
  if (number % 21 == 1) {
    product.Set("note", std::string(number == 22 ? 70'000 : 5'000, 'v'));
  }
  return product;
}

// Every kind of write; everything in `from` to `to` - 1 is written, changed and in part deleted.
Task<absl::Status> Write(Database database, std::int64_t from, std::int64_t to) {
  std::vector<DocumentId> ids;
  for (std::int64_t i = from; i < to; ++i) {
    AURORA_CO_ASSIGN(DocumentId id, co_await database.Insert("products", Product(i)));
    ids.push_back(std::move(id));
    Object event = {{"_id", i}, {"at", i * 1000}, {"what", StrCat("event ", i)}};
    AURORA_CO_RETURN_IF_ERROR((co_await database.Insert("events", std::move(event))).status());
  }
  for (std::size_t i = 0; i < ids.size(); i += 3) {
    Object changes = {{"price", 0.5}, {"in_stock", true}};
    AURORA_CO_RETURN_IF_ERROR(co_await database.Update("products", ids[i], std::move(changes)));
  }
  for (std::size_t i = 1; i < ids.size(); i += 5) {
    AURORA_CO_RETURN_IF_ERROR((co_await database.Delete("products", ids[i])).status());
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<Database>> Create(Environment* environment) {
  AURORA_CO_ASSIGN(Database database,
                   co_await Database::Open(kPath, SmallOptions(environment, Durability::kProcess)));
  AURORA_CO_RETURN_IF_ERROR(
      co_await database.CreateCollection("products", Schema()
                                                         .String("sku", kUnique)
                                                         .Double("price", kIndexed | kNullable)
                                                         .Bool("in_stock", kIndexed)
                                                         .Array("tags", Type::kString, kIndexed)
                                                         .String("note", kNullable)));
  AURORA_CO_RETURN_IF_ERROR(
      co_await database.CreateCollection("events", Schema().Int64("at", kIndexed).String("what")));
  co_return database;
}

// Something in the last level, in level 0 and in the log, which is mapped.
Task<absl::Status> Fill(Environment* environment) {
  AURORA_CO_ASSIGN(Database database, co_await Create(environment));
  AURORA_CO_RETURN_IF_ERROR(co_await Write(database, 0, 40));
  AURORA_CO_RETURN_IF_ERROR(co_await database.Compact());
  AURORA_CO_RETURN_IF_ERROR(co_await Write(database, 40, 55));
  AURORA_CO_RETURN_IF_ERROR(co_await database.Flush());
  AURORA_CO_RETURN_IF_ERROR(co_await Write(database, 55, 65));
  co_return co_await database.Close();
}

// Goes on after that, with a log that is written directly, and is killed.
absl::Status FillMore(Simulation* simulation) {
  const Options options = SmallOptions(&simulation->environment());
  AURORA_ASSIGN_OR_RETURN(Database database, simulation->Run(Database::Open(kPath, options)));
  AURORA_RETURN_IF_ERROR(simulation->Run(Write(database, 65, 69)));
  simulation->CrashProcess();
  simulation->Run(database.Close()).IgnoreError();
  simulation->RunUntilIdle();
  return simulation->Restart();
}

// --- Reading. ---

Task<absl::Status> AppendDocuments(Database database, std::string collection,
                                   std::string* answers) {
  AURORA_CO_ASSIGN(const std::vector<Document> documents,
                   co_await database.Query(collection).Collect());
  for (const Document& document : documents) {
    StrAppend(answers, collection, " ", document.ToJson(), "\n");
    AURORA_CO_ASSIGN(const std::optional<Document> found,
                     co_await database.Get(collection, document.id()));
    if (!found.has_value()) co_return InternalError("a Get misses ", document.ToJson());
  }
  co_return absl::OkStatus();
}

Task<absl::Status> AppendQuery(Database database, std::string collection, std::string what,
                               Expression condition, std::string* answers) {
  AURORA_CO_ASSIGN(const std::vector<Document> documents,
                   co_await database.Query(collection).Where(condition).Collect());
  StrAppend(answers, collection, " where ", what, ": ", documents.size());
  for (const Document& document : documents) {
    StrAppend(answers, " ", document.Get(collection == "events" ? "what" : "sku").AsString());
  }
  StrAppend(answers, "\n");
  co_return absl::OkStatus();
}

Task<absl::Status> ReadAll(Environment* environment, std::string* answers) {
  AURORA_CO_ASSIGN(Database database, co_await Database::Open(kPath, SmallOptions(environment)));
  for (const CollectionInfo& each : database.Collections()) {
    AURORA_CO_RETURN_IF_ERROR(co_await AppendDocuments(database, each.name, answers));
  }
  AURORA_CO_RETURN_IF_ERROR(
      co_await AppendQuery(database, "products", "sku == S-50", Field("sku") == "S-50", answers));
  AURORA_CO_RETURN_IF_ERROR(
      co_await AppendQuery(database, "products", "in_stock", Field("in_stock") == true, answers));
  AURORA_CO_RETURN_IF_ERROR(
      co_await AppendQuery(database, "products", "price < 20", Field("price") < 20, answers));
  AURORA_CO_RETURN_IF_ERROR(
      co_await AppendQuery(database, "events", "at >= 60000", Field("at") >= 60'000, answers));
  co_return co_await database.Close();
}

// --- A store. ---

constexpr lsm::KeyspaceId kMerged = 7;
constexpr absl::Duration kMonth = absl::Hours(24 * 30);

lsm::StoreOptions SmallStoreOptions(const lsm::MergeOperator* append) {
  lsm::StoreOptions options;
  options.directory = kPath;
  options.memtable_bytes = 16u << 10;
  options.table_bytes = 8192;
  options.block_bytes = 512;  // the index is in parts
  options.log_segment_bytes = 64u << 10;
  options.block_cache_bytes = 64u << 10;
  options.merge_operators[kMerged] = append;
  return options;
}

std::string NumberedKey(int number) { return StrCat("key", 1000 + number); }

Task<absl::Status> WriteKeys(lsm::KvStore* store, int from, int to) {
  for (int i = from; i < to; ++i) {
    lsm::WriteBatch batch;
    batch.Put(NumberedKey(i), StrCat("value ", i));
    // In value files; of some only one, because they are replaced.
    if (i % 10 == 3) batch.Put(StrCat("large", i % 70), std::string(4096 + 300 * (i % 90), 'v'));
    if (i % 45 == 4) batch.Put(NumberedKey((i + 4) % 9), std::string(5000, 'b'), kMerged);
    batch.Merge(NumberedKey(i % 9), StrCat(i, ";"), kMerged);
    if (i % 4 == 3) batch.Delete(NumberedKey(i - 2));
    AURORA_CO_RETURN_IF_ERROR((co_await store->Write(batch)).status());
  }
  co_return absl::OkStatus();
}

// Range deletes in the last level, which a snapshot keeps there, in level 0 and in the log; values
// in value files, live ones and garbage.
Task<absl::Status> FillStore(Environment* environment) {
  const lsm::AppendOperator append;
  AURORA_CO_ASSIGN(const std::unique_ptr<lsm::KvStore> store,
                   co_await lsm::KvStore::Open(*environment, SmallStoreOptions(&append)));
  std::unique_ptr<lsm::Snapshot> snapshot;
  for (int part = 0; part < 3; ++part) {
    const int from = 100 * part;
    AURORA_CO_RETURN_IF_ERROR(co_await WriteKeys(store.get(), from, from + 90));
    if (part == 0) snapshot = store->store().GetSnapshot();
    lsm::WriteBatch batch;
    batch.DeleteRange(NumberedKey(from + 20), NumberedKey(from + 60));
    batch.DeleteRange(NumberedKey(part), NumberedKey(part + 2), kMerged);
    batch.Put(NumberedKey(from + 40), "put behind a range delete");
    AURORA_CO_RETURN_IF_ERROR((co_await store->Write(batch)).status());
    if (part == 0) AURORA_CO_RETURN_IF_ERROR(co_await store->store().Compact());
    if (part == 1) AURORA_CO_RETURN_IF_ERROR(co_await store->store().Flush());
  }
  snapshot = nullptr;
  co_return co_await store->Close();
}

// Ends without a close, before a table has the large commit.
Task<absl::Status> WriteLarge(Environment* environment, std::unique_ptr<lsm::KvStore>* opened) {
  lsm::StoreOptions options = SmallStoreOptions(nullptr);
  options.merge_operators.clear();
  options.log_segment_bytes = 32u << 10;
  AURORA_CO_ASSIGN(*opened, co_await lsm::KvStore::Open(*environment, std::move(options)));
  lsm::KvStore* const store = opened->get();
  lsm::WriteBatch batch;
  batch.Put("before", "is small");
  AURORA_CO_RETURN_IF_ERROR((co_await store->Write(batch)).status());
  for (int i = 0; i < 120; ++i) batch.Put(NumberedKey(i), StrCat(i, std::string(290, 'l')));
  batch.DeleteRange(NumberedKey(20), NumberedKey(30));
  AURORA_CO_RETURN_IF_ERROR((co_await store->Write(batch)).status());
  batch.Clear();
  batch.Put("behind", "is small, too");
  co_return (co_await store->Write(batch)).status();
}

absl::Status FillLarge(Simulation* simulation) {
  std::unique_ptr<lsm::KvStore> store;
  AURORA_RETURN_IF_ERROR(simulation->Run(WriteLarge(&simulation->environment(), &store)));
  simulation->CrashProcess();
  AURORA_CHECK(!simulation->Run(store->Close()).ok());
  AURORA_CHECK(simulation->RunUntilIdle());
  return simulation->Restart();
}

// Tables of every other key, of which the second is in place of all keys from `replaced` on.
Task<absl::StatusOr<std::vector<std::unique_ptr<lsm::TableFile>>>> WriteTables(lsm::Store* store,
                                                                               int from,
                                                                               int replaced) {
  std::vector<std::unique_ptr<lsm::TableFile>> tables;
  for (const int begin : {from, replaced}) {
    AURORA_CO_ASSIGN(std::unique_ptr<lsm::TableFile> table, co_await store->NewTable(0));
    for (int i = begin; i < begin + 40; i += 2) {
      const std::string key = NumberedKey(i);
      const std::string value = StrCat("ingested ", i);
      AURORA_CO_RETURN_IF_ERROR(co_await table->Add(key, value));
    }
    if (begin == replaced) table->ReplaceRange(NumberedKey(replaced), NumberedKey(replaced + 50));
    AURORA_CO_RETURN_IF_ERROR(co_await table->Finish());
    tables.push_back(std::move(table));
  }
  co_return tables;
}

// The last ingestion is in the log alone: the manifest fails when it is to take it.
Task<absl::Status> WriteIngested(Simulation* simulation, std::unique_ptr<lsm::KvStore>* opened) {
  lsm::StoreOptions options = SmallStoreOptions(nullptr);
  options.merge_operators.clear();
  AURORA_CO_ASSIGN(*opened,
                   co_await lsm::KvStore::Open(simulation->environment(), std::move(options)));
  lsm::KvStore* const store = opened->get();
  for (int i = 0; i < 300; ++i) {
    const std::string key = NumberedKey(i);
    const std::string value = StrCat("value ", i);
    AURORA_CO_RETURN_IF_ERROR((co_await store->Put(key, value)).status());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().Compact());
  for (const int from : {20, 120}) {
    AURORA_CO_ASSIGN(const auto tables, co_await WriteTables(&store->store(), from, from + 40));
    AURORA_CO_RETURN_IF_ERROR((co_await store->Ingest(tables)).status());
  }
  AURORA_CO_ASSIGN(const auto tables, co_await WriteTables(&store->store(), 330, 200));
  const std::string replaced = NumberedKey(201);
  AURORA_CO_RETURN_IF_ERROR((co_await store->Put(replaced, "is replaced")).status());
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().Flush());
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().WaitIdle());
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kWriteDurably, OperationKind::kWrite, OperationKind::kSync};
  rule.path = "*MANIFEST*";
  rule.count = FaultRule::kForEver;
  simulation->faults().Add(rule);
  AURORA_CHECK(!(co_await store->Ingest(tables)).ok());
  co_return absl::OkStatus();
}

absl::Status FillIngested(Simulation* simulation) {
  std::unique_ptr<lsm::KvStore> store;
  AURORA_RETURN_IF_ERROR(simulation->Run(WriteIngested(simulation, &store)));
  simulation->CrashProcess();
  AURORA_CHECK(!simulation->Run(store->Close()).ok());
  AURORA_CHECK(simulation->RunUntilIdle());
  simulation->faults().Clear();
  return simulation->Restart();
}

// Values for an hour, for a month and for ever, here and in value files, with what was merged onto
// them: in the last level, in level 0 and in the log.
Task<absl::Status> FillExpiring(Environment* environment) {
  const lsm::AppendOperator append;
  AURORA_CO_ASSIGN(const std::unique_ptr<lsm::KvStore> store,
                   co_await lsm::KvStore::Open(*environment, SmallStoreOptions(&append)));
  const absl::Duration times[] = {absl::Hours(1), kMonth, absl::InfiniteDuration()};
  for (int i = 0; i < 270; ++i) {
    lsm::WriteBatch batch;
    const absl::Duration time = times[i % 3];
    batch.PutFor(NumberedKey(i), StrCat("value ", i), time);
    if (i % 8 == 5) batch.PutFor(StrCat("large", i), std::string(4096 + 10 * i, 'v'), time);
    if (i % 5 == 2) batch.Delete(NumberedKey(i - 2));
    if (i % 9 == 4) batch.PutFor(NumberedKey(i), "base;", time, kMerged);
    if (i > 150 && i % 9 == 1) batch.Merge(NumberedKey(i - 60), "operand;", kMerged);
    AURORA_CO_RETURN_IF_ERROR((co_await store->Write(batch)).status());
    if (i == 110) AURORA_CO_RETURN_IF_ERROR(co_await store->store().Compact());
    if (i == 200) AURORA_CO_RETURN_IF_ERROR(co_await store->store().Flush());
  }
  co_return co_await store->Close();
}

Task<absl::Status> ReadStore(Environment* environment, std::string* answers) {
  const lsm::AppendOperator append;
  AURORA_CO_ASSIGN(const std::unique_ptr<lsm::KvStore> store,
                   co_await lsm::KvStore::Open(*environment, SmallStoreOptions(&append)));
  for (const lsm::KeyspaceId keyspace : {lsm::KeyspaceId{0}, kMerged}) {
    const std::unique_ptr<lsm::Iterator> iterator =
        store->store().NewIterator(keyspace, lsm::IterateOptions());
    AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekToFirst());
    while (iterator->Valid()) {
      AURORA_CO_ASSIGN(
          const std::optional<lsm::Expiry> expiry,
          co_await store->store().GetExpiry(keyspace, iterator->key(), lsm::ReadPoint()));
      StrAppend(answers, keyspace, "/", iterator->key(), " = ", iterator->value());
      if (expiry.has_value() && *expiry != lsm::kNeverExpires) {
        StrAppend(answers, " until ", *expiry);
      }
      StrAppend(answers, "\n");
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->Next());
    }
  }
  co_return co_await store->Close();
}

// --- Files. ---

std::string Contents(const std::filesystem::path& path) {
  std::ostringstream contents;
  contents << std::ifstream(path, std::ios::binary).rdbuf();
  return contents.str();
}

void WriteFile(const std::filesystem::path& path, std::string_view contents) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << contents;
}

}  // namespace

GoldenDatabase MakeGolden(const std::string& name) {
  Simulation simulation(kSeed);
  Environment* const environment = &simulation.environment();
  absl::Status status;
  if (name == "large") {
    status = FillLarge(&simulation);
  } else if (name == "ingested") {
    status = FillIngested(&simulation);
  } else if (name == "expiring") {
    status = simulation.Run(FillExpiring(environment));
  } else {
    status = simulation.Run(name == "store" ? FillStore(environment) : Fill(environment));
  }
  AURORA_CHECK(status.ok());
  if (name == "killed") status = FillMore(&simulation);
  AURORA_CHECK(status.ok());
  GoldenDatabase made;
  made.image = simulation.disk().image();
  absl::StatusOr<GoldenDatabase> read = ReadAnswers(name, made.image);
  AURORA_CHECK(read.ok());
  made.answers = std::move(read->answers);
  return made;
}

absl::StatusOr<GoldenDatabase> ReadAnswers(const std::string& name, const DiskImage& image) {
  SimulationOptions options;
  options.image = image;
  Simulation simulation(kSeed, std::move(options));
  Environment* const environment = &simulation.environment();
  GoldenDatabase read;
  const bool is_database = name == "closed" || name == "killed";
  // What was to live for an hour is gone.
  simulation.JumpWallClock(absl::Hours(2));
  AURORA_RETURN_IF_ERROR(simulation.Run(is_database ? ReadAll(environment, &read.answers)
                                                    : ReadStore(environment, &read.answers)));
  read.image = simulation.disk().image();
  return read;
}

absl::Status WriteGolden(const GoldenDatabase& database, const std::string& directory,
                         const std::string& name) {
  std::string sizes;
  for (const std::string& path : database.image.Files()) {
    AURORA_ASSIGN_OR_RETURN(std::string bytes, database.image.ReadFile(path));
    const std::string relative = path.substr(sizeof kPath);
    StrAppend(&sizes, bytes.size(), " ", relative, "\n");
    bytes.resize(bytes.find_last_not_of('\0') + 1);
    WriteFile(StrCat(directory, "/", name, "/", relative), bytes);
  }
  WriteFile(StrCat(directory, "/", name, ".sizes"), sizes);
  WriteFile(StrCat(directory, "/", name, ".answers"), database.answers);
  return absl::OkStatus();
}

absl::StatusOr<GoldenDatabase> ReadGolden(const std::string& directory, const std::string& name) {
  const std::string sizes_path = StrCat(directory, "/", name, ".sizes");
  if (!std::filesystem::exists(sizes_path)) return NotFoundError("there is no ", sizes_path);
  GoldenDatabase golden;
  AURORA_RETURN_IF_ERROR(golden.image.CreateDirectory(kPath));
  AURORA_RETURN_IF_ERROR(golden.image.CreateDirectory(StrCat(kPath, "/log")));
  std::istringstream sizes(Contents(sizes_path));
  std::size_t size = 0;
  std::string relative;
  while (sizes >> size >> relative) {
    std::string bytes = Contents(StrCat(directory, "/", name, "/", relative));
    bytes.resize(size);
    AURORA_RETURN_IF_ERROR(golden.image.WriteFile(StrCat(kPath, "/", relative), bytes));
  }
  golden.answers = Contents(StrCat(directory, "/", name, ".answers"));
  return golden;
}

}  // namespace aurora::formats
