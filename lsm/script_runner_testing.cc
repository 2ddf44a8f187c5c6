#include "aurora/lsm/script_runner_testing.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

// --- Machines. ---

namespace {

class SimulatedMachine final : public ScriptMachine {
 public:
  explicit SimulatedMachine(std::uint64_t seed) : simulation_(seed), random_(seed) {}

  Environment& environment() override { return simulation_.environment(); }
  std::string directory() override { return "/db"; }
  absl::Status Run(Task<absl::Status> task) override { return simulation_.Run(std::move(task)); }
  absl::Status Crash(Task<absl::Status> close) override {
    const bool process = random_.Below(2) == 0;
    simulation_.CrashMachine(process ? CrashMode::Process() : DrawCrashMode(random_));
    if (simulation_.Run(std::move(close)).ok()) {
      return InternalError("a crashed store closed without an error");
    }
    if (!simulation_.RunUntilIdle()) return InternalError("a crashed store goes on for ever");
    // Nothing may depend on the wall clock; here it goes wrong by up to ten years either way.
    const auto hours = static_cast<std::int64_t>(random_.Below(2 * kHoursOff)) - kHoursOff;
    simulation_.JumpWallClock(absl::Hours(hours));
    return simulation_.Restart();
  }

 private:
  static constexpr std::int64_t kHoursOff = 87'600;

  Simulation simulation_;
  SeededRandom random_;
};

class RealMachine final : public ScriptMachine {
 public:
  RealMachine(Environment* environment, std::string root)
      : environment_(environment), root_(std::move(root)) {}

  Environment& environment() override { return *environment_; }
  std::string directory() override { return StrCat(root_, "/db", lives_); }
  absl::Status Run(Task<absl::Status> task) override { return BlockOn(std::move(task)); }
  absl::Status Crash(Task<absl::Status> close) override {
    const std::string before = directory();
    ++lives_;
    std::error_code error;
    // Segments of the log may still be prepared for later use, and renamed for that; so often only.
    for (int attempt = 0; attempt < kCopyAttempts; ++attempt) {
      std::filesystem::remove_all(directory());
      std::filesystem::copy(before, directory(), std::filesystem::copy_options::recursive, error);
      if (!error) break;
    }
    if (error) return InternalError("cannot copy ", before, ": ", error.message());
    AURORA_RETURN_IF_ERROR(BlockOn(std::move(close)));
    std::filesystem::remove_all(before, error);
    return absl::OkStatus();
  }

 private:
  static constexpr int kCopyAttempts = 1000;

  Environment* const environment_;
  const std::string root_;
  int lives_ = 0;
};

}  // namespace

std::unique_ptr<ScriptMachine> MakeSimulatedMachine(std::uint64_t seed) {
  return std::make_unique<SimulatedMachine>(seed);
}
std::unique_ptr<ScriptMachine> MakeRealMachine(Environment* environment, std::string root) {
  return std::make_unique<RealMachine>(environment, std::move(root));
}

// --- Options. ---

StoreOptions DrawStoreOptions(std::uint64_t seed) {
  SeededRandom random(seed);
  const auto power = [&random](int least, int range) {
    return std::size_t{1} << (least + static_cast<int>(random.Below(range)));
  };
  StoreOptions options;
  options.durability = static_cast<Durability>(random.Below(3));
  options.flush_interval = absl::Milliseconds(1 + random.Below(100));
  options.memtable_bytes = power(9, 9);
  options.log_segment_bytes = power(16, 3);  // a script has records that are larger
  options.table_bytes = power(9, 9);
  options.level_base_bytes = power(11, 8);
  options.level_multiplier = 2 + static_cast<int>(random.Below(8));
  options.level0_runs_max = 1 + static_cast<int>(random.Below(6));
  options.block_cache_bytes = random.Below(4) == 0 ? 0 : power(10, 11);
  options.direct_reads = random.Below(3) == 0;
  options.block_bytes = power(6, 8);
  options.table_metadata_bytes = random.Below(2) == 0 ? 0 : power(12, 12);
  options.value_file_min_bytes = random.Below(4) == 0 ? 0 : power(10, 2);
  if (random.Below(2) == 0) options.open_files_max = 1 + random.Below(4);
  return options;
}

