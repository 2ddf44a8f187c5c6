#include "aurora/lsm/log_model_testing.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr char kDirectory[] = "/db/log";

std::string PayloadOf(Sequence sequence, std::size_t size) {
  std::string payload(size, '\0');
  SeededRandom random(sequence);
  for (char& c : payload) c = static_cast<char>(random.Next64());
  return payload;
}

// What the committers of a life share.
struct LifeState {
  Simulation* simulation = nullptr;
  const LogLife* life = nullptr;
  LogModel* model = nullptr;
  Log* log = nullptr;
  int running = 0;
  Event done;
};

void Acknowledge(LogModel* model, const LogLife& life, Sequence sequence, Durability durability) {
  ++model->acknowledged;
  const bool direct = life.options.durability == Durability::kSync;
  if (durability == Durability::kBuffered) return;
  if (direct || durability == Durability::kSync) {
    model->safe_from_power_loss = std::max(model->safe_from_power_loss, sequence);
  }
  model->safe_from_kill = std::max(model->safe_from_kill, sequence);
}

// As a store does: the manifest first, then the release.
void ReleaseSome(LifeState* state, Random* random) {
  LogModel& model = *state->model;
  if (model.history.size() < 2) return;
  const std::size_t keep_from = random->Below(model.history.size());
  if (keep_from == 0) return;
  const LogPosition position = model.history[keep_from].position;
  model.flushed = model.history[keep_from - 1].sequence;
  model.first_segment = std::max(model.first_segment, position.segment);
  model.history.erase(model.history.begin(),
                      model.history.begin() + static_cast<std::ptrdiff_t>(keep_from));
  state->log->Release(position);
}

