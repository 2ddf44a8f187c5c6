// What is done to a store in the simulator: lives that end in crashes, a crash at every persistent
// operation of a small life, failing operations, flipped bits. Each returns the first violation of
// what the store promises, with all that is needed to see it again.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/simulation/disk_image.h"

namespace aurora::lsm {

// Random work without faults, `steps` steps in each of three lives that end with a close: every
// answer is the model's, with snapshots and iterators in both directions.
absl::Status RunStoreAnswers(std::uint64_t seed, Durability durability, int steps);

// `lives` lives of one database, each ended by a crash in a random mode at a random moment
// (recovery included), and what is found checked after each.
absl::Status RunStoreLives(std::uint64_t seed, Durability durability, int lives);

// A small life: creation, commits, flushes, a full compaction, more than one manifest, reopening.
// At every persistent operation, crash images in `modes_per_event` modes are opened, checked,
// written to, closed and opened again. Some recoveries crash too. `*images` counts.
absl::Status EnumerateStoreCrashes(std::uint64_t seed, Durability durability, int modes_per_event,
                                   std::uint64_t* images);

// A smaller life: at every persistent operation a crash, and on what it leaves, at every persistent
// operation of the recovery and of the close after it, another one. Each mode is one of the
// standard ones in turn. What the second leaves is opened, checked, written to and opened again.
absl::Status EnumerateNestedCrashes(std::uint64_t seed, Durability durability,
                                    std::uint64_t* images);

// A life in which operation number `first` of the file system fails with `error` (an errno), and,
// if `for_ever`, every later one that could. Then the fault ends, the database is opened again and
// checked. `*struck` tells whether the life was long enough for the fault.
absl::Status RunStoreFault(std::uint64_t seed, Durability durability, std::uint64_t first,
                           int error, bool for_ever, bool* struck);

// A small closed database, of which one bit at a time is flipped: an error or the right answers.
class FlippedBits {
 public:
  // `tiny`: as few files and bytes as hold a bit of everything.
  FlippedBits(std::uint64_t seed, Durability durability, bool tiny = false);
  ~FlippedBits();
  std::uint64_t byte_count() const { return byte_count_; }
  // The numbers of the bytes that are not zero, and of every `stride`-th of the others, of which
  // most are in what a log has prepared and not used.
  std::vector<std::uint64_t> Bytes(std::uint64_t stride) const;
  // Flips bit `bit` of byte `number`, counted over all files, opens and reads everything.
  absl::Status Try(std::uint64_t number, int bit);
  // Damages whole files and blocks instead: each is removed, emptied, cut at every sector, replaced
  // by every other one and by what it held at earlier times; each block by every other block of
  // the same file. `*count` counts.
  absl::Status TryFiles(std::uint64_t* count);

 private:
  absl::Status Check(DiskImage image, std::string_view damage);

  struct Closed;
  std::unique_ptr<Closed> closed_;
  std::uint64_t byte_count_ = 0;
};

// A store that needs a record file: a bit of every `step`-th byte of it is flipped, it is cut, and
// removed: DataLoss each. `*count` counts.
absl::Status DamageRecordFile(std::uint64_t seed, Durability durability, std::uint64_t step,
                              std::uint64_t* count);

// Two tables of the same layout, of which the newer gets the blocks of the older, as from a device
// that reads from the wrong place: an error, never the older values.
absl::Status TryMisplacedBlocks(std::uint64_t seed);

// Damages a value of a closed store, and has the values beside it moved: each is an error or right.
absl::Status TryDamagedValues(std::uint64_t seed);

}  // namespace aurora::lsm