std::string Show(const StoreOptions& options) {
  return StrCat("durability ", static_cast<int>(options.durability), ", flush_interval ",
                absl::FormatDuration(options.flush_interval), ", memtable_bytes ",
                options.memtable_bytes, ", log_segment_bytes ", options.log_segment_bytes,
                ", table_bytes ", options.table_bytes, ", level_base_bytes ",
                options.level_base_bytes, ", level_multiplier ", options.level_multiplier,
                ", level0_runs_max ", options.level0_runs_max, ", block_cache_bytes ",
                options.block_cache_bytes, ", direct_reads ", options.direct_reads ? "yes" : "no",
                ", block_bytes ", options.block_bytes, ", table_metadata_bytes ",
                options.table_metadata_bytes, ", value_file_min_bytes ",
                options.value_file_min_bytes, ", open_files_max ", options.open_files_max);
}

// --- Running. ---

namespace {

class ScriptRunner {
 public:
  ScriptRunner(StoreOptions options, ScriptMachine* machine)
      : options_(std::move(options)), machine_(machine) {
    options_.merge_operators = {{kScriptMergedKeyspace, &append_}};
  }

  absl::Status Open() {
    options_.directory = machine_->directory();
    return machine_->Run(OpenStore());
  }
  absl::Status Close() {
    if (store_ == nullptr) return absl::OkStatus();
    return machine_->Run(CloseStore());
  }
  absl::StatusOr<std::string> Answer(const ScriptStep& step) {
    if (step.kind == ScriptStep::Kind::kReopen) {
      AURORA_RETURN_IF_ERROR(Close());
      AURORA_RETURN_IF_ERROR(Open());
      return std::string(kDone);
    }
    if (step.kind == ScriptStep::Kind::kCrash) {
      AURORA_RETURN_IF_ERROR(machine_->Run(Settle()));
      AURORA_RETURN_IF_ERROR(machine_->Crash(CloseStore()));
      AURORA_RETURN_IF_ERROR(Open());
      return std::string(kDone);
    }
    std::string answer(kDone);
    AURORA_RETURN_IF_ERROR(machine_->Run(Take(&step, &answer)));
    return answer;
  }

 private:
  Task<absl::Status> OpenStore() {
    AURORA_CO_ASSIGN(store_, co_await KvStore::Open(machine_->environment(), options_));
    co_return absl::OkStatus();
  }
  Task<absl::Status> CloseStore() {
    snapshots_ = {};
    iterators_ = {};
    absl::Status closed = co_await store_->Close();
    store_ = nullptr;
    co_return closed;
  }
  // Until all is on the device and nothing goes on.
  Task<absl::Status> Settle() {
    snapshots_ = {};
    iterators_ = {};
    CommitRequest nothing;
    nothing.durability = Durability::kSync;
    AURORA_CO_RETURN_IF_ERROR((co_await store_->store().Commit(nothing)).status());
    co_return co_await store_->store().WaitIdle();
  }

  Task<absl::Status> Take(const ScriptStep* step, std::string* answer);
  Task<absl::Status> Write(const ScriptStep* step);
  Task<absl::Status> Ingest(const ScriptStep* step);
  Task<absl::Status> Get(const ScriptStep* step, std::string* answer);
  Task<absl::Status> Scan(const ScriptStep* step, std::string* answer);
  Task<absl::Status> MoveIterator(const ScriptStep* step, std::string* answer);
  std::unique_ptr<Iterator> NewIterator(const ScriptStep& step) {
    IterateOptions options;
    options.at = SequenceOf(step);
    options.lower = step.key;
    options.upper = step.upper;
    return store_->store().NewIterator(step.keyspace, options);
  }
  Sequence SequenceOf(const ScriptStep& step) const {
    if (step.at == 0 || snapshots_[step.at - 1] == nullptr) return kMaxSequence;
    return snapshots_[step.at - 1]->sequence();
  }

