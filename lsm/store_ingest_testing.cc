#include "aurora/lsm/store_ingest_testing.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {
namespace {

constexpr char kDirectory[] = "/db";

// Flips a bit of the only table there is.
Task<absl::Status> FlipBit(FileSystem* files, SeededRandom* random, std::string* where) {
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files->List(kDirectory));
  for (const DirectoryEntry& entry : entries) {
    if (!entry.name.ends_with(".table")) continue;
    OpenOptions open;
    open.mode = OpenMode::kReadWrite;
    AURORA_CO_ASSIGN(const std::unique_ptr<File> file,
                     co_await files->Open(JoinPath(kDirectory, entry.name), open));
    AURORA_CO_ASSIGN(const std::uint64_t size, co_await file->Size());
    const std::uint64_t at = random->Below(size);
    char byte = 0;
    AURORA_CO_RETURN_IF_ERROR((co_await file->Read(at, {&byte, 1})).status());
    byte = static_cast<char>(byte ^ (1 << random->Below(8)));
    *where = StrCat("byte ", at, " of ", size);
    co_return co_await file->Write(at, {&byte, 1});
  }
  co_return NotFoundError("there is no table in ", kDirectory);
}

Task<absl::Status> IngestDamaged(Environment* environment, SeededRandom* random) {
  AURORA_CO_ASSIGN(
      const std::unique_ptr<KvStore> store,
      co_await KvStore::Open(*environment, SmallStoreOptions(kDirectory, Durability::kSync)));
  std::vector<std::unique_ptr<TableFile>> tables;
  AURORA_CO_ASSIGN(std::unique_ptr<TableFile> table, co_await store->store().NewTable(0));
  for (int i = 0; i < 40; ++i) {
    const std::string key = StrCat("key", 100 + i);
    AURORA_CO_RETURN_IF_ERROR(co_await table->Add(key, std::string(50, 'v')));
  }
  table->ReplaceRange("key", "keyz");
  AURORA_CO_RETURN_IF_ERROR(co_await table->Finish());
  tables.push_back(std::move(table));
  std::string where;
  AURORA_CO_RETURN_IF_ERROR(co_await FlipBit(&environment->files(), random, &where));
  const absl::Status ingested = (co_await store->Ingest(tables)).status();
  tables.clear();
  const absl::Status closed = co_await store->Close();
  if (ingested.ok()) co_return InternalError("a table with a damaged ", where, " was ingested");
  co_return closed;
}

}  // namespace

absl::Status TryDamagedIngestion(std::uint64_t seed) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  return simulation.Run(IngestDamaged(&simulation.environment(), &random));
}

}  // namespace aurora::lsm
