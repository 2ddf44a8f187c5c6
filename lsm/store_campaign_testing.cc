#include "aurora/lsm/store_campaign_testing.h"
#include "absl/time/time.h"

#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/table_format.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/crash_sampler_testing.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

std::string Context(std::uint64_t seed, Durability durability) {
  return StrCat("seed ", seed, ", durability ", static_cast<int>(durability));
}

// Errors that say that the store answered wrongly, as opposed to not at all.
bool IsViolation(const absl::Status& status) { return absl::IsInternal(status); }

absl::Status CloseIfOpen(Simulation* simulation, StoreModel* model) {
  if (!model->is_open()) return absl::OkStatus();
  return simulation->Run(model->Close());
}

// Ends the crashed process and starts the next.
absl::Status Restart(Simulation* simulation, StoreModel* model) {
  if (CloseIfOpen(simulation, model).ok() && model->is_open()) {
    return InternalError("a crashed store closed without an error");
  }
  if (!simulation->RunUntilIdle()) return InternalError("a crashed store goes on for ever");
  return Annotate(simulation->Restart(), "a crashed store left");
}

absl::Status OpenAndCheck(Simulation* simulation, StoreModel* model, bool machine) {
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Open(&simulation->environment())));
  return simulation->Run(model->CheckRecovered(machine));
}

// Ends a run of which `status` is the outcome: an open store must not be abandoned.
absl::Status Conclude(Simulation* simulation, StoreModel* model, const absl::Status& status) {
  if (status.ok()) return status;
  const absl::Status ignored = CloseIfOpen(simulation, model);
  static_cast<void>(ignored);
  return status;
}

absl::Status RunLife(Simulation* simulation, StoreModel* model, SeededRandom* random,
                     bool is_first) {
  const bool process = random->Below(3) == 0;
  const CrashMode mode = process ? CrashMode::Process() : DrawCrashMode(*random);
  simulation->CrashAt(simulation->event_count() + 1 + random->Below(is_first ? 200 : 400), mode);
  absl::Status status = simulation->Run(model->Open(&simulation->environment()));
  while (status.ok()) status = simulation->Run(model->Step());
  if (!IsCrash(status)) return Annotate(status, "before the crash");
  AURORA_RETURN_IF_ERROR(Restart(simulation, model));
  status = OpenAndCheck(simulation, model, !process);
  if (!status.ok()) return Annotate(status, Describe(mode));
  return simulation->Run(model->Close());
}

}  // namespace

absl::Status RunStoreAnswers(std::uint64_t seed, Durability durability, int steps) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  absl::Status status;
  for (int life = 0; life < 3 && status.ok(); ++life) {
    status = simulation.Run(model.Open(&simulation.environment()));
    if (status.ok() && life > 0) status = simulation.Run(model.CheckRecovered(/*machine=*/true));
    if (status.ok()) status = simulation.Run(model.Steps(steps));
    if (status.ok()) status = simulation.Run(model.CheckAll());
    if (status.ok()) status = simulation.Run(model.Close());
  }
  status = Conclude(&simulation, &model, status);
  if (status.ok()) return status;
  return InternalError(status.message(), "; ", Context(seed, durability));
}

absl::Status RunStoreLives(std::uint64_t seed, Durability durability, int lives) {
  SeededRandom random(seed);
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  for (int life = 0; life < lives; ++life) {
    const absl::Status status =
        Conclude(&simulation, &model, RunLife(&simulation, &model, &random, life == 0));
    if (!status.ok()) {
      return InternalError(status.message(), "; ", Context(seed, durability), ", life ", life);
    }
  }
  return absl::OkStatus();
}

