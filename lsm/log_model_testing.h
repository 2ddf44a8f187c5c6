// A log under test, and a model that knows what it must hold after whatever happens to it.
//
// A "life" opens the log, checks what was recovered against the model, appends from several
// coroutines, and closes, or is killed. Everything appended is remembered in order; every
// acknowledgement moves the point up to which a power loss, or a kill, may take nothing. What a
// recovery delivers must be a prefix of what was appended, no shorter than that point; from then on
// it is all that ever was: what was cut must never come back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/log.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

enum class LogEnding { kClosed, kKilled, kPowerLoss };

struct LogModel {
  struct Record {
    Sequence sequence = 0;
    std::string payload;
    LogPosition position;
  };
  std::vector<Record> history;  // above `flushed`
  // Records up to these may not be lost by a loss of power, or by the death of the process.
  Sequence safe_from_power_loss = 0;
  Sequence safe_from_kill = 0;
  Sequence next_sequence = 1;
  // What a manifest would say.
  std::uint64_t first_segment = 0;
  Sequence flushed = 0;

  // A mapped log whose sync has failed may have lost records that a commit without sync was told
  // of. The next open may say so, and refuse.
  bool device_failed = false;

  LogEnding ending = LogEnding::kClosed;  // of the last life
  absl::Status violation;                 // the first
  std::uint64_t opened = 0;
  std::uint64_t acknowledged = 0;
  LogRecovery recovery;  // of the last open
  absl::Status open_status;

  void Violate(const std::string& what);
  void End(LogEnding how);
  // What recovery delivered, in the life after `ending`.
  void CheckRecovered(const std::vector<Record>& recovered);
};

struct LogLife {
  LogOptions options;
  int committers = 3;
  int records_each = 10;
  std::uint64_t seed = 1;
  std::size_t payload_bytes_max = 3000;
  bool release = true;
  // The device may fail: an error of any operation is no violation, an acknowledgement after one
  // is.
  bool faults = false;
};

LogOptions SmallLogOptions(Durability durability);

// Runs one life in `simulation`, up to a clean close or until it is crashed from outside. The
// directory must exist.
Task<void> LiveOnce(Simulation* simulation, LogLife life, LogModel* model);

// Opens, checks, closes.
Task<void> OpenAndCheck(Simulation* simulation, LogOptions options, LogModel* model);

// Makes the log's directory, durably.
Task<absl::Status> MakeLogDirectory(Environment* environment, std::string directory);

// Several lives in one simulation, each ended by a close, a kill or a loss of power at a random
// moment, with random modes. The result is the first violation.
absl::Status RunLogLives(std::uint64_t seed, Durability durability, int lives, bool faults);

// A small workload, crashed at each of its persistence events in every standard mode, and opened
// again; `nested`: the recovery is crashed in turn at one in `nested` of its events. 0: never.
absl::Status EnumerateLogCrashes(std::uint64_t seed, Durability durability, int nested,
                                 std::uint64_t* images);

}  // namespace aurora::lsm
