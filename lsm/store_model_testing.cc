#include "aurora/lsm/store_model_testing.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "aurora/lsm/expiry.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

constexpr std::string_view kCountKey = "#commits";

using State = StoreModel::State;

State::const_iterator First(const State& state, KeyspaceId keyspace, std::string_view key) {
  return state.lower_bound({keyspace, std::string(key)});
}

std::string Show(const State::const_iterator& at, const State& state, KeyspaceId keyspace) {
  if (at == state.end() || at->first.first != keyspace) return "(end)";
  return StrCat(Quoted(at->first.second), "=", Quoted(at->second));
}

}  // namespace

StoreOptions SmallStoreOptions(std::string directory, Durability durability) {
  StoreOptions options;
  options.directory = std::move(directory);
  options.durability = durability;
  options.memtable_bytes = 4096;
  options.log_segment_bytes = 64u << 10;
  options.value_file_min_bytes = kValueFileBytesLeast;
  options.table_bytes = 2048;
  // Indices have parts, and some tables are held whole, others not.
  options.block_bytes = 256;
  options.table_metadata_bytes = 8192;
  options.level_base_bytes = 8192;
  options.level_multiplier = 3;
  options.level0_runs_max = 2;
  options.block_cache_bytes = 64u << 10;
  return options;
}

StoreModel::StoreModel(std::uint64_t seed, StoreOptions options)
    : random_(seed), options_(std::move(options)) {
  // Without a draw, so that the steps of a seed do not depend on it.
  if (options_.open_files_max == StoreOptions().open_files_max && seed % 3 == 0) {
    options_.open_files_max = 1 + seed / 3 % 4;
  }
  options_.merge_operators[kMergedKeyspace] = &append_;
}
StoreModel::~StoreModel() = default;

std::unique_ptr<StoreModel> StoreModel::Fork(std::uint64_t seed) const {
  auto fork = std::make_unique<StoreModel>(seed, options_);
  fork->states_ = states_;
  fork->last_sequence_ = last_sequence_;
  fork->synced_commits_ = synced_commits_;
  fork->process_commits_ = process_commits_;
  return fork;
}

std::unique_ptr<StoreModel> StoreModel::ForkCopy(std::uint64_t seed, std::string directory,
                                                 std::size_t commits) const {
  std::unique_ptr<StoreModel> fork = Fork(seed);
  fork->options_.directory = std::move(directory);
  fork->synced_commits_ = fork->process_commits_ = commits;
  fork->last_sequence_ = 0;  // it has an epoch of its own
  return fork;
}

std::unique_ptr<StoreModel> StoreModel::ForkReader(std::uint64_t seed) const {
  std::unique_ptr<StoreModel> fork = Fork(seed);
  fork->options_.read_only = true;
  return fork;
}

Task<absl::Status> StoreModel::Steps(int count) {
  for (int i = 0; i < count; ++i) AURORA_CO_RETURN_IF_ERROR(co_await Step());
  co_return absl::OkStatus();
}

Task<absl::Status> StoreModel::Open(Environment* environment) {
  AURORA_CO_ASSIGN(store_, co_await KvStore::Open(*environment, options_));
  co_return absl::OkStatus();
}

Task<absl::Status> StoreModel::Close() {
  held_.clear();
  absl::Status closed = co_await store_->Close();
  store_ = nullptr;
  if (closed.ok()) synced_commits_ = process_commits_ = commit_count() - (in_doubt_ ? 1 : 0);
  co_return closed;
}

std::string StoreModel::RandomKey() {
  std::string key = StrCat("k", random_.Below(40));
  if (random_.Below(8) == 0) key.append(random_.Below(300), 'x');
  return key;
}

StoreModel::Range StoreModel::RandomRange(KeyspaceId keyspace) {
  // Mostly the few keys that begin with one; now and then from the first key on, or to the last, or
  // both.
  Range range;
  range.keyspace = keyspace;
  if (random_.Below(10) > 0) range.begin = RandomKey();
  range.end = random_.Below(3) > 0 ? StrCat(range.begin, "z") : RandomKey();
  if (random_.Below(10) == 0) range.end.clear();
  if (!range.end.empty() && range.end < range.begin) std::swap(range.begin, range.end);
  if (!range.end.empty() && range.end == range.begin) range.end.push_back('0');
  return range;
}