namespace {

// What is opened of a crash image; the second process may crash too.
absl::Status LiveOnImage(std::uint64_t seed, Simulation* simulation, StoreModel* model,
                         bool machine) {
  SeededRandom random(seed);
  if (random.Below(3) == 0) {
    const CrashMode mode = DrawCrashMode(random);
    simulation->CrashAt(1 + random.Below(20), mode);
    absl::Status status = OpenAndCheck(simulation, model, machine);
    if (status.ok()) status = simulation->Run(model->Steps(20));
    machine = true;
    if (!simulation->crashed()) simulation->CrashMachine(mode);
    if (!status.ok() && !IsCrash(status)) return Annotate(status, "in the second life");
    AURORA_RETURN_IF_ERROR(Restart(simulation, model));
  }
  AURORA_RETURN_IF_ERROR(OpenAndCheck(simulation, model, machine));
  // Written to and opened again: what recovery made must hold too.
  for (int i = 0; i < 2; ++i) {
    AURORA_RETURN_IF_ERROR(simulation->Run(model->Commit(std::nullopt)));
  }
  AURORA_RETURN_IF_ERROR(simulation->Run(model->Close()));
  AURORA_RETURN_IF_ERROR(OpenAndCheck(simulation, model, /*machine=*/true));
  return simulation->Run(model->Close());
}

absl::Status TryImage(const CrashPoint& point, const StoreModel& history) {
  SimulationOptions options;
  options.image = point.image;
  options.latency = LatencyModel::None();
  Simulation simulation(point.seed, std::move(options));
  const std::unique_ptr<StoreModel> model = history.Fork(point.seed);
  const absl::Status status =
      LiveOnImage(point.seed, &simulation, model.get(), !point.mode.process_only);
  return Conclude(&simulation, model.get(), status);
}

Task<absl::Status> SmallLife(StoreModel* model, Environment* environment) {
  for (int life = 0; life < 2; ++life) {
    AURORA_CO_RETURN_IF_ERROR(co_await model->Open(environment));
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 6; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
      AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(Durability::kSync));
      if (round == 1) {
        AURORA_CO_RETURN_IF_ERROR(co_await model->CommitLarge(std::nullopt));
        AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(Durability::kSync));
        AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
        AURORA_CO_RETURN_IF_ERROR(co_await model->Ingest());
        AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
      }
      AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Flush());
    }
    AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Compact());
    AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
    AURORA_CO_RETURN_IF_ERROR(co_await model->Close());
  }
  co_return absl::OkStatus();
}

}  // namespace

absl::Status EnumerateStoreCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                                   std::uint64_t* images) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  const CrashSampler sampler(&simulation, seed, modes_per_event,
                             [&](const CrashPoint& point) { return TryImage(point, model); });
  const absl::Status lived = simulation.Run(SmallLife(&model, &simulation.environment()));
  *images += sampler.image_count();
  AURORA_RETURN_IF_ERROR(Annotate(sampler.violation(), Context(seed, durability)));
  return Conclude(&simulation, &model, lived);
}

namespace {

StoreOptions TinyStoreOptions(Durability durability) {
  StoreOptions options = SmallStoreOptions("/db", durability);
  options.log_segment_bytes = 32u << 10;
  return options;
}

Task<absl::Status> TinyLife(StoreModel* model, Environment* environment) {
  AURORA_CO_RETURN_IF_ERROR(co_await model->Open(environment));
  for (int round = 0; round < 2; ++round) {
    AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(Durability::kSync));
    AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
    AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Flush());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Compact());
  AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(Durability::kSync));
  AURORA_CO_RETURN_IF_ERROR(co_await model->CommitLarge(Durability::kSync));
  AURORA_CO_RETURN_IF_ERROR(co_await model->Ingest());
  AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
  co_return co_await model->Close();
}

SimulationOptions OnImage(const DiskImage& image) {
  SimulationOptions options;
  options.image = image;
  options.latency = LatencyModel::None();
  return options;
}

// Opens what a crash has left, with a crash at every persistent operation of that, and closes.
absl::Status TryNestedImage(const CrashPoint& point, const StoreModel& history,
                            std::uint64_t* images) {
  Simulation simulation(point.seed, OnImage(point.image));
  const std::unique_ptr<StoreModel> model = history.Fork(point.seed);
  const bool machine = !point.mode.process_only;
  const auto reopen = [&](const CrashPoint& second) {
    Simulation after(second.seed, OnImage(second.image));
    const std::unique_ptr<StoreModel> survivor = model->Fork(second.seed);
    absl::Status status =
        OpenAndCheck(&after, survivor.get(), machine || !second.mode.process_only);
    if (status.ok()) status = after.Run(survivor->Commit(Durability::kSync));
    if (status.ok()) status = after.Run(survivor->Close());
    if (status.ok()) status = OpenAndCheck(&after, survivor.get(), /*machine=*/true);
    if (status.ok()) status = after.Run(survivor->Close());
    return Conclude(&after, survivor.get(), status);
  };
  const CrashSampler sampler(&simulation, point.seed, 1, reopen);
  absl::Status status = OpenAndCheck(&simulation, model.get(), machine);
  if (status.ok()) status = simulation.Run(model->Close());
  *images += sampler.image_count();
  AURORA_RETURN_IF_ERROR(Annotate(sampler.violation(), "after a second crash"));
  return Conclude(&simulation, model.get(), status);
}

}  // namespace

