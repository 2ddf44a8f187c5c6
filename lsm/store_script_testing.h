// A fixed sequence of operations on a store, as a value: drawn from a seed, run against a store
// with any options on any machine, shown as text, made shorter.
//
// What each step answers follows from the steps before it alone, so it must be the same whatever
// the options, and equal to what a map of the same history says. Every step is possible in every
// state: one that has nothing to act on (an iterator that is not open) answers "-". So a script
// stays one whatever is taken out of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/lsm/expiry.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

struct ScriptMutation {
  EntryKind kind = EntryKind::kPut;
  KeyspaceId keyspace = 0;
  std::string key;
  std::string value;  // of a kDeleteRange: its end; empty: to the end of the keyspace
  // Of a Put that expires. In a script, whose clock may jump by years, it has either expired before
  // it is written, or will in no life.
  Expiry expiry = kNeverExpires;
};

struct ScriptStep {
  enum class Kind : std::uint8_t {
    kWrite,         // `mutations` as one batch
    kIngest,        // `mutations` as tables: puts of one keyspace by key; the first may be a
                    // kDeleteRange, which the others are in: it is replaced by them
    kGet,           // `key`
    kScan,          // all from `key` to `upper`, forwards or, if `backward`, backwards
    kTakeSnapshot,  // into `slot`
    kDropSnapshot,
    kOpenIterator,  // into `slot`, from `key` to `upper`
    kSeek,          // the iterator of `slot`, to `key`; if `backward`, by SeekBackward
    kSeekToEnd,     // to its first key; if `backward`, to its last
    kMove,          // Next; if `backward`, Prev
    kCloseIterator,
    kFlush,
    kCompact,
    kReopen,
    kCrash,  // after everything was synced, so that nothing may be lost
  };
  Kind kind = Kind::kFlush;
  KeyspaceId keyspace = 0;
  std::size_t slot = 0;
  // Of the reading steps: the snapshot to read at, counted from 1; 0 is the latest state, as is a
  // snapshot that is not there.
  std::size_t at = 0;
  bool backward = false;
  std::string key;
  std::string upper;
  std::vector<ScriptMutation> mutations;
};

using Script = std::vector<ScriptStep>;

inline constexpr Expiry kLongAgo = 1;
inline constexpr Expiry kInNoLife = kNeverExpires / 2;
inline constexpr KeyspaceId kScriptKeyspaces = 3;
inline constexpr KeyspaceId kScriptMergedKeyspace = 1;  // its merge operator appends
inline constexpr std::size_t kScriptSlots = 3;

Script DrawScript(std::uint64_t seed, std::size_t steps);
// A line for each step.
std::string Show(const Script& script);
// What each step must answer.
std::vector<std::string> ExpectedAnswers(const Script& script);

// How answers are written.
inline constexpr std::string_view kNothingToDo = "-";
inline constexpr std::string_view kDone = "ok";
inline constexpr std::string_view kNoValue = "(none)";
inline constexpr std::string_view kEndOfWalk = "(end)";
std::string ShowPair(std::string_view key, std::string_view value);

// The shortest script that is found by taking steps, mutations and bytes out of `script` for which
// `fails` is still true. REQUIRES fails(script).
Script ShrinkScript(Script script, const std::function<bool(const Script&)>& fails);

}  // namespace aurora::lsm