void StoreModel::Erase(const Range& range, State* state) {
  const auto last = range.end.empty() ? state->lower_bound({range.keyspace + 1, ""})
                                      : state->lower_bound({range.keyspace, range.end});
  state->erase(state->lower_bound({range.keyspace, range.begin}), last);
}

void StoreModel::DeleteRandomRange(WriteBatch* batch, State* changed, State* state) {
  const Range range = RandomRange(static_cast<KeyspaceId>(random_.Below(kLastKeyspace + 1)));
  batch->DeleteRange(range.begin, range.end, range.keyspace);
  for (State* const each : {changed, state}) Erase(range, each);
}

// `may_expire`: some such values have expired before they are written, others never will.
void StoreModel::PutRandom(const std::pair<KeyspaceId, std::string>& place,
                           const std::string& value, bool may_expire, WriteBatch* batch,
                           State* state) {
  const auto& [keyspace, key] = place;
  (*state)[place] = value;
  if (!may_expire || value.size() % 3 == 0) {
    batch->Put(key, value, keyspace);
  } else if (value.size() % 3 == 1) {
    batch->PutFor(key, value, absl::InfiniteDuration(), keyspace);
  } else {
    batch->PutUntil(key, value, 1, keyspace);
    state->erase(place);
  }
}

WriteBatch StoreModel::RandomBatch(State* state) {
  WriteBatch batch;
  State changed;
  for (std::uint64_t n = 1 + random_.Below(4); n > 0; --n) {
    if (random_.Below(24) == 0) DeleteRandomRange(&batch, &changed, state);
    const auto keyspace = static_cast<KeyspaceId>(random_.Below(kLastKeyspace + 1));
    std::string key = RandomKey();
    if (!changed.try_emplace({keyspace, key}).second) continue;
    std::string value(random_.Below(random_.Below(8) == 0 ? 3000 : 60),
                      static_cast<char>('a' + random_.Below(26)));
    // The operator takes an empty value for none.
    if (keyspace == kMergedKeyspace && value.empty()) value = "v";
    const std::uint64_t kind = random_.Below(keyspace == kMergedKeyspace ? 8 : 4);
    const std::pair<KeyspaceId, std::string> place(keyspace, key);
    if (kind == 0) {
      batch.Delete(key, keyspace);
      state->erase(place);
    } else if (kind < 4) {
      PutRandom(place, value, kind == 3, &batch, state);
    } else {
      value.resize(value.size() % 8 + 1);
      batch.Merge(key, value, keyspace);
      (*state)[place] += value;
    }
  }
  const std::string count = std::to_string(states_.size());
  batch.Put(kCountKey, count);
  (*state)[{0, std::string(kCountKey)}] = count;
  return batch;
}

// A value that is written in parts; now and then it is given up, and another one written.
Task<absl::StatusOr<std::unique_ptr<StagedValue>>> StoreModel::StageRandomValue(WriteBatch* batch,
                                                                                State* state) {
  std::string value;
  std::unique_ptr<StagedValue> staged;
  for (bool again = true; again;) {
    AURORA_CO_ASSIGN(const std::unique_ptr<ValueWriter> writer, co_await store_->NewValue());
    value.clear();
    for (std::uint64_t n = 1 + random_.Below(3); n > 0; --n) {
      const std::string part(1 + random_.Below(3000), static_cast<char>('A' + random_.Below(26)));
      AURORA_CO_RETURN_IF_ERROR(co_await writer->Append(part));
      value += part;
    }
    again = random_.Below(4) == 0;
    if (again && random_.Below(2) == 0) continue;
    AURORA_CO_ASSIGN(staged, co_await writer->Finish());
  }
  const auto keyspace = static_cast<KeyspaceId>(random_.Below(2));
  // A key that the batch does not have.
  const std::string key = StrCat("streamed", random_.Below(5));
  batch->Put(key, *staged, keyspace);
  (*state)[{keyspace, key}] = value;
  co_return staged;
}

void StoreModel::PutLarge(WriteBatch* batch, State* state) {
  const auto keyspace = random_.Below(2) == 0 ? KeyspaceId{0} : kLastKeyspace;
  const std::uint64_t keys = random_.Below(2) == 0 ? 1 : 40;
  for (std::uint64_t i = 0; i < keys; ++i) {
    const std::string key = StrCat("k", keys == 1 ? random_.Below(40) : i);
    const std::string value(options_.log_segment_bytes / keys + random_.Below(300),
                            static_cast<char>('a' + random_.Below(26)));
    batch->Put(key, value, keyspace);
    (*state)[{keyspace, key}] = value;
  }
}