absl::Status EnumerateNestedCrashes(std::uint64_t seed, Durability durability,
                                    std::uint64_t* images) {
  Simulation simulation(seed);
  StoreModel model(seed, TinyStoreOptions(durability));
  const CrashSampler sampler(&simulation, seed, 1, [&](const CrashPoint& point) {
    return TryNestedImage(point, model, images);
  });
  const absl::Status lived = simulation.Run(TinyLife(&model, &simulation.environment()));
  AURORA_RETURN_IF_ERROR(Annotate(sampler.violation(), Context(seed, durability)));
  return Conclude(&simulation, &model, lived);
}

absl::Status RunStoreFault(std::uint64_t seed, Durability durability, std::uint64_t first,
                           int error, bool for_ever, bool* struck) {
  Simulation simulation(seed);
  StoreModel model(seed, SmallStoreOptions("/db", durability));
  FaultRule rule;
  rule.fault = Fault::Error(error);
  rule.first = first;
  if (for_ever) rule.count = FaultRule::kForEver;
  if (error == ENOSPC) {
    rule.kinds = {OperationKind::kCreate, OperationKind::kWrite, OperationKind::kWriteDurably,
                  OperationKind::kAllocate, OperationKind::kCreateDirectory};
  }
  const std::size_t id = simulation.faults().Add(rule);
  const std::string context =
      StrCat("operation ", first, for_ever ? " and all after it fail" : " fails", " with error ",
             error, "; ", Context(seed, durability));
  absl::Status status = simulation.Run(model.Open(&simulation.environment()));
  if (status.ok()) status = simulation.Run(model.Steps(120));
  *struck = simulation.faults().struck(id) > 0;
  if (IsViolation(status)) return InternalError(status.message(), "; ", context);
  const absl::Status closed = CloseIfOpen(&simulation, &model);
  if (IsViolation(closed)) return InternalError(closed.message(), "; at close; ", context);
  if (!simulation.RunUntilIdle()) return InternalError("goes on for ever; ", context);
  simulation.faults().Clear();
  // A failed sync may have thrown away what only the page cache held.
  status = OpenAndCheck(&simulation, &model, /*machine=*/error != ENOSPC);
  // In a mapped segment that was acknowledged to survive the process, and recovery says so.
  const bool told = durability != Durability::kSync && error != ENOSPC && absl::IsDataLoss(status);
  if (told && !model.is_open()) return absl::OkStatus();
  if (status.ok()) status = simulation.Run(model.Close());
  Conclude(&simulation, &model, status).IgnoreError();
  if (!status.ok()) return InternalError(status.message(), "; opened again; ", context);
  return absl::OkStatus();
}

// --- Damage. ---

struct FlippedBits::Closed {
  Closed(std::uint64_t seed, StoreOptions options) : model(seed, std::move(options)), seed(seed) {}
  StoreModel model;
  std::uint64_t seed;
  DiskImage image;
  std::vector<std::pair<std::string, std::string>> files;  // path and contents
  std::vector<DiskImage> earlier;                          // at some moments of the life
};

FlippedBits::FlippedBits(std::uint64_t seed, Durability durability, bool tiny)
    : closed_(std::make_unique<Closed>(
          seed, tiny ? TinyStoreOptions(durability) : SmallStoreOptions("/db", durability))) {
  Simulation simulation(seed);
  constexpr std::uint64_t kEventsBetween = 7;
  simulation.ObservePersistence([&](const PersistenceEvent& event) {
    if (tiny && event.index % kEventsBetween == 0) {
      closed_->earlier.push_back(simulation.disk().image());
    }
  });
  StoreModel* const model = &closed_->model;
  const absl::Status lived = simulation.Run(tiny ? TinyLife(model, &simulation.environment())
                                                 : SmallLife(model, &simulation.environment()));
  AURORA_CHECK(lived.ok());
  closed_->image = simulation.disk().image();
  for (const std::string& path : closed_->image.Files()) {
    std::string contents = *closed_->image.ReadFile(path);
    byte_count_ += contents.size();
    closed_->files.emplace_back(path, std::move(contents));
  }
}

