#include "aurora/runtime/simulation/crash_mode.h"

#include <array>
#include <string_view>

#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

using Writes = CrashMode::Writes;
using Entries = CrashMode::Entries;
using TornBytes = CrashMode::TornBytes;

std::string_view NameOf(Writes writes) {
  switch (writes) {
    case Writes::kNone:
      return "no write";
    case Writes::kAll:
      return "all writes";
    case Writes::kSectors:
      return "sectors at random";
    case Writes::kPrefix:
      return "a prefix of the writes";
    case Writes::kLastOnly:
      return "the last write only";
    case Writes::kReordered:
      return "writes out of order";
    case Writes::kTorn:
      return "torn writes";
    case Writes::kSizeWithoutData:
      return "sizes without data";
    case Writes::kDataWithoutSize:
      return "data without sizes";
  }
  return "?";
}

std::string_view NameOf(Entries entries) {
  switch (entries) {
    case Entries::kLost:
      return "lost";
    case Entries::kKept:
      return "kept";
    case Entries::kRandom:
      return "random";
    case Entries::kRemovalsOnly:
      return "removals only";
  }
  return "?";
}

std::string_view NameOf(TornBytes torn) {
  switch (torn) {
    case TornBytes::kOld:
      return "old bytes";
    case TornBytes::kZero:
      return "zeros";
    case TornBytes::kRandom:
      return "random bytes";
  }
  return "?";
}

constexpr std::array<CrashMode, 18> kStandard = {{
    {.writes = Writes::kNone, .entries = Entries::kLost},
    {.writes = Writes::kNone, .entries = Entries::kKept},
    {.writes = Writes::kAll, .entries = Entries::kKept},
    {.writes = Writes::kAll, .entries = Entries::kLost},
    {.writes = Writes::kAll, .entries = Entries::kRemovalsOnly},
    {.writes = Writes::kSectors, .percent = 10},
    {.writes = Writes::kSectors, .percent = 50},
    {.writes = Writes::kSectors, .sector_bytes = 4096, .percent = 90},
    {.writes = Writes::kPrefix},
    {.writes = Writes::kLastOnly},
    {.writes = Writes::kReordered},
    {.writes = Writes::kTorn, .torn = TornBytes::kOld},
    {.writes = Writes::kTorn, .torn = TornBytes::kZero},
    {.writes = Writes::kTorn, .torn = TornBytes::kRandom},
    {.writes = Writes::kTorn, .sector_bytes = 4096, .torn = TornBytes::kRandom},
    {.writes = Writes::kSizeWithoutData, .entries = Entries::kKept},
    {.writes = Writes::kDataWithoutSize, .entries = Entries::kKept},
    {.process_only = true},
}};

}  // namespace

CrashMode CrashMode::Process() {
  CrashMode mode;
  mode.process_only = true;
  return mode;
}

std::string Describe(const CrashMode& mode) {
  if (mode.process_only) return "the process died";
  std::string text = StrCat("the machine died: ", NameOf(mode.writes));
  if (mode.writes == Writes::kSectors) StrAppend(&text, " (", mode.percent, "%)");
  if (mode.writes == Writes::kTorn) StrAppend(&text, " with ", NameOf(mode.torn));
  StrAppend(&text, " in units of ", mode.sector_bytes, " B, entries ", NameOf(mode.entries));
  if (mode.tear_neighbours) StrAppend(&text, ", neighbours torn");
  return text;
}

std::span<const CrashMode> StandardCrashModes() { return kStandard; }

CrashMode DrawCrashMode(Random& random) {
  CrashMode mode;
  mode.writes = static_cast<Writes>(random.Below(9));
  mode.entries = static_cast<Entries>(random.Below(4));
  mode.sector_bytes = random.Below(2) == 0 ? 512 : 4096;
  static constexpr std::uint32_t kPercents[] = {10, 50, 90};
  mode.percent = kPercents[random.Below(3)];
  mode.torn = static_cast<TornBytes>(random.Below(3));
  return mode;
}

}  // namespace aurora