Task<absl::Status> CommitOne(LifeState* state, SeededRandom* random) {
  LogModel* const model = state->model;
  const LogLife& life = *state->life;
  std::size_t size =
      random->Below(4) == 0 ? random->Below(life.payload_bytes_max + 1) : random->Below(200);
  size = std::min(size, state->log->max_payload_bytes());
  while (!state->log->HasRoom(size)) {
    const absl::Status room = co_await state->log->MakeRoom(size);
    AURORA_CO_RETURN_IF_ERROR(room);
  }
  const Sequence sequence = model->next_sequence;
  model->next_sequence += 1 + random->Below(3) / 2;
  const std::string payload = PayloadOf(sequence, size);
  const std::string_view view = payload;
  const std::size_t cut = random->Below(size + 1);
  const std::string_view parts[] = {view.substr(0, cut), {}, view.substr(cut)};
  model->history.push_back({sequence, payload, LogPosition{}});
  const LogPosition end = state->log->Append(sequence, parts, Log::HashPayload(parts));
  model->history.back().position = end;
  const auto durability = static_cast<Durability>(random->Below(3));
  const absl::Status durable = co_await state->log->WaitDurable(end, durability);
  AURORA_CO_RETURN_IF_ERROR(durable);
  Acknowledge(model, life, sequence, durability);
  if (life.release && random->Below(16) == 0) ReleaseSome(state, random);
  if (random->Below(8) == 0) {
    co_return co_await state->simulation->environment().Sleep(
        absl::Microseconds(random->Below(100'000)));
  }
  co_return absl::OkStatus();
}

Task<void> Committer(LifeState* state, std::uint64_t seed) {
  SeededRandom random(seed);
  bool failed = false;
  for (int i = 0; i < state->life->records_each; ++i) {
    const absl::Status status = co_await CommitOne(state, &random);
    if (status.ok()) {
      if (failed) state->model->Violate("a commit was acknowledged after the log had failed");
      continue;
    }
    if (state->simulation->crashed()) break;
    if (!state->life->faults) state->model->Violate(status.ToString());
    // Once poisoned, always poisoned; a full disk may pass.
    if (!state->log->status().ok()) failed = true;
  }
  --state->running;
  state->done.Notify();
}

Task<std::unique_ptr<Log>> OpenLog(Simulation* simulation, LogOptions options, bool faults,
                                   LogModel* model) {
  std::vector<LogModel::Record> recovered;
  Log::RecordCallback replay = [&recovered](const LogRecord& record) {
    recovered.push_back({record.sequence, std::string(record.payload), record.position});
    return absl::OkStatus();
  };
  absl::StatusOr<std::unique_ptr<Log>> log =
      co_await Log::Open(simulation->environment(), std::move(options), model->first_segment,
                         model->flushed, std::move(replay), &model->recovery);
  model->open_status = log.status();
  if (!log.ok()) {
    const bool lost = model->device_failed && absl::IsDataLoss(log.status());
    if (!simulation->crashed() && !faults && !lost) {
      model->Violate(StrCat("the log does not open: ", log.status().ToString()));
    }
    co_return nullptr;
  }
  ++model->opened;
  model->device_failed = false;
  model->CheckRecovered(recovered);
  if (model->first_segment == 0) model->first_segment = (*log)->Segments().front().segment;
  co_return *std::move(log);
}

}  // namespace

void LogModel::Violate(const std::string& what) {
  if (violation.ok()) violation = InternalError(what);
}

void LogModel::End(LogEnding how) {
  ending = how;
  if (how == LogEnding::kClosed && !history.empty()) {
    safe_from_power_loss = safe_from_kill = history.back().sequence;
  }
  if (how == LogEnding::kPowerLoss) safe_from_kill = safe_from_power_loss;
}

void LogModel::CheckRecovered(const std::vector<Record>& recovered) {
  if (recovered.size() > history.size()) {
    Violate(StrCat(recovered.size(), " records recovered, ", history.size(), " were appended"));
  }
  const std::size_t common = std::min(recovered.size(), history.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (recovered[i].sequence != history[i].sequence) {
      Violate(StrCat("record ", i, " recovered with sequence ", recovered[i].sequence, ", not ",
                     history[i].sequence));
    } else if (recovered[i].payload != history[i].payload) {
      Violate(StrCat("wrong payload recovered at sequence ", recovered[i].sequence));
    }
  }
  const Sequence needed = std::max(safe_from_power_loss, safe_from_kill);
  const Sequence last = recovered.empty() ? flushed : recovered.back().sequence;
  if (last < needed && needed > flushed) {
    Violate(
        StrCat("acknowledged records are lost: recovered up to sequence ", last, ", not ", needed));
  }
  history = recovered;
  safe_from_power_loss = safe_from_kill = last;
}

LogOptions SmallLogOptions(Durability durability) {
  LogOptions options;
  options.directory = kDirectory;
  options.identity.database_id[3] = 7;
  options.identity.epoch = 1;
  options.durability = durability;
  options.segment_bytes = 12 * kDeviceBlockSize;
  options.buffer_bytes = 3 * kDeviceBlockSize;
  return options;
}

Task<absl::Status> MakeLogDirectory(Environment* environment, std::string directory) {
  FileSystem& files = environment->files();
  AURORA_CO_RETURN_IF_ERROR(co_await files.CreateDirectory("/db"));
  AURORA_CO_RETURN_IF_ERROR(co_await files.CreateDirectory(directory));
  AURORA_CO_RETURN_IF_ERROR(co_await files.SyncDirectory("/db"));
  co_return co_await files.SyncDirectory("/");
}

Task<void> LiveOnce(Simulation* simulation, LogLife life, LogModel* model) {
  std::unique_ptr<Log> log = co_await OpenLog(simulation, life.options, life.faults, model);
  if (log == nullptr) co_return;
  LifeState state;
  state.simulation = simulation;
  state.life = &life;
  state.model = model;
  state.log = log.get();
  state.running = life.committers;
  for (int i = 0; i < life.committers; ++i) {
    simulation->Spawn(Committer(&state, life.seed * 100 + static_cast<std::uint64_t>(i)));
  }
  co_await state.done.Until([&state] { return state.running == 0; });
  const absl::Status closed = co_await log->Close();
  if (!simulation->crashed()) {
    if (!closed.ok() && !life.faults) model->Violate(closed.ToString());
    if (closed.ok()) {
      model->End(LogEnding::kClosed);
    } else {
      // What a failed device has done with un-synced bytes is anybody's guess.
      model->device_failed = life.options.durability != Durability::kSync;
      model->End(LogEnding::kPowerLoss);
    }
  }
}

Task<void> OpenAndCheck(Simulation* simulation, LogOptions options, LogModel* model) {
  std::unique_ptr<Log> log = co_await OpenLog(simulation, std::move(options), false, model);
  if (log == nullptr) co_return;
  const absl::Status closed = co_await log->Close();
  if (simulation->crashed()) co_return;
  if (!closed.ok()) model->Violate(closed.ToString());
  model->End(LogEnding::kClosed);
}

namespace {

// Lets the log's device fail now and then.
void PlanFaults(Simulation* simulation, Random* random) {
  simulation->faults().Clear();
  const int kind = static_cast<int>(random->Below(4));
  FaultRule rule;
  rule.first = 1 + random->Below(40);
  rule.path = "/db/log*";
  if (kind == 0) {
    rule.fault = Fault::Error(EIO);
    rule.kinds = {OperationKind::kWriteDurably, OperationKind::kSync};
  } else if (kind == 1) {
    rule.fault = Fault::Error(ENOSPC);
    rule.kinds = {OperationKind::kWrite};
    rule.count = 1 + random->Below(50);
  } else if (kind == 2) {
    rule.fault = Fault::Error(EIO);
  } else {
    return;
  }
  simulation->faults().Add(rule);
}

std::string At(std::uint64_t seed, int life) { return StrCat("seed ", seed, ", life ", life); }

}  // namespace

absl::Status RunLogLives(std::uint64_t seed, Durability durability, int lives, bool faults) {
  Simulation simulation(seed);
  SeededRandom random(seed ^ 0x9E3779B97F4A7C15);
  AURORA_RETURN_IF_ERROR(simulation.Run(MakeLogDirectory(&simulation.environment(), kDirectory)));
  LogModel model;
  for (int i = 0; i < lives; ++i) {
    LogLife life;
    life.options = SmallLogOptions(durability);
    if (random.Below(16) == 0) life.options.durability = Durability::kProcess;
    life.options.spare_segments = 1 + static_cast<int>(random.Below(2));
    life.committers = 1 + static_cast<int>(random.Below(6));
    life.records_each = static_cast<int>(random.Below(40));
    life.seed = random.Next64() >> 16;
    life.faults = faults && i + 1 < lives;
    if (life.faults) PlanFaults(&simulation, &random);
    const int ending = static_cast<int>(random.Below(4));
    CrashMode mode;
    if (ending == 1) mode = CrashMode::Process();
    if (ending >= 2) mode = DrawCrashMode(random);
    if (ending != 0) {
      const std::uint64_t span = random.Below(2) == 0 ? 12 : 300;
      simulation.CrashAt(simulation.event_count() + 1 + random.Below(span), mode);
    }
    simulation.Run(LiveOnce(&simulation, life, &model));
    simulation.CrashAt(UINT64_MAX, mode);  // no more
    if (ending != 0 && !simulation.crashed()) {
      // It had ended before. The machine goes down all the same.
      simulation.CrashMachine(mode);
      if (model.ending != LogEnding::kClosed) model.End(LogEnding::kPowerLoss);
    } else if (ending != 0) {
      model.End(mode.process_only ? LogEnding::kKilled : LogEnding::kPowerLoss);
    }
    simulation.RunUntilIdle();
    simulation.faults().Clear();
    if (simulation.crashed()) AURORA_RETURN_IF_ERROR(simulation.Restart());
    if (!model.violation.ok()) return Annotate(model.violation, At(seed, i));
    if (model.device_failed && absl::IsDataLoss(model.open_status)) return absl::OkStatus();
  }
  simulation.Run(OpenAndCheck(&simulation, SmallLogOptions(durability), &model));
  return Annotate(model.violation, At(seed, lives));
}

namespace {

struct CrashPoint {
  DiskImage image;
  LogModel model;
  std::string name;
};

// Opens the log on `point`, and, one time in `nested` for each event of that, on what a crash there
// leaves.
absl::Status CheckCrashPoint(CrashPoint point, const LogOptions& options, std::uint64_t seed,
                             int nested, int depth, std::uint64_t* images) {
  ++*images;
  SimulationOptions simulation_options;
  simulation_options.image = point.image;
  simulation_options.latency = LatencyModel::None();
  Simulation simulation(seed, simulation_options);
  LogModel model = point.model;
  std::vector<CrashPoint> inner;
  SeededRandom random(seed);
  const auto modes = StandardCrashModes();
  simulation.ObservePersistence([&](const PersistenceEvent& event) {
    if (nested == 0 || depth == 0 || random.Below(static_cast<std::uint64_t>(nested)) != 0) return;
    const CrashMode& mode = modes[random.Below(modes.size())];
    CrashPoint next{
        simulation.disk().CrashImage(mode, random.Next64()), model,
        StrCat(point.name, "; then at ", Describe(event.operation), ": ", Describe(mode))};
    // A recovery that has not ended acknowledges nothing: what had to be there still has to.
    next.model.End(mode.process_only ? LogEnding::kKilled : LogEnding::kPowerLoss);
    inner.push_back(std::move(next));
  });
  simulation.Run(OpenAndCheck(&simulation, options, &model));
  simulation.RunUntilIdle();
  if (!model.violation.ok()) return Annotate(model.violation, point.name);
  for (CrashPoint& next : inner) {
    AURORA_RETURN_IF_ERROR(
        CheckCrashPoint(std::move(next), options, seed + 1, nested, depth - 1, images));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnumerateLogCrashes(std::uint64_t seed, Durability durability, int nested,
                                 std::uint64_t* images) {
  Simulation simulation(seed);
  AURORA_RETURN_IF_ERROR(simulation.Run(MakeLogDirectory(&simulation.environment(), kDirectory)));
  LogModel model;
  LogLife life;
  life.options = SmallLogOptions(durability);
  life.committers = 3;
  life.records_each = 12;
  life.seed = seed;
  std::vector<CrashPoint> points;
  simulation.ObservePersistence([&](const PersistenceEvent& event) {
    for (const CrashMode& mode : StandardCrashModes()) {
      CrashPoint point{simulation.disk().CrashImage(mode, seed + event.index), model,
                       StrCat("seed ", seed, ", event ", event.index, ", ",
                              Describe(event.operation), ": ", Describe(mode))};
      point.model.End(mode.process_only ? LogEnding::kKilled : LogEnding::kPowerLoss);
      points.push_back(std::move(point));
    }
  });
  for (int i = 0; i < 2; ++i) {
    life.seed = seed + static_cast<std::uint64_t>(i);
    simulation.Run(LiveOnce(&simulation, life, &model));
    simulation.RunUntilIdle();
    AURORA_RETURN_IF_ERROR(model.violation);
  }
  for (CrashPoint& point : points) {
    AURORA_RETURN_IF_ERROR(
        CheckCrashPoint(std::move(point), life.options, seed + *images, nested, 2, images));
  }
  return absl::OkStatus();
}

}  // namespace aurora::lsm