  StoreOptions options_;
  ScriptMachine* const machine_;
  const AppendOperator append_;
  std::unique_ptr<KvStore> store_;
  std::array<std::unique_ptr<Snapshot>, kScriptSlots> snapshots_;
  std::array<std::unique_ptr<Iterator>, kScriptSlots> iterators_;
};

Task<absl::Status> ScriptRunner::Write(const ScriptStep* step) {
  WriteBatch batch;
  for (const ScriptMutation& each : step->mutations) {
    if (each.kind == EntryKind::kDelete) batch.Delete(each.key, each.keyspace);
    if (each.kind == EntryKind::kPut) {
      if (each.expiry == kNeverExpires) batch.Put(each.key, each.value, each.keyspace);
      if (each.expiry != kNeverExpires) {
        batch.PutUntil(each.key, each.value, each.expiry, each.keyspace);
      }
    }
    if (each.kind == EntryKind::kMerge) batch.Merge(each.key, each.value, each.keyspace);
    if (each.kind == EntryKind::kDeleteRange) {
      batch.DeleteRange(each.key, each.value, each.keyspace);
    }
  }
  co_return (co_await store_->Write(batch)).status();
}

// In tables of four keys, which divide a range that is replaced.
Task<absl::Status> ScriptRunner::Ingest(const ScriptStep* step) {
  constexpr std::size_t kKeysInTable = 4;
  std::span<const ScriptMutation> puts = step->mutations;
  std::optional<ScriptMutation> range;
  if (puts.front().kind == EntryKind::kDeleteRange) {
    range = puts.front();
    puts = puts.subspan(1);
  }
  std::vector<std::unique_ptr<TableFile>> tables;
  do {
    AURORA_CO_ASSIGN(std::unique_ptr<TableFile> table,
                     co_await store_->store().NewTable(step->mutations.front().keyspace));
    const std::size_t count = std::min(kKeysInTable, puts.size());
    for (const ScriptMutation& each : puts.first(count)) {
      AURORA_CO_RETURN_IF_ERROR(co_await table->Add(each.key, each.value));
    }
    puts = puts.subspan(count);
    if (range.has_value()) {
      table->ReplaceRange(range->key, puts.empty() ? range->value : puts.front().key);
      if (!puts.empty()) range->key = puts.front().key;
    }
    AURORA_CO_RETURN_IF_ERROR(co_await table->Finish());
    tables.push_back(std::move(table));
  } while (!puts.empty());
  co_return (co_await store_->Ingest(tables)).status();
}

Task<absl::Status> ScriptRunner::Get(const ScriptStep* step, std::string* answer) {
  AURORA_CO_ASSIGN(const std::optional<PinnedValue> value,
                   co_await store_->store().Get(step->keyspace, step->key, SequenceOf(*step)));
  *answer = value.has_value() ? ShowPair(step->key, value->view()) : std::string(kNoValue);
  co_return absl::OkStatus();
}

Task<absl::Status> ScriptRunner::Scan(const ScriptStep* step, std::string* answer) {
  const std::unique_ptr<Iterator> iterator = NewIterator(*step);
  answer->clear();
  if (step->backward) {
    AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekToLast());
  } else {
    AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekToFirst());
  }
  while (iterator->Valid()) {
    StrAppend(answer, ShowPair(iterator->key(), iterator->value()), " ");
    if (step->backward) {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->Prev());
    } else {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->Next());
    }
  }
  co_return absl::OkStatus();
}