Task<absl::Status> StoreModel::Commit(std::optional<Durability> durability) {
  co_return co_await Commit(durability, /*is_large=*/false);
}

Task<absl::Status> StoreModel::CommitLarge(std::optional<Durability> durability) {
  co_return co_await Commit(durability, /*is_large=*/true);
}

Task<absl::Status> StoreModel::Commit(std::optional<Durability> durability, bool is_large) {
  AURORA_CHECK(!in_doubt_);
  State state = states_.back();
  WriteBatch batch = RandomBatch(&state);
  std::unique_ptr<StagedValue> staged;
  if (random_.Below(12) == 0) {
    AURORA_CO_ASSIGN(staged, co_await StageRandomValue(&batch, &state));
  }
  // Behind a range delete, perhaps, which it then survives.
  if (is_large) PutLarge(&batch, &state);
  states_.push_back(std::move(state));
  const absl::StatusOr<CommitResult> result = co_await store_->Write(batch, durability);
  co_return Committed(result, durability.value_or(options_.durability));
}

absl::Status StoreModel::Committed(const absl::StatusOr<CommitResult>& result, Durability level) {
  if (!result.ok()) {
    in_doubt_ = true;
    return result.status();
  }
  if (result->sequence <= last_sequence_) {
    return InternalError("sequence ", result->sequence, " was issued although ", last_sequence_,
                         " had been");
  }
  last_sequence_ = result->sequence;
  if (level == Durability::kSync) synced_commits_ = commit_count();
  if (level != Durability::kBuffered) process_commits_ = commit_count();
  return absl::OkStatus();
}

Task<absl::Status> StoreModel::FillTables(const State* entries, const Range* replaced,
                                          Tables* tables) {
  const KeyspaceId keyspace = replaced->keyspace;
  std::string begin = replaced->begin;
  auto entry = entries->begin();
  do {
    AURORA_CO_ASSIGN(std::unique_ptr<TableFile> table, co_await store_->store().NewTable(keyspace));
    for (std::uint64_t n = 1 + random_.Below(12); n > 0 && entry != entries->end(); --n, ++entry) {
      AURORA_CO_RETURN_IF_ERROR(co_await table->Add(entry->first.second, entry->second));
    }
    const bool is_last = entry == entries->end();
    if (replaced->any) table->ReplaceRange(begin, is_last ? replaced->end : entry->first.second);
    if (!is_last) begin = entry->first.second;
    AURORA_CO_RETURN_IF_ERROR(co_await table->Finish());
    tables->push_back(std::move(table));
  } while (entry != entries->end());
  co_return absl::OkStatus();
}

