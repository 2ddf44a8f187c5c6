// A store beside a model of it: random work, each answer checked, and what a crash must leave.
//
// Every commit also writes its own number, counted from 1, under a key of its own. So the state
// that is found after a crash says how many commits it holds, and must equal the model's state
// after so many, byte for byte.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/append_operator_testing.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Small enough that a few hundred commits pass through every part: flushes, compactions of several
// levels, log segments, manifests.
StoreOptions SmallStoreOptions(std::string directory, Durability durability);

class StoreModel {
 public:
  using State = std::map<std::pair<KeyspaceId, std::string>, std::string>;
  static constexpr KeyspaceId kMergedKeyspace = 1;
  static constexpr KeyspaceId kLastKeyspace = 2;

  // `environment` and the options' directory are used again at every Open. Of a third of all seeds
  // no more than a few files may be open, unless the options say how many.
  StoreModel(std::uint64_t seed, StoreOptions options);
  ~StoreModel();

  // A model of the same history, without a store: to open what a crash would leave.
  std::unique_ptr<StoreModel> Fork(std::uint64_t seed) const;
  // The same of a copy in `directory` that was begun after `commits` commits: it holds those, and
  // perhaps later ones.
  std::unique_ptr<StoreModel> ForkCopy(std::uint64_t seed, std::string directory,
                                       std::size_t commits) const;

  // A model that opens the same directory for reading only, beside this one's store.
  std::unique_ptr<StoreModel> ForkReader(std::uint64_t seed) const;
  // Takes over what `writer` has committed meanwhile.
  void Follow(const StoreModel& writer) { states_ = writer.states_; }

  Task<absl::Status> Open(Environment* environment);
  Task<absl::Status> Close();
  bool is_open() const { return store_ != nullptr; }
  KvStore& store() { return *store_; }

  // One random operation, checked.
  Task<absl::Status> Step();
  // Commits a random batch. An error is returned, and the batch may or may not be there later.
  Task<absl::Status> Commit(std::optional<Durability> durability);
  // The same, with a record that is too large for the log.
  Task<absl::Status> CommitLarge(std::optional<Durability> durability);
  // Ingests some tables, of each keyspace perhaps, which replace a range of it every other time.
  Task<absl::Status> Ingest();
  // Checks the whole contents, forwards, backwards and key by key, at the latest sequence and at
  // every snapshot that is held.
  Task<absl::Status> CheckAll();
  // After a crash and an Open: finds out how many commits the store holds, checks that none is
  // missing that must not be (`machine`: power was lost), and that the contents are exactly theirs.
  // The model then goes on from there.
  Task<absl::Status> CheckRecovered(bool machine);

  // Random operations: until an error, or `count` of them.
  Task<absl::Status> Steps(int count);

  std::size_t commit_count() const { return states_.size() - 1; }
  // What must survive a crash right now.
  std::size_t required(bool machine) const { return machine ? synced_commits_ : process_commits_; }

 private:
  struct Held {
    std::unique_ptr<Snapshot> snapshot;
    std::size_t commits;
  };
  struct Range {
    bool any = true;
    KeyspaceId keyspace = 0;
    std::string begin;
    std::string end;  // empty: of the keyspace

    bool Holds(std::string_view key) const { return begin <= key && (end.empty() || key < end); }
  };
  std::string RandomKey();
  Range RandomRange(KeyspaceId keyspace);
  static void Erase(const Range& range, State* state);
  // Deletes a random range. `changed`: the keys that the batch has changed and must not change
  // again, of which those of the range are free again.
  void DeleteRandomRange(WriteBatch* batch, State* changed, State* state);
  static void PutRandom(const std::pair<KeyspaceId, std::string>& place, const std::string& value,
                        bool may_expire, WriteBatch* batch, State* state);
  WriteBatch RandomBatch(State* state);
  Task<absl::StatusOr<std::unique_ptr<StagedValue>>> StageRandomValue(WriteBatch* batch,
                                                                      State* state);
  // Puts new values, together larger than a segment of the log, under one key or under many.
  void PutLarge(WriteBatch* batch, State* state);
  Task<absl::Status> Commit(std::optional<Durability> durability, bool is_large);
  // What a commit of `level` leaves behind.
  absl::Status Committed(const absl::StatusOr<CommitResult>& result, Durability level);
  using Tables = std::vector<std::unique_ptr<TableFile>>;
  // Tables of the entries, which are of one keyspace. They divide the range among them, if there is
  // any: it holds all of them.
  Task<absl::Status> FillTables(const State* entries, const Range* replaced, Tables* tables);
  // Random tables of a keyspace, with the count if it is the first; perhaps none.
  Task<absl::Status> IngestKeyspace(KeyspaceId keyspace, State* state, Tables* tables);
  Task<absl::Status> CheckKey(KeyspaceId keyspace, std::string key, Sequence at,
                              std::size_t commits);
  Task<absl::Status> CheckScan(KeyspaceId keyspace, Sequence at, std::size_t commits);
  Task<absl::Status> CheckWalk(KeyspaceId keyspace, Sequence at, std::size_t commits);
  Task<absl::Status> CheckState(Sequence at, std::size_t commits);
  Task<absl::StatusOr<std::size_t>> StoredCommits();

  SeededRandom random_;
  StoreOptions options_;
  AppendOperator append_;
  std::unique_ptr<KvStore> store_;
  std::vector<State> states_{State()};  // after so many commits
  std::size_t synced_commits_ = 0;      // acknowledged to survive a loss of power
  std::size_t process_commits_ = 0;     // and a death of the process
  std::vector<Held> held_;
  Sequence last_sequence_ = 0;  // the highest that was given to a commit
  bool in_doubt_ = false;       // the last commit failed: it may be there or not
};

}  // namespace aurora::lsm
