#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/lsm/kv_store.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/clock.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/histogram.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/runtime/task_group.h"
#include "aurora/tools/commands/commands.h"
#include "aurora/tools/commands/session.h"
#include "aurora/tools/interrupt.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

constexpr std::size_t kValueBytes = 100;
constexpr std::size_t kBatch = 1000;
constexpr std::size_t kWritersAtOnce = 64;

struct BenchArguments {
  std::string directory;
  double seconds = 1;
  bool json = false;
};

// A kind of work, measured.
struct Measured {
  std::string work;
  std::uint64_t operations = 0;
  std::int64_t nanos = 0;
  Histogram latencies;

  std::uint64_t PerSecond() const {
    return static_cast<std::uint64_t>(static_cast<double>(operations) * 1e9 /
                                      static_cast<double>(std::max<std::int64_t>(nanos, 1)));
  }
};

std::string KeyOf(std::uint64_t i) {
  const std::uint64_t scrambled = i * 0x9E3779B97F4A7C15u;
  std::string key(16, '\0');
  for (std::size_t byte = 0; byte < 8; ++byte) {
    key[byte] = static_cast<char>(scrambled >> (56 - 8 * byte));
  }
  std::memcpy(key.data() + 8, &i, 8);
  return key;
}

// Half of it can be compressed.
std::string MakeValue() {
  std::string value(kValueBytes, 'v');
  SeededRandom random(1);
  for (std::size_t i = 0; i < kValueBytes / 2; ++i) value[i] = static_cast<char>(random.Next64());
  return value;
}

class Bench {
 public:
  Bench(const BenchArguments& arguments, std::shared_ptr<Environment> environment)
      : arguments_(arguments), environment_(std::move(environment)), value_(MakeValue()) {}

  absl::StatusOr<std::vector<Measured>> Run() {
    AURORA_RETURN_IF_ERROR(Unsynced());
    AURORA_RETURN_IF_ERROR(Synced());
    return std::move(results_);
  }

 private:
  absl::StatusOr<std::unique_ptr<lsm::KvStore>> Open(lsm::Durability durability) const {
    lsm::StoreOptions options;
    options.directory =
        arguments_.directory + (durability == lsm::Durability::kSync ? "/synced" : "/unsynced");
    options.durability = durability;
    return BlockOn(lsm::KvStore::Open(*environment_, options));
  }

  // Does `work` over and over, for the time of one measurement; each stands for `operations`.
  template <class Work>
  absl::Status Measure(std::string name, std::uint64_t operations, Work work) {
    Measured measured;
    measured.work = std::move(name);
    const Clock& clock = environment_->clock();
    const std::int64_t start = clock.MonotonicNanos();
    const std::int64_t end = start + static_cast<std::int64_t>(arguments_.seconds * 1e9);
    std::int64_t now = start;
    do {
      AURORA_RETURN_IF_ERROR(work());
      const std::int64_t after = clock.MonotonicNanos();
      measured.latencies.Record(static_cast<std::uint64_t>(after - now));
      measured.operations += operations;
      now = after;
      if (InterruptScope::Signal() != 0) return CancelledError("interrupted");
    } while (now < end);
    measured.nanos = now - start;
    results_.push_back(std::move(measured));
    return absl::OkStatus();
  }

  absl::Status Unsynced() {
    AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<lsm::KvStore> kv,
                            Open(lsm::Durability::kProcess));
    const absl::Status measured = MeasureUnsynced(kv.get());
    const absl::Status closed = BlockOn(kv->Close());
    AURORA_RETURN_IF_ERROR(measured);
    return closed;
  }

  absl::Status MeasureUnsynced(lsm::KvStore* kv) {
    std::uint64_t count = 0;
    AURORA_RETURN_IF_ERROR(
        Measure("put", 1, [&] { return BlockOn(kv->Put(KeyOf(count++), value_)).status(); }));
    AURORA_RETURN_IF_ERROR(Measure("put, batches of 1000", kBatch, [&] {
      lsm::WriteBatch batch;
      for (std::size_t i = 0; i < kBatch; ++i) batch.Put(KeyOf(count++), value_);
      return BlockOn(kv->Write(batch)).status();
    }));
    AURORA_RETURN_IF_ERROR(BlockOn(kv->store().Flush()));
    AURORA_RETURN_IF_ERROR(BlockOn(kv->store().WaitIdle()));
    SeededRandom random(1);
    AURORA_RETURN_IF_ERROR(
        Measure("get", 1, [&] { return BlockOn(kv->Get(KeyOf(random.Below(count)))).status(); }));
    AURORA_RETURN_IF_ERROR(Measure("get of an absent key", 1, [&] {
      return BlockOn(kv->Get(KeyOf(random.Below(count)) + "x")).status();
    }));
    return Measure("seek and 100 steps", 1, [&] { return Scan(kv, KeyOf(random.Below(count))); });
  }

  static absl::Status Scan(lsm::KvStore* kv, const std::string& from) {
    const std::unique_ptr<lsm::Iterator> iterator = kv->store().NewIterator(0, {});
    AURORA_RETURN_IF_ERROR(BlockOn(iterator->Seek(from)));
    for (int i = 0; i < 100 && iterator->Valid(); ++i) {
      AURORA_RETURN_IF_ERROR(BlockOn(iterator->Next()));
    }
    return absl::OkStatus();
  }

  absl::Status Synced() {
    AURORA_ASSIGN_OR_RETURN(const std::unique_ptr<lsm::KvStore> kv, Open(lsm::Durability::kSync));
    const absl::Status measured = MeasureSynced(kv.get());
    const absl::Status closed = BlockOn(kv->Close());
    AURORA_RETURN_IF_ERROR(measured);
    return closed;
  }

  absl::Status MeasureSynced(lsm::KvStore* kv) {
    std::uint64_t count = 0;
    AURORA_RETURN_IF_ERROR(Measure(
        "synced put", 1, [&] { return BlockOn(kv->Put(KeyOf(count++), value_)).status(); }));
    return Measure("synced put, 64 at once", kWritersAtOnce,
                   [&] { return BlockOn(PutAtOnce(kv, &count)); });
  }

  Task<absl::Status> PutOne(lsm::KvStore* kv, std::uint64_t i) {
    const std::string key = KeyOf(i);
    co_return (co_await kv->Put(key, value_)).status();
  }

  Task<absl::Status> PutAtOnce(lsm::KvStore* kv, std::uint64_t* count) {
    const std::uint64_t first = *count;
    *count += kWritersAtOnce;
    const auto put = [this, kv, first](std::size_t i)
                         AURORA_TASK_WRAPPER { return PutOne(kv, first + i); };
    co_return co_await ForEachConcurrently(Executor::Current(), kWritersAtOnce, kWritersAtOnce,
                                           put);
  }

  const BenchArguments& arguments_;
  const std::shared_ptr<Environment> environment_;
  const std::string value_;
  std::vector<Measured> results_;
};