FlippedBits::~FlippedBits() = default;

std::vector<std::uint64_t> FlippedBits::Bytes(std::uint64_t stride) const {
  std::vector<std::uint64_t> numbers;
  std::uint64_t number = 0;
  for (const auto& [path, contents] : closed_->files) {
    for (const char byte : contents) {
      if (byte != 0 || number % stride == 0) numbers.push_back(number);
      ++number;
    }
  }
  return numbers;
}

// An error, or the right answers.
absl::Status FlippedBits::Check(DiskImage image, std::string_view damage) {
  Simulation simulation(closed_->seed, OnImage(image));
  const std::unique_ptr<StoreModel> model = closed_->model.Fork(closed_->seed);
  const absl::Status status = OpenAndCheck(&simulation, model.get(), /*machine=*/true);
  const absl::Status closed = CloseIfOpen(&simulation, model.get());
  for (const absl::Status& each : {status, closed}) {
    if (IsViolation(each)) {
      return InternalError(each.message(), "; ", damage, "; seed ", closed_->seed);
    }
  }
  return absl::OkStatus();
}

absl::Status FlippedBits::Try(std::uint64_t number, int bit) {
  auto file = closed_->files.begin();
  while (number >= file->second.size()) {
    number -= file->second.size();
    ++file;
  }
  DiskImage image = closed_->image;
  AURORA_RETURN_IF_ERROR(image.FlipBit(file->first, number, bit));
  return Check(std::move(image),
               StrCat("bit ", bit, " of byte ", number, " of ", file->first, " flipped"));
}

absl::Status FlippedBits::TryFiles(std::uint64_t* count) {
  constexpr std::size_t kSector = 512;
  constexpr std::size_t kBlock = 4096;
  const auto replace = [&](const std::string& path, std::string_view bytes,
                           std::string_view damage) {
    DiskImage image = closed_->image;
    AURORA_RETURN_IF_ERROR(image.WriteFile(path, bytes));
    ++*count;
    return Check(std::move(image), StrCat(path, " ", damage));
  };
  for (const auto& [path, contents] : closed_->files) {
    DiskImage without = closed_->image;
    AURORA_RETURN_IF_ERROR(without.RemoveFile(path));
    ++*count;
    AURORA_RETURN_IF_ERROR(Check(std::move(without), StrCat(path, " removed")));
    for (std::size_t size = 0; size < contents.size(); size += kSector) {
      AURORA_RETURN_IF_ERROR(
          replace(path, std::string_view(contents).substr(0, size), StrCat("cut to ", size)));
    }
    for (const auto& [other, others] : closed_->files) {
      if (others == contents) continue;
      AURORA_RETURN_IF_ERROR(replace(path, others, StrCat("replaced by ", other)));
    }
    for (const DiskImage& image : closed_->earlier) {
      const absl::StatusOr<std::string> bytes = image.ReadFile(path);
      if (!bytes.ok() || *bytes == contents) continue;
      AURORA_RETURN_IF_ERROR(replace(path, *bytes, "as it was earlier"));
    }
    for (std::size_t to = 0; to + kBlock <= contents.size(); to += kBlock) {
      for (std::size_t from = 0; from + kBlock <= contents.size(); from += kBlock) {
        const std::string_view block = std::string_view(contents).substr(from, kBlock);
        if (block == std::string_view(contents).substr(to, kBlock)) continue;
        std::string misdirected = contents;
        misdirected.replace(to, kBlock, block);
        AURORA_RETURN_IF_ERROR(replace(path, misdirected, StrCat("with block ", from, " at ", to)));
      }
    }
  }
  return absl::OkStatus();
}

