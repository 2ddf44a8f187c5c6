#include "aurora/lsm/expiry_script_testing.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/script_runner_testing.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {
namespace {

constexpr int kKeys = 12;
constexpr KeyspaceId kMerged = 1;

// What is known of a key.
struct Known {
  std::optional<std::string> base;
  Expiry expiry = kNeverExpires;
  std::string operands;
  Expiry latest = 0;  // that the clock has shown since it was put

  std::optional<std::string> At(Expiry time) const {
    const bool lives = base.has_value() && (expiry > time || expiry == kNeverExpires);
    if (lives) return *base + operands;
    return operands.empty() ? std::nullopt : std::optional(operands);
  }
};

std::string Shown(const std::optional<std::string>& value) {
  if (!value.has_value()) return "nothing";
  return StrCat(value->size(), " bytes of '", value->substr(0, 8), "'");
}

class ExpiryScript {
 public:
  ExpiryScript(std::uint64_t seed, bool clock_goes_back)
      : simulation_(seed),
        random_(seed),
        clock_goes_back_(clock_goes_back),
        options_(DrawStoreOptions(seed)) {
    options_.directory = "/db";
    options_.default_merge_operator = nullptr;
    options_.merge_operators = {{kMerged, &append_}};
  }

  absl::Status Run(int steps) {
    AURORA_RETURN_IF_ERROR(simulation_.Run(Open()));
    absl::Status status;
    for (int i = 0; i < steps && status.ok(); ++i) {
      status = Annotate(Step(), StrCat("step ", i));
    }
    snapshots_.clear();
    const absl::Status closed = simulation_.Run(store_->Close());
    store_ = nullptr;
    if (status.ok()) status = closed;
    return status.ok() ? simulation_.Run(Verify()) : status;
  }

 private:
  using State = std::map<std::pair<KeyspaceId, std::string>, Known>;
  struct Held {
    std::unique_ptr<Snapshot> snapshot;
    State state;
  };

  Task<absl::Status> Open() {
    AURORA_CO_ASSIGN(store_, co_await KvStore::Open(simulation_.environment(), options_));
    co_return absl::OkStatus();
  }
  Task<absl::Status> Verify() {
    AURORA_CO_ASSIGN(const VerifyReport report,
                     co_await VerifyStore(&simulation_.environment(), "/db", {}));
    for (const Finding& finding : report.findings) {
      if (finding.kind == Finding::Kind::kDamage) co_return InternalError(finding.what);
    }
    co_return absl::OkStatus();
  }
  Expiry Now() { return ToExpiry(simulation_.environment().clock().Now()); }
  std::string DrawKey() { return StrCat("k", 10 + random_.Below(kKeys)); }
  KeyspaceId DrawKeyspace() { return static_cast<KeyspaceId>(random_.Below(2)); }

  absl::Status Step() {
    LookAtClock();
    const std::uint64_t drawn = random_.Below(100);
    if (drawn < 40) return simulation_.Run(Write());
    if (drawn < 55) return simulation_.Run(Check(nullptr));
    if (drawn < 63) return simulation_.Run(CheckHeld());
    if (drawn < 70) return LetTimePass();
    if (drawn < 76) {
      snapshots_.push_back({store_->store().GetSnapshot(), state_});
      return absl::OkStatus();
    }
    if (drawn < 80 && !snapshots_.empty()) {
      const auto at = static_cast<std::ptrdiff_t>(random_.Below(snapshots_.size()));
      snapshots_.erase(snapshots_.begin() + at);
      return absl::OkStatus();
    }
    if (drawn < 90) return simulation_.Run(store_->store().Flush());
    if (drawn < 94) return simulation_.Run(store_->store().Compact());
    if (drawn < 97) return simulation_.Run(store_->store().WaitIdle());
    return Restart(/*crash=*/drawn == 99);
  }

  absl::Status LetTimePass() {
    const auto hours = static_cast<std::int64_t>(1 + random_.Below(6));
    if (random_.Below(2) == 0) {
      simulation_.RunFor(absl::Hours(hours));
    } else {
      simulation_.JumpWallClock(absl::Hours(hours));
    }
    LookAtClock();
    if (clock_goes_back_ && random_.Below(3) == 0) {
      simulation_.JumpWallClock(-absl::Hours(1 + static_cast<int>(random_.Below(8))));
    }
    LookAtClock();
    return absl::OkStatus();
  }
  void LookAtClock() {
    for (auto& [place, known] : state_) known.latest = std::max(known.latest, Now());
  }