void Print(const std::vector<Measured>& results, const Streams& streams) {
  TextTable table({"work", "per second", "p50", "p99", "p99.9", "max"});
  const auto text = [](std::uint64_t nanos) {
    return HumanNanos(static_cast<std::int64_t>(nanos));
  };
  for (const Measured& measured : results) {
    const Distribution told = measured.latencies.Summary();
    table.Add({measured.work, Grouped(measured.PerSecond()), text(told.p50), text(told.p99),
               text(told.p999), text(told.max)});
  }
  streams.out << table.ToString(streams.out_terminal);
}

Object ToObject(const std::vector<Measured>& results, std::string_view file_backend) {
  Array works;
  for (const Measured& measured : results) {
    const Distribution told = measured.latencies.Summary();
    works.Append(Value(Object{{"work", Value(measured.work)},
                              {"operations", Number(measured.operations)},
                              {"per_second", Number(measured.PerSecond())},
                              {"p50_nanos", Number(told.p50)},
                              {"p99_nanos", Number(told.p99)},
                              {"p999_nanos", Number(told.p999)},
                              {"max_nanos", Number(told.max)}}));
  }
  return Object{{"file_backend", Value(std::string(file_backend))},
                {"key_bytes", Number(16)},
                {"value_bytes", Number(kValueBytes)},
                {"works", Value(std::move(works))}};
}

ExitCode RunBench(const BenchArguments& arguments, const Streams& streams) {
  const InterruptScope interrupt;
  std::error_code error;
  if (!std::filesystem::create_directory(arguments.directory, error) || error) {
    return Fail(
        error ? InvalidArgumentError(arguments.directory, ": ", error.message())
              : AlreadyExistsError(arguments.directory, " exists already; name a new directory"),
        streams);
  }
  absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment();
  if (!environment.ok()) return Fail(environment.status(), streams);
  const std::string file_backend((*environment)->files().name());
  const absl::StatusOr<std::vector<Measured>> results = Bench(arguments, *environment).Run();
  std::filesystem::remove_all(arguments.directory, error);
  if (absl::IsCancelled(results.status()) && InterruptScope::Signal() != 0) {
    streams.err << "stopped; " << arguments.directory << " is removed\n";
    return InterruptScope::Signal() == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
  }
  if (!results.ok()) return Fail(results.status(), streams);
  if (arguments.json) {
    PrintJson(ToObject(*results, file_backend), streams);
  } else {
    streams.out << "keys of 16 bytes, values of " << kValueBytes << ", one thread, files by "
                << file_backend << "\n";
    Print(*results, streams);
  }
  return ExitCode::kOk;
}

}  // namespace

void AddBench(CommandLine& line) {
  const auto arguments = std::make_shared<BenchArguments>();
  CLI::App& app = line.Add("bench", "Measures what this machine and device achieve",
                           [arguments](Streams streams) { return RunBench(*arguments, streams); });
  app.add_option("directory", arguments->directory,
                 "A directory to make, on the device to be judged; removed at the end")
      ->required();
  app.add_option("--seconds", arguments->seconds, "The time of each of the seven measurements")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_flag("--json", arguments->json, "The result as one JSON object");
  app.footer(
      "Works on a scratch database of plain keys. The times are those of one call: of a batch, of "
      "a\n"
      "scan, of all 64 puts at once. What matters most of a device is 'synced put': the time "
      "until\n"
      "a commit survives the loss of power. Reads are mostly from memory, unless it runs long.\n\n"
      "Examples:\n"
      "  aurora-tool bench /mnt/ssd/scratch\n"
      "  aurora-tool bench scratch --seconds 10 --json | jq '.works[] | {work, p99_nanos}'\n");
}

}  // namespace aurora::tools
