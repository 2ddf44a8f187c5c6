#include "aurora/lsm/compaction_errors_testing.h"

#include <cerrno>
#include <memory>
#include <string>
#include <utility>

#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr int kKeys = 500;
constexpr std::size_t kValueBytes = 800;

StoreOptions Options() {
  StoreOptions options = SmallStoreOptions("/db", Durability::kProcess);
  options.memtable_bytes = 1u << 20;
  options.table_bytes = 1u << 20;
  options.value_file_min_bytes = 0;
  return options;
}

SimulationOptions At(DiskImage image) {
  SimulationOptions options;
  options.image = std::move(image);
  options.latency = LatencyModel::None();
  return options;
}

std::string KeyOf(int i) { return StrCat("key", 1000 + i); }

// One large table.
Task<absl::Status> Fill(Environment* environment, std::uint64_t seed) {
  SeededRandom random(seed);
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, Options()));
  absl::Status status;
  for (int i = 0; i < kKeys && status.ok(); ++i) {
    std::string value(kValueBytes, '\0');
    for (char& c : value) c = static_cast<char>(random.Below(256));
    status = (co_await store->Put(KeyOf(i), value)).status();
  }
  if (status.ok()) status = co_await store->store().Compact();
  const absl::Status closed = co_await store->Close();
  co_return status.ok() ? closed : status;
}

Task<absl::Status> CheckAll(KvStore* store) {
  for (int i = 0; i < kKeys; ++i) {
    AURORA_CO_ASSIGN(const std::optional<PinnedValue> value, co_await store->Get(KeyOf(i)));
    if (!value.has_value()) co_return InternalError(KeyOf(i), " is gone");
  }
  co_return absl::OkStatus();
}

absl::Status CompactOnce(const DiskImage& image, std::uint64_t read, bool* struck) {
  Simulation simulation(read, At(image));
  auto opened = simulation.Run(KvStore::Open(simulation.environment(), Options()));
  AURORA_RETURN_IF_ERROR(opened.status());
  KvStore& store = **opened;
  for (const int i : {0, kKeys - 1}) {
    AURORA_RETURN_IF_ERROR(simulation.Run(store.Put(KeyOf(i), "new")).status());
  }
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kRead};
  rule.path = "*.table";
  rule.first = read;
  const std::size_t id = simulation.faults().Add(rule);
  const absl::Status compacted = simulation.Run(store.store().Compact());
  *struck = simulation.faults().struck(id) > 0;
  simulation.faults().Clear();
  absl::Status status = simulation.Run(CheckAll(&store));
  if (*struck && compacted.ok() && status.ok()) {
    status = InternalError("the compaction succeeded although it could not read");
  }
  const absl::Status closed = simulation.Run(store.Close());
  return status.ok() ? closed : status;
}

}  // namespace

absl::Status LoopOverCompactionReads(std::uint64_t seed) {
  Simulation simulation(seed);
  AURORA_RETURN_IF_ERROR(simulation.Run(Fill(&simulation.environment(), seed)));
  const DiskImage image = simulation.disk().image();
  std::uint64_t read = 0;
  for (bool struck = true; struck;) {
    AURORA_RETURN_IF_ERROR(Annotate(CompactOnce(image, ++read, &struck), StrCat("read ", read)));
  }
  constexpr std::uint64_t kReadsLeast = 5;
  if (read < kReadsLeast) return InternalError("only ", read, " reads");
  return absl::OkStatus();
}

}  // namespace aurora::lsm