  absl::Status Restart(bool crash) {
    snapshots_.clear();
    if (!crash) {
      AURORA_RETURN_IF_ERROR(simulation_.Run(store_->Close()));
      store_ = nullptr;
    } else {
      // So that nothing may be lost.
      CommitRequest nothing;
      nothing.durability = Durability::kSync;
      AURORA_RETURN_IF_ERROR(simulation_.Run(store_->store().Commit(nothing)).status());
      simulation_.CrashMachine(DrawCrashMode(random_));
      static_cast<void>(simulation_.Run(store_->Close()));
      store_ = nullptr;
      if (!simulation_.RunUntilIdle()) return InternalError("a crashed store goes on for ever");
      AURORA_RETURN_IF_ERROR(simulation_.Restart());
    }
    return simulation_.Run(Open());
  }

  // Between the hours, so that no operation is at the moment at which something expires.
  absl::Duration DrawTimeToLive() {
    if (random_.Below(12) == 0) return absl::Hours(24 * 365) * 1e9;
    return absl::Hours(static_cast<int>(random_.Below(12))) + absl::Minutes(30);
  }

  Task<absl::Status> Write() {
    WriteBatch batch;
    std::map<std::pair<KeyspaceId, std::string>, bool> changed;
    for (std::uint64_t n = 1 + random_.Below(4); n > 0; --n) {
      const KeyspaceId keyspace = DrawKeyspace();
      const std::string key = DrawKey();
      if (!changed.emplace(std::pair(keyspace, key), true).second) continue;
      WriteKey(keyspace, key, &batch);
    }
    if (random_.Below(12) == 0) DeleteRange(&batch);
    co_return (co_await store_->Write(batch)).status();
  }

  void WriteKey(KeyspaceId keyspace, const std::string& key, WriteBatch* batch) {
    Known& known = state_[{keyspace, key}];
    const std::uint64_t kind = random_.Below(keyspace == kMerged ? 8 : 6);
    const std::uint64_t size = 1 + random_.Below(random_.Below(6) == 0 ? 5000 : 20);
    const std::string value(size, static_cast<char>('a' + random_.Below(26)));
    if (kind >= 6) {
      const std::string operand = value.substr(0, 1 + size % 4);
      batch->Merge(key, operand, keyspace);
      known.operands += operand;
      return;
    }
    known = Known();
    if (kind == 0) {
      batch->Delete(key, keyspace);
      return;
    }
    known.base = value;
    if (kind == 1) {
      batch->Put(key, value, keyspace);
      return;
    }
    const absl::Duration time_to_live = DrawTimeToLive();
    known.expiry = ExpiryAfter(simulation_.environment().clock().Now(), time_to_live);
    if (kind == 2) {
      batch->PutUntil(key, value, known.expiry, keyspace);
    } else {
      batch->PutFor(key, value, time_to_live, keyspace);
    }
  }

  void DeleteRange(WriteBatch* batch) {
    const std::string begin = DrawKey();
    const std::string end = begin + "z";
    batch->DeleteRange(begin, end, 0);
    state_.erase(state_.lower_bound({0, begin}), state_.lower_bound({0, end}));
  }