Task<absl::Status> StoreModel::IngestKeyspace(KeyspaceId keyspace, State* state, Tables* tables) {
  Range replaced = RandomRange(keyspace);
  replaced.any = random_.Below(2) == 0;
  State entries;
  for (std::uint64_t n = random_.Below(20); n > 0; --n) {
    std::string key = RandomKey();
    if (replaced.any && !replaced.Holds(key)) continue;
    entries[{keyspace, std::move(key)}] =
        std::string(1 + random_.Below(random_.Below(8) == 0 ? 3000 : 60), 'i');
  }
  State count;
  if (keyspace == 0) {
    const std::string key(kCountKey);
    State& home = !replaced.any || replaced.Holds(key) ? entries : count;
    home[{0, key}] = std::to_string(states_.size());
  }
  if (replaced.any) Erase(replaced, state);
  for (State* const each : {&entries, &count}) {
    Range range = replaced;
    range.any = range.any && each == &entries;
    if (each->empty() && !range.any) continue;
    AURORA_CO_RETURN_IF_ERROR(co_await FillTables(each, &range, tables));
    for (const auto& [place, value] : *each) (*state)[place] = value;
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreModel::Ingest() {
  AURORA_CHECK(!in_doubt_);
  State state = states_.back();
  Tables tables;
  for (KeyspaceId keyspace = 0; keyspace <= kLastKeyspace; ++keyspace) {
    AURORA_CO_RETURN_IF_ERROR(co_await IngestKeyspace(keyspace, &state, &tables));
  }
  states_.push_back(std::move(state));
  const absl::StatusOr<CommitResult> result = co_await store_->Ingest(tables);
  co_return Committed(result, Durability::kSync);
}

Task<absl::Status> StoreModel::CheckKey(KeyspaceId keyspace, std::string key, Sequence at,
                                        std::size_t commits) {
  AURORA_CO_ASSIGN(const std::optional<PinnedValue> found,
                   co_await store_->store().Get(keyspace, key, at));
  const State& state = states_[commits];
  const auto expected = state.find({keyspace, key});
  const std::string want = expected == state.end() ? "(none)" : Quoted(expected->second, 4000);
  const std::string got = found.has_value() ? Quoted(found->view(), 4000) : "(none)";
  if (want != got) {
    co_return InternalError("Get of ", keyspace, "/", Quoted(key), " at ", at, " after ", commits,
                            " commits gave ", got, " instead of ", want);
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreModel::CheckScan(KeyspaceId keyspace, Sequence at, std::size_t commits) {
  const State& state = states_[commits];
  IterateOptions options;
  options.at = at;
  const std::unique_ptr<Iterator> iterator = store_->store().NewIterator(keyspace, options);
  AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekToFirst());
  auto expected = First(state, keyspace, "");
  std::size_t count = 0;
  while (iterator->Valid()) {
    if (expected == state.end() || expected->first.first != keyspace ||
        iterator->key() != expected->first.second || iterator->value() != expected->second) {
      co_return InternalError("the scan of keyspace ", keyspace, " at ", at, " after ", commits,
                              " commits gave ", Quoted(iterator->key()), "=",
                              Quoted(iterator->value()), " instead of ",
                              Show(expected, state, keyspace));
    }
    ++expected;
    ++count;
    AURORA_CO_RETURN_IF_ERROR(co_await iterator->Next());
  }
  if (expected != state.end() && expected->first.first == keyspace) {
    co_return InternalError("the scan of keyspace ", keyspace, " at ", at, " after ", commits,
                            " commits ended before ", Show(expected, state, keyspace));
  }
  AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekToLast());
  while (iterator->Valid()) {
    if (count == 0) co_return InternalError("the scan backwards goes on beyond the first key");
    --expected;
    --count;
    if (iterator->key() != expected->first.second || iterator->value() != expected->second) {
      co_return InternalError("the scan backwards of keyspace ", keyspace, " at ", at, " after ",
                              commits, " commits gave ", Quoted(iterator->key()), " instead of ",
                              Show(expected, state, keyspace));
    }
    AURORA_CO_RETURN_IF_ERROR(co_await iterator->Prev());
  }
  if (count != 0) {
    co_return InternalError("the scan backwards of keyspace ", keyspace, " at ", at,
                            " ended early, ", count, " keys before the first");
  }
  co_return absl::OkStatus();
}

// A random walk within random bounds, turning now and then.
Task<absl::Status> StoreModel::CheckWalk(KeyspaceId keyspace, Sequence at, std::size_t commits) {
  const std::string low = random_.Below(2) == 0 ? "" : RandomKey();
  const std::string high = random_.Below(2) == 0 ? "" : RandomKey();
  IterateOptions options;
  options.at = at;
  options.lower = low;
  options.upper = high;
  options.fill_cache = random_.Below(2) == 0;
  const std::unique_ptr<Iterator> iterator = store_->store().NewIterator(keyspace, options);
  std::vector<std::pair<std::string, std::string>> live;
  const State& state = states_[commits];
  for (auto it = First(state, keyspace, low); it != state.end() && it->first.first == keyspace;
       ++it) {
    if (!high.empty() && it->first.second >= high) break;
    live.emplace_back(it->first.second, it->second);
  }
  const auto size = static_cast<std::ptrdiff_t>(live.size());
  std::ptrdiff_t place = -1;
  std::string trail;
  for (int moves = 0; moves < 30; ++moves) {
    const bool was_valid = iterator->Valid();
    const std::uint64_t move = was_valid ? random_.Below(12) : 8 + random_.Below(4);
    const std::string target = RandomKey();
    const auto at_or_after = std::lower_bound(
        live.begin(), live.end(), target,
        [](const auto& entry, const std::string& key) { return entry.first < key; });
    std::ptrdiff_t found = at_or_after - live.begin();
    if (move < 4) {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->Next());
      ++place;
    } else if (move < 8) {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->Prev());
      --place;
    } else if (move == 8) {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekToFirst());
      place = 0;
    } else if (move == 9) {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekToLast());
      place = size - 1;
    } else if (move == 10) {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->Seek(target));
      place = found;
    } else {
      AURORA_CO_RETURN_IF_ERROR(co_await iterator->SeekBackward(target));
      if (found == size || live[static_cast<std::size_t>(found)].first != target) --found;
      place = found;
    }
    StrAppend(&trail, " ", move, move >= 10 ? target : std::string());
    const bool expected_valid = place >= 0 && place < size;
    const auto index = static_cast<std::size_t>(place);
    if (iterator->Valid() != expected_valid ||
        (expected_valid &&
         (iterator->key() != live[index].first || iterator->value() != live[index].second))) {
      co_return InternalError(
          "a walk in keyspace ", keyspace, " at ", at, " after ", commits, " commits in [",
          Quoted(low), ", ", Quoted(high), ") along", trail, " is at ",
          iterator->Valid() ? Quoted(iterator->key()) : std::string("(end)"), " instead of ",
          expected_valid ? Quoted(live[index].first) : std::string("(end)"));
    }
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreModel::CheckState(Sequence at, std::size_t commits) {
  for (KeyspaceId keyspace = 0; keyspace <= kLastKeyspace; ++keyspace) {
    AURORA_CO_RETURN_IF_ERROR(co_await CheckScan(keyspace, at, commits));
    for (int i = 0; i < 40; ++i) {
      std::string key = StrCat("k", i);
      AURORA_CO_RETURN_IF_ERROR(co_await CheckKey(keyspace, std::move(key), at, commits));
    }
  }
  co_return absl::OkStatus();
}