namespace {

// A store that was killed right after a commit with a record file, and opens with it.
absl::StatusOr<DiskImage> KillWithRecordFile(std::uint64_t seed, StoreModel* model) {
  Simulation simulation(seed);
  AURORA_RETURN_IF_ERROR(simulation.Run(model->Open(&simulation.environment())));
  AURORA_RETURN_IF_ERROR(simulation.Run(model->Commit(Durability::kSync)));
  // Its flush, after which the file is not needed, must not be quicker than the crash.
  FaultRule slow;
  slow.fault = Fault::Delay(absl::Hours(1));
  slow.kinds = {OperationKind::kCreate};
  slow.path = "*.table";
  slow.count = FaultRule::kForEver;
  simulation.faults().Add(slow);
  AURORA_RETURN_IF_ERROR(simulation.Run(model->CommitLarge(Durability::kSync)));
  simulation.CrashMachine(CrashMode::Process());
  simulation.faults().Clear();
  AURORA_RETURN_IF_ERROR(Restart(&simulation, model));
  return simulation.disk().image();
}

}  // namespace

absl::Status DamageRecordFile(std::uint64_t seed, Durability durability, std::uint64_t step,
                              std::uint64_t* count) {
  SeededRandom random(seed);
  StoreModel model(seed, TinyStoreOptions(durability));
  AURORA_ASSIGN_OR_RETURN(const DiskImage whole, KillWithRecordFile(seed, &model));
  const auto check = [&](const DiskImage& image, std::string_view damage) -> absl::Status {
    Simulation after(seed, OnImage(image));
    const std::unique_ptr<StoreModel> survivor = model.Fork(seed);
    const absl::Status status = OpenAndCheck(&after, survivor.get(), /*machine=*/true);
    const absl::Status closed = CloseIfOpen(&after, survivor.get());
    ++*count;
    if (absl::IsDataLoss(status)) return absl::OkStatus();
    return InternalError("a record file with ", damage, ": ", status.ToString(), ", ",
                         closed.ToString(), "; ", Context(seed, durability));
  };
  for (const std::string& path : whole.Files()) {
    if (!path.ends_with(".record")) continue;
    AURORA_ASSIGN_OR_RETURN(const std::string contents, whole.ReadFile(path));
    for (std::uint64_t at = 0; at < contents.size(); at += step) {
      DiskImage image = whole;
      const auto bit = static_cast<int>(random.Below(8));
      AURORA_RETURN_IF_ERROR(image.FlipBit(path, at, bit));
      AURORA_RETURN_IF_ERROR(check(image, StrCat("bit ", bit, " of byte ", at, " flipped")));
    }
    DiskImage cut = whole;
    AURORA_RETURN_IF_ERROR(
        cut.WriteFile(path, std::string_view(contents).substr(0, contents.size() / 2)));
    AURORA_RETURN_IF_ERROR(check(cut, "half of it missing"));
    DiskImage without = whole;
    AURORA_RETURN_IF_ERROR(without.RemoveFile(path));
    AURORA_RETURN_IF_ERROR(check(without, "nothing left of it"));
  }
  return *count > 0 ? absl::OkStatus() : InternalError("there was no record file");
}

namespace {

constexpr int kMisplacedKeys = 20;
std::string MisplacedKey(int number) { return StrCat("key", number); }

Task<absl::Status> WriteTwice(Environment* environment, StoreOptions options) {
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, std::move(options)));
  absl::Status status;
  for (const char letter : {'o', 'n'}) {
    for (int i = 0; i < kMisplacedKeys && status.ok(); ++i) {
      const std::string key = MisplacedKey(i);
      const std::string value(100, letter);
      status = (co_await store->Put(key, value)).status();
    }
    if (status.ok()) status = co_await store->store().Flush();
  }
  const absl::Status closed = co_await store->Close();
  co_return status.ok() ? closed : status;
}

Task<absl::Status> ExpectNewValues(Environment* environment, StoreOptions options) {
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, std::move(options)));
  absl::Status status;
  for (int i = 0; i < kMisplacedKeys && !IsViolation(status); ++i) {
    const std::string key = MisplacedKey(i);
    const absl::StatusOr<std::optional<PinnedValue>> found = co_await store->Get(key);
    if (!found.ok()) continue;
    if (!found->has_value() || (*found)->view().front() != 'n') {
      status = InternalError(key, " has an older value");
    }
  }
  const absl::Status closed = co_await store->Close();
  co_return status.ok() ? closed : status;
}

constexpr int kMovedKeys = 20;

