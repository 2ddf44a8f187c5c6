// A Database beside the oracle: random work through the public interface, each answer checked, and
// what a crash must leave.
//
// The oracle's state after every write is kept until a crash settles which of them is the truth:
// what is found must equal one of them exactly, documents, order, ids and all, and no older one
// than what had been acknowledged at its durability. Writes that run side by side are in the log in
// some order; every order that explains the answers they gave is tried. Indices are checked against
// scans and against the oracle, and row ids against all that were ever told.
//
// Violations are Internal, and end with a script of the last operations.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/database.h"
#include "aurora/engine/options.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"
#include "aurora/tests/simulation/oracle_random_testing.h"
#include "aurora/tests/simulation/oracle_testing.h"

namespace aurora::proof {

struct ModelOptions {
  std::string directory = "/db";
  Durability durability = Durability::kSync;
  // 0: every read by id goes to the store.
  double hot_tier_share = 0.25;
  // Nothing runs side by side.
  bool sequential = false;
};
// Options that follow from a seed and a durability.
ModelOptions DrawModelOptions(std::uint64_t seed, Durability durability);

class DatabaseModel {
 public:
  DatabaseModel(std::uint64_t seed, ModelOptions options);
  ~DatabaseModel();

  // A model of the same history, without a database: to open what a crash right now would leave.
  // Also while an operation of this one is under way.
  std::unique_ptr<DatabaseModel> Fork(std::uint64_t seed) const;

  // Opens the database, and creates the collections if they are not there.
  Task<absl::Status> Open(Environment* environment);
  Task<absl::Status> Close();
  bool is_open() const { return database_.has_value(); }
  Database& database() { return *database_; }

  // One random operation, checked; `count` of them, or until an error.
  Task<absl::Status> Step();
  Task<absl::Status> Steps(int count);
  // One random write. An error is returned, and the write may or may not be there later.
  Task<absl::Status> Write();
  // Some at once, about the same few things, as if in some order.
  Task<absl::Status> Contend();
  // Checks all collections, every document by its id, and every index.
  Task<absl::Status> CheckAll();
  // After an Open: finds out which of the states this is, checks that nothing is missing that must
  // not be (`machine`: power was lost), and then everything, as CheckAll. The model goes on from
  // there.
  Task<absl::Status> CheckRecovered(bool machine);

  // The last operations, one a line.
  std::string Script() const;
  std::uint64_t operation_count() const { return next_number_ - 1; }

 private:
  struct InFlight {
    Operation operation;
    std::optional<Outcome> outcome;  // once it is acknowledged
  };
  // A state that a part of the operations in flight may have led to.
  struct Reached {
    Candidate candidate;
    bool all = false;           // all of them
    bool acknowledged = false;  // all that were acknowledged
  };

  OracleState& state() { return states_.back(); }
  absl::Status Violation(std::string_view what) const;
  void Note(std::string line);
  bool Protects(bool machine) const;

  Task<absl::Status> Create();
  Task<absl::Status> Run(std::vector<Operation> operations);
  Task<absl::Status> RunAlone();
  Task<absl::Status> RunTogether();
  Task<absl::Status> PerformInFlight(std::size_t i);
  Task<absl::Status> Perform(const Operation* operation, Outcome* outcome);
  Task<absl::Status> PerformInsert(const Operation* operation, Outcome* outcome);
  Task<absl::Status> PerformChange(const Operation* operation, Outcome* outcome);
  Task<absl::Status> PerformRead(const Operation* operation, Outcome* outcome);
  Task<absl::Status> FlushOrCompact(bool compact);
  void Settle(OracleState after, std::vector<Candidate> between, Durability durability);
  absl::Status CheckRows(const OracleState& before) const;
  std::vector<Reached> Reach() const;
  void ReachFrom(const OracleState& from, unsigned done, std::vector<Reached>* reached) const;

  Task<absl::StatusOr<Found>> Dump();
  Task<absl::Status> CheckGet(std::string collection, OracleValue id);
  Task<absl::Status> CheckQuery(OracleQuery query);
  Task<absl::Status> CheckAnswer(const OracleQuery* query, QuerySpec spec, std::string_view way);
  Task<absl::Status> CheckIndices(const CollectionModel* model);
  absl::Status CheckCollections();
  std::optional<OracleState> Recognise(const Found& found, bool machine,
                                       std::string* difference) const;

  OracleRandom random_;
  const ModelOptions options_;
  Environment* environment_ = nullptr;
  std::optional<Database> database_;
  std::vector<OracleState> states_{OracleState()};
  // Before state i, what a part of the writes that led to it, side by side, may have led to.
  std::vector<std::vector<Candidate>> between_{{}};
  std::size_t synced_ = 0;   // the last state that was acknowledged to survive a loss of power
  std::size_t process_ = 0;  // and a death of the process
  std::vector<InFlight> in_flight_;
  std::vector<OracleValue> dead_;  // ids of documents that were deleted
  std::uint64_t next_number_ = 1;
  std::deque<std::string> script_;
};

}  // namespace aurora::proof