Task<absl::Status> StoreModel::CheckAll() {
  AURORA_CO_RETURN_IF_ERROR(co_await CheckState(kMaxSequence, commit_count()));
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const Sequence at = held_[i].snapshot->sequence();
    AURORA_CO_RETURN_IF_ERROR(co_await CheckState(at, held_[i].commits));
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::size_t>> StoreModel::StoredCommits() {
  AURORA_CO_ASSIGN(const std::optional<PinnedValue> count,
                   co_await store_->store().Get(0, kCountKey));
  if (!count.has_value()) co_return std::size_t{0};
  co_return static_cast<std::size_t>(std::stoull(std::string(count->view())));
}

Task<absl::Status> StoreModel::CheckRecovered(bool machine) {
  held_.clear();
  AURORA_CO_ASSIGN(const std::size_t stored, co_await StoredCommits());
  if (stored < required(machine) || stored > commit_count()) {
    co_return InternalError("recovered ", stored, " commits of ", commit_count(), ", of which ",
                            required(machine), " had been acknowledged");
  }
  states_.resize(stored + 1);
  in_doubt_ = false;
  synced_commits_ = std::min(synced_commits_, stored);
  process_commits_ = std::min(process_commits_, stored);
  absl::Status checked = co_await CheckState(kMaxSequence, stored);
  co_return checked;
}

Task<absl::Status> StoreModel::Step() {
  // Where to read: the latest state, or a snapshot.
  Sequence at = kMaxSequence;
  std::size_t commits = commit_count();
  if (!held_.empty() && random_.Below(2) == 0) {
    const Held& held = held_[random_.Below(held_.size())];
    at = held.snapshot->sequence();
    commits = held.commits;
  }
  const auto keyspace = static_cast<KeyspaceId>(random_.Below(kLastKeyspace + 1));
  const std::uint64_t what = random_.Below(100);
  absl::Status status;
  if (what < 55) {
    std::optional<Durability> durability;
    if (random_.Below(4) == 0) durability = static_cast<Durability>(random_.Below(3));
    const std::uint64_t how = random_.Below(30);
    if (how == 0) {
      status = co_await CommitLarge(durability);
    } else if (how == 1) {
      status = co_await Ingest();
    } else {
      status = co_await Commit(durability);
    }
  } else if (what < 75) {
    std::string key = RandomKey();
    status = co_await CheckKey(keyspace, std::move(key), at, commits);
  } else if (what < 85) {
    status = co_await CheckWalk(keyspace, at, commits);
  } else if (what < 89) {
    status = co_await CheckScan(keyspace, at, commits);
  } else if (what < 93) {
    if (held_.size() < 4) held_.push_back({store_->store().GetSnapshot(), commit_count()});
  } else if (what < 97) {
    if (!held_.empty()) {
      held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(random_.Below(held_.size())));
    }
  } else if (what < 99) {
    status = co_await store_->store().Flush();
  } else {
    status = co_await store_->store().Compact();
  }
  co_return status;
}

}  // namespace aurora::lsm