// No compression hides which byte of it is damaged.
std::string IncompressibleValue(int number) {
  SeededRandom random(static_cast<std::uint64_t>(number));
  std::string value(2000, '\0');
  for (char& byte : value) byte = static_cast<char>(random.Next64());
  return value;
}

// Replaces most values of a damaged value file, so that the others are moved out of it.
Task<absl::Status> ReplaceValues(Environment* environment, StoreOptions options) {
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, std::move(options)));
  absl::Status status;
  for (int i = 0; i < kMovedKeys && status.ok(); ++i) {
    if (i % 4 == 0) continue;
    const std::string key = MisplacedKey(i);
    const std::string value(2000, 'r');
    status = (co_await store->Put(key, value)).status();
  }
  // What cannot be moved is told.
  if (status.ok()) (co_await store->store().Compact()).IgnoreError();
  for (int i = 0; i < kMovedKeys && status.ok(); ++i) {
    const std::string key = MisplacedKey(i);
    const absl::StatusOr<std::optional<PinnedValue>> found = co_await store->Get(key);
    if (absl::IsDataLoss(found.status())) continue;
    const std::string expected = i % 4 == 0 ? IncompressibleValue(i) : std::string(2000, 'r');
    if (!found.ok()) {
      status = found.status();
    } else if (!found->has_value() || (*found)->view() != expected) {
      status = InternalError(key, " has another value");
    }
  }
  const absl::Status closed = co_await store->Close();
  co_return status.ok() ? closed : status;
}

Task<absl::Status> WriteValues(Environment* environment, StoreOptions options) {
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, std::move(options)));
  absl::Status status;
  for (int i = 0; i < kMovedKeys && status.ok(); ++i) {
    const std::string key = MisplacedKey(i);
    const std::string value = IncompressibleValue(i);
    status = (co_await store->Put(key, value)).status();
  }
  if (status.ok()) status = co_await store->store().Compact();
  const absl::Status closed = co_await store->Close();
  co_return status.ok() ? closed : status;
}

}  // namespace

absl::Status TryDamagedValues(std::uint64_t seed) {
  StoreOptions options = SmallStoreOptions("/db", Durability::kSync);
  options.memtable_bytes = std::size_t{1} << 20;
  Simulation simulation(seed);
  AURORA_RETURN_IF_ERROR(simulation.Run(WriteValues(&simulation.environment(), options)));
  SeededRandom random(seed);
  for (const std::string& path : simulation.disk().image().Files()) {
    if (!path.ends_with(".values")) continue;
    // Somewhere in the value of the first key, which stays.
    DiskImage image = simulation.disk().image();
    AURORA_RETURN_IF_ERROR(
        image.FlipBit(path, random.Below(300), static_cast<int>(random.Below(8))));
    Simulation after(seed, OnImage(image));
    AURORA_RETURN_IF_ERROR(Annotate(after.Run(ReplaceValues(&after.environment(), options)), path));
  }
  return absl::OkStatus();
}

absl::Status TryMisplacedBlocks(std::uint64_t seed) {
  StoreOptions options = SmallStoreOptions("/db", Durability::kSync);
  options.memtable_bytes = std::size_t{1} << 20;
  options.level0_runs_max = 8;
  options.level_base_bytes = std::uint64_t{1} << 20;
  options.block_bytes = 8u << 10;  // one block in each table, of the same size
  Simulation simulation(seed);
  AURORA_RETURN_IF_ERROR(simulation.Run(WriteTwice(&simulation.environment(), options)));
  DiskImage image = simulation.disk().image();
  std::vector<std::string> tables;
  for (const std::string& path : image.Files()) {
    if (path.ends_with(".table")) tables.push_back(path);
  }
  if (tables.size() != 2) return InternalError("there are ", tables.size(), " tables, not two");
  AURORA_ASSIGN_OR_RETURN(const std::string older, image.ReadFile(tables[0]));
  AURORA_ASSIGN_OR_RETURN(std::string newer, image.ReadFile(tables[1]));
  if (older.size() != newer.size()) return InternalError("the tables differ in size");
  newer.replace(0, newer.size() - kTableFooterBytes, older, 0, older.size() - kTableFooterBytes);
  AURORA_RETURN_IF_ERROR(image.WriteFile(tables[1], newer));
  Simulation after(seed, OnImage(image));
  return after.Run(ExpectNewValues(&after.environment(), options));
}

}  // namespace aurora::lsm
