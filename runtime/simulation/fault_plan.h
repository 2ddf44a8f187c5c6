// What goes wrong in a simulated file system, and when.
//
//   plan.Add({.fault = Fault::Error(EIO), .kinds = {OperationKind::kSync}, .path = "*.log"});
//   plan.Add({.fault = Fault::Error(ENOSPC), .first = 17, .count = FaultRule::kForEver});
//   plan.Add({.fault = Fault::FlipBits(1), .kinds = {OperationKind::kRead}, .one_in = 100,
//             .count = FaultRule::kForEver});
//
// Rules are asked in the order in which they were added; the first that strikes decides. Every
// matching operation is counted, so a loop over `first` until nothing strikes any more reaches
// every call. Single-threaded.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/operation.h"

namespace aurora {

struct Fault {
  enum class Kind : std::uint8_t {
    kError,     // the operation fails with `error`, an errno
    kDelay,     // it takes `nanos` longer
    kHang,      // it never completes, until the process dies
    kFlipBits,  // a read succeeds, with `bits` of its bits inverted
    kShorten,   // a read succeeds with fewer bytes than it would have: the file was cut meanwhile
    kLose,      // a write, sync or directory sync reports success and does nothing: a lying device
  };
  Kind kind = Kind::kError;
  int error = 0;
  std::int64_t nanos = 0;
  int bits = 0;

  static Fault Error(int error);
  static Fault Delay(absl::Duration duration);
  static Fault Hang();
  static Fault FlipBits(int bits);
  static Fault Shorten();
  static Fault Lose();
};

struct FaultRule {
  static constexpr std::uint64_t kForEver = std::numeric_limits<std::uint64_t>::max();

  Fault fault;
  // Empty: every kind that the fault can strike.
  std::vector<OperationKind> kinds = {};
  // Of the whole path, or of a rename's target; '*' stands for any text, '?' for any one character.
  std::string path = "*";
  // The first of the matching operations that is struck, counting from 1, ...
  std::uint64_t first = 1;
  // ... one in so many from there on, drawn from the seed, ...
  std::uint64_t one_in = 1;
  // ... until so many were struck.
  std::uint64_t count = 1;
};

bool MatchesGlob(std::string_view pattern, std::string_view text);

class FaultPlan {
 public:
  // The result names the rule.
  std::size_t Add(FaultRule rule);
  // No rule strikes any more. Counts are kept.
  void Clear();

  // How many operations rule `id` has matched, and struck.
  std::uint64_t matched(std::size_t id) const;
  std::uint64_t struck(std::size_t id) const;
  // How many operations of a kind, or of all, have been asked about.
  std::uint64_t operation_count(OperationKind kind) const;
  std::uint64_t operation_count() const;

  // Counts `operation` and sets `*fault` if a rule strikes it; the result tells.
  bool Strikes(const Operation& operation, Random& random, Fault* fault);

 private:
  struct Entry {
    FaultRule rule;
    bool active = true;
    std::uint64_t matched = 0;
    std::uint64_t struck = 0;
  };
  static bool Matches(const FaultRule& rule, const Operation& operation);

  std::vector<Entry> entries_;
  std::array<std::uint64_t, kOperationKindCount> counts_{};
};

}  // namespace aurora
