// What is done to a database in the simulator: random work, lives that end in crashes, a crash at
// every persistent operation of a small life, failing operations, flipped bits. Each returns the
// first violation of what the database promises, with all that is needed to see it again: the seed,
// and the last operations.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "aurora/engine/options.h"

namespace aurora::proof {

// `lives` lives of `steps` random operations, each ended by a Close: every answer is the oracle's.
// `*trace_hash`, if not null, becomes that of the simulation. A violation tells the smallest number
// of steps, and the plainest options, with which the seed still shows one.
absl::Status RunAnswers(std::uint64_t seed, Durability durability, int lives, int steps,
                        std::uint64_t* trace_hash = nullptr);

// `lives` lives of one database, each ended by a crash of the machine or of the process at a random
// moment (recovery included), and what is found checked after each.
absl::Status RunLives(std::uint64_t seed, Durability durability, int lives);

// A small life: creation, all kinds of writes, flushes, a compaction, reopening. At every
// persistent operation, crash images in `modes_per_event` modes are opened, checked, written to,
// closed and opened again. Some recoveries crash too. `*images` counts.
absl::Status EnumerateCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                              std::uint64_t* images);

// A life in which operation number `first` of the file system on files like `path` (FaultRule)
// fails with `error` (an errno), and, if `for_ever`, every later one that could. Then the fault
// ends, the database is opened again and checked. `*struck` tells whether the life was long enough
// for the fault.
absl::Status RunFault(std::uint64_t seed, Durability durability, std::uint64_t first, int error,
                      bool for_ever, bool* struck, std::string path = "*");

// A small closed database, of which one bit at a time is flipped: an error or the right answers.
class FlippedBits {
 public:
  FlippedBits(std::uint64_t seed, Durability durability);
  ~FlippedBits();
  // Of all files together.
  std::uint64_t byte_count() const { return byte_count_; }
  // Flips a bit of a random byte, opens and reads everything. Every file is as likely, however
  // large it is, and bytes that are not zero are preferred: most of a log is zeros.
  absl::Status TryRandom(std::uint64_t seed);
  // Flips bit `bit` of byte `number`, counted over all files.
  absl::Status Try(std::uint64_t number, int bit);

 private:
  struct Closed;
  std::unique_ptr<Closed> closed_;
  std::uint64_t byte_count_ = 0;
};

// One run of something of the above, all drawn from the seed.
absl::Status RunAnything(std::uint64_t seed, int lives);

}  // namespace aurora::proof