  // What is read is what is known, as of now or of a snapshot. Where the clock has gone back, what
  // it has shown since something was put may have made that expire for good.
  Task<absl::Status> Check(const Held* held) {
    const ReadPoint at = held == nullptr ? ReadPoint() : ReadPoint(*held->snapshot);
    const State& state = held == nullptr ? state_ : held->state;
    const Expiry from = held == nullptr ? Now() : at.as_of;
    for (KeyspaceId keyspace = 0; keyspace < 2; ++keyspace) {
      std::map<std::string, std::string> walked;
      AURORA_CO_RETURN_IF_ERROR(co_await Walk(keyspace, at, &walked));
      for (int i = 0; i < kKeys; ++i) {
        const std::string key = StrCat("k", 10 + i);
        AURORA_CO_ASSIGN(const std::optional<PinnedValue> got,
                         co_await store_->store().Get(keyspace, key, at));
        std::optional<std::string> value;
        if (got.has_value()) value = std::string(got->view());
        AURORA_CO_RETURN_IF_ERROR(Compare(state, keyspace, key, value, from));
        value.reset();
        if (const auto found = walked.find(key); found != walked.end()) value = found->second;
        AURORA_CO_RETURN_IF_ERROR(Compare(state, keyspace, key, value, from));
        AURORA_CO_ASSIGN(const std::optional<Expiry> expiry,
                         co_await store_->store().GetExpiry(keyspace, key, at));
        AURORA_CO_RETURN_IF_ERROR(CompareExpiry(state, keyspace, key, expiry, from));
      }
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> CheckHeld() {
    if (snapshots_.empty()) co_return absl::OkStatus();
    co_return co_await Check(&snapshots_[random_.Below(snapshots_.size())]);
  }

  Task<absl::Status> Walk(KeyspaceId keyspace, ReadPoint at,
                          std::map<std::string, std::string>* found) {
    IterateOptions options;
    options.at = at;
    const std::unique_ptr<Iterator> iterator = store_->store().NewIterator(keyspace, options);
    const bool backward = random_.Below(2) == 0;
    absl::Status moved =
        backward ? co_await iterator->SeekToLast() : co_await iterator->SeekToFirst();
    while (moved.ok() && iterator->Valid()) {
      found->emplace(iterator->key(), iterator->value());
      moved = backward ? co_await iterator->Prev() : co_await iterator->Next();
    }
    co_return moved;
  }

  static const Known* Find(const State& state, KeyspaceId keyspace, const std::string& key) {
    static const Known kNothing;
    const auto found = state.find({keyspace, key});
    return found == state.end() ? &kNothing : &found->second;
  }

  absl::Status Compare(const State& state, KeyspaceId keyspace, const std::string& key,
                       const std::optional<std::string>& value, Expiry from) {
    const Known& known = *Find(state, keyspace, key);
    const Expiry to = std::max(from, known.latest);
    if (value == known.At(from) || value == known.At(to)) return absl::OkStatus();
    return InternalError("key ", key, " of keyspace ", keyspace, " has ", Shown(value),
                         " instead of ", Shown(known.At(from)), " at ", from, " or ",
                         Shown(known.At(to)), " at ", to);
  }

  absl::Status CompareExpiry(const State& state, KeyspaceId keyspace, const std::string& key,
                             std::optional<Expiry> expiry, Expiry from) {
    const Known& known = *Find(state, keyspace, key);
    const Expiry to = std::max(from, known.latest);
    if (!expiry.has_value()) {
      if (!known.At(from).has_value() || !known.At(to).has_value()) return absl::OkStatus();
      return InternalError("key ", key, " has a value, and GetExpiry finds none");
    }
    if (!known.At(from).has_value() && !known.At(to).has_value()) {
      return InternalError("key ", key, " has no value, and GetExpiry finds one");
    }
    if (*expiry == known.expiry || (*expiry == kNeverExpires && known.expiry <= to)) {
      return absl::OkStatus();
    }
    return InternalError("key ", key, " expires at ", *expiry, " instead of ", known.expiry);
  }

  Simulation simulation_;
  SeededRandom random_;
  const bool clock_goes_back_;
  const AppendOperator append_;
  StoreOptions options_;
  std::unique_ptr<KvStore> store_;
  State state_;
  std::vector<Held> snapshots_;
};

std::uint64_t Entries(KvStore* store) {
  std::uint64_t entries = 0;
  for (const LevelStats& level : store->store().Stats().levels) entries += level.entry_count;
  return entries;
}

Task<absl::Status> Rest(Environment* environment, std::uint64_t seed) {
  StoreOptions options = DrawStoreOptions(seed);
  options.directory = "/db";
  AURORA_CO_ASSIGN(const std::unique_ptr<KvStore> store,
                   co_await KvStore::Open(*environment, options));
  for (int i = 0; i < 50; ++i) {
    const std::string key = StrCat("key", i);
    const std::string value(static_cast<std::size_t>(50 * i), 'v');
    AURORA_CO_RETURN_IF_ERROR((co_await store->PutFor(key, value, absl::Hours(1))).status());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().Flush());
  AURORA_CO_RETURN_IF_ERROR(co_await store->store().WaitIdle());
  const std::uint64_t before = Entries(store.get());
  AURORA_CO_RETURN_IF_ERROR(co_await environment->Sleep(absl::Hours(2)));
  const std::uint64_t after = Entries(store.get());
  AURORA_CO_RETURN_IF_ERROR(co_await store->Close());
  if (before != 50) co_return InternalError(before, " entries of 50 before they expired");
  if (after != 0) co_return InternalError(after, " entries after they expired");
  co_return absl::OkStatus();
}

}  // namespace

absl::Status RunExpiryScript(std::uint64_t seed, int steps, bool clock_goes_back) {
  ExpiryScript script(seed, clock_goes_back);
  return Annotate(script.Run(steps), StrCat("seed ", seed));
}

absl::Status RunExpiryAtRest(std::uint64_t seed) {
  Simulation simulation(seed);
  return Annotate(simulation.Run(Rest(&simulation.environment(), seed)), StrCat("seed ", seed));
}

}  // namespace aurora::lsm