Task<absl::Status> ScriptRunner::MoveIterator(const ScriptStep* step, std::string* answer) {
  Iterator* const iterator = iterators_[step->slot].get();
  const bool is_step = step->kind == ScriptStep::Kind::kMove;
  if (iterator == nullptr || (is_step && !iterator->Valid())) {
    *answer = kNothingToDo;
    co_return absl::OkStatus();
  }
  absl::Status moved;
  if (is_step) {
    moved = step->backward ? co_await iterator->Prev() : co_await iterator->Next();
  } else if (step->kind == ScriptStep::Kind::kSeekToEnd) {
    moved = step->backward ? co_await iterator->SeekToLast() : co_await iterator->SeekToFirst();
  } else {
    moved = step->backward ? co_await iterator->SeekBackward(step->key)
                           : co_await iterator->Seek(step->key);
  }
  AURORA_CO_RETURN_IF_ERROR(moved);
  *answer =
      iterator->Valid() ? ShowPair(iterator->key(), iterator->value()) : std::string(kEndOfWalk);
  co_return absl::OkStatus();
}

Task<absl::Status> ScriptRunner::Take(const ScriptStep* step, std::string* answer) {
  using Kind = ScriptStep::Kind;
  switch (step->kind) {
    case Kind::kWrite:
      co_return co_await Write(step);
    case Kind::kIngest:
      co_return co_await Ingest(step);
    case Kind::kGet:
      co_return co_await Get(step, answer);
    case Kind::kScan:
      co_return co_await Scan(step, answer);
    case Kind::kTakeSnapshot:
      snapshots_[step->slot] = store_->store().GetSnapshot();
      break;
    case Kind::kDropSnapshot:
      snapshots_[step->slot] = nullptr;
      break;
    case Kind::kOpenIterator:
      iterators_[step->slot] = NewIterator(*step);
      break;
    case Kind::kSeek:
    case Kind::kSeekToEnd:
    case Kind::kMove:
      co_return co_await MoveIterator(step, answer);
    case Kind::kCloseIterator:
      iterators_[step->slot] = nullptr;
      break;
    case Kind::kFlush:
      co_return co_await store_->store().Flush();
    case Kind::kCompact:
      co_return co_await store_->store().Compact();
    case Kind::kReopen:
    case Kind::kCrash:
      break;  // not within a task: see Answer
  }
  co_return absl::OkStatus();
}

std::string Shortened(const std::string& text) {
  constexpr std::size_t kLongest = 400;
  if (text.size() <= kLongest) return text;
  return StrCat(text.substr(0, kLongest), "... (", text.size(), " characters)");
}

absl::Status RunSteps(const Script& script, ScriptRunner* runner) {
  const std::vector<std::string> expected = ExpectedAnswers(script);
  AURORA_RETURN_IF_ERROR(runner->Open());
  for (std::size_t i = 0; i < script.size(); ++i) {
    const absl::StatusOr<std::string> answer = runner->Answer(script[i]);
    if (!answer.ok()) return Annotate(answer.status(), StrCat("step ", i));
    if (*answer == expected[i]) continue;
    return InternalError("step ", i, " answers ", Shortened(*answer), " instead of ",
                         Shortened(expected[i]));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunScript(const Script& script, const StoreOptions& options, ScriptMachine* machine) {
  ScriptRunner runner(options, machine);
  absl::Status status = RunSteps(script, &runner);
  const absl::Status closed = runner.Close();
  if (status.ok()) status = Annotate(closed, "at the end");
  if (status.ok()) return status;
  return InternalError(status.ToString());
}

absl::Status RunMetamorphic(std::uint64_t seed, std::size_t steps, int option_sets, bool shrink) {
  const Script script = DrawScript(seed, steps);
  for (int i = 0; i < option_sets; ++i) {
    const StoreOptions options = DrawStoreOptions(seed + static_cast<std::uint64_t>(i));
    absl::Status found;
    const auto fails = [&](const Script& tried) {
      const std::unique_ptr<ScriptMachine> machine = MakeSimulatedMachine(seed);
      const absl::Status status = RunScript(tried, options, machine.get());
      if (!status.ok()) found = status;
      return !status.ok();
    };
    if (!fails(script)) continue;
    const Script shrunk = shrink ? ShrinkScript(script, fails) : Script();
    return InternalError(found.message(), "\n", Show(shrunk), "with ", Show(options), "; seed ",
                         seed, ", ", steps, " steps, set of options ", i);
  }
  return absl::OkStatus();
}

}  // namespace aurora::lsm
