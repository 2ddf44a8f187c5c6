// What a crash leaves of the changes that had not been synced.
//
// What had been synced always survives. Of the rest, a real disk may keep anything: the modes are
// the corners of that space, and random draws from its middle.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "aurora/runtime/random.h"

namespace aurora {

struct CrashMode {
  enum class Writes : std::uint8_t {
    kNone,             // no un-synced write survives
    kAll,              // every one does, those in flight included
    kSectors,          // each sector of each write survives with `percent`
    kPrefix,           // in the order of completion over all files: those before some point, and a
                       // part of the one at that point
    kLastOnly,         // only the last one
    kReordered,        // some, among them one that followed one that is lost
    kTorn,             // each is whole, lost, or torn: some of its sectors are new, the rest `torn`
    kSizeWithoutData,  // files have their new sizes, no write has its data
    kDataWithoutSize,  // writes have their data, files their old sizes
  };
  // Creations, renames, links and removals in directories that were not synced.
  enum class Entries : std::uint8_t {
    kLost,
    kKept,
    kRandom,        // each for itself; a rename is lost, kept, or leaves both names
    kRemovalsOnly,  // names disappear early, and nothing else happens
  };
  enum class TornBytes : std::uint8_t { kOld, kZero, kRandom };

  // The process dies, not the machine: everything that was written or published survives; writes in
  // flight and unpublished stores survive, are lost, or survive in part. All else is ignored.
  bool process_only = false;

  Writes writes = Writes::kNone;
  Entries entries = Entries::kRandom;
  // The unit in which a write is torn: 512, or kDeviceBlockSize.
  std::uint32_t sector_bytes = 512;
  // For kSectors.
  std::uint32_t percent = 50;
  // What a lost sector of a torn write holds. For kTorn.
  TornBytes torn = TornBytes::kOld;
  // A torn sector is lost as a whole, with synced bytes that share it. For kTorn with kZero or
  // kRandom. Off, because then what had been synced need not survive: for tests of the rule that no
  // write touches a block that holds acknowledged bytes.
  bool tear_neighbours = false;

  static CrashMode Process();
};

// For messages: "torn into 512 B sectors of zeros, entries random".
std::string Describe(const CrashMode& mode);

// The modes that every workload is tried with: seventeen of a machine, then the process's.
std::span<const CrashMode> StandardCrashModes();

// A mode of the machine, every property drawn, tear_neighbours off.
CrashMode DrawCrashMode(Random& random);

}  // namespace aurora
