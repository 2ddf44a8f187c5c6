#include "aurora/runtime/simulation/fault_plan.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

// The kinds on which a fault means something.
bool CanStrike(Fault::Kind fault, OperationKind operation) {
  switch (fault) {
    case Fault::Kind::kError:
      return true;
    case Fault::Kind::kDelay:
    case Fault::Kind::kHang:
      return operation != OperationKind::kPublish;
    case Fault::Kind::kFlipBits:
    case Fault::Kind::kShorten:
      return operation == OperationKind::kRead;
    case Fault::Kind::kLose:
      return operation == OperationKind::kWrite || operation == OperationKind::kWriteDurably ||
             operation == OperationKind::kSync || operation == OperationKind::kSyncDirectory;
  }
  return false;
}

}  // namespace

Fault Fault::Error(int error) {
  AURORA_CHECK(error > 0);
  return {.kind = Kind::kError, .error = error};
}
Fault Fault::Delay(absl::Duration duration) {
  AURORA_CHECK(duration >= absl::ZeroDuration());
  return {.kind = Kind::kDelay, .nanos = absl::ToInt64Nanoseconds(duration)};
}
Fault Fault::Hang() { return {.kind = Kind::kHang}; }
Fault Fault::FlipBits(int bits) {
  AURORA_CHECK(bits > 0);
  return {.kind = Kind::kFlipBits, .bits = bits};
}
Fault Fault::Shorten() { return {.kind = Kind::kShorten}; }
Fault Fault::Lose() { return {.kind = Kind::kLose}; }

bool MatchesGlob(std::string_view pattern, std::string_view text) {
  // Greedy with one point to return to: the last star, and how much text it has taken.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t taken = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      taken = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::size_t FaultPlan::Add(FaultRule rule) {
  AURORA_CHECK(rule.first > 0 && rule.one_in > 0);
  AURORA_CHECK((rule.fault.kind != Fault::Kind::kError || rule.fault.error > 0) &&
               "an error fault needs an errno");
  for (const OperationKind kind : rule.kinds) {
    AURORA_CHECK(CanStrike(rule.fault.kind, kind) && "this fault means nothing to that operation");
  }
  entries_.push_back({.rule = std::move(rule)});
  return entries_.size() - 1;
}

void FaultPlan::Clear() {
  for (Entry& entry : entries_) entry.active = false;
}

std::uint64_t FaultPlan::matched(std::size_t id) const {
  AURORA_CHECK(id < entries_.size());
  return entries_[id].matched;
}
std::uint64_t FaultPlan::struck(std::size_t id) const {
  AURORA_CHECK(id < entries_.size());
  return entries_[id].struck;
}
std::uint64_t FaultPlan::operation_count(OperationKind kind) const {
  return counts_[static_cast<std::size_t>(kind)];
}
std::uint64_t FaultPlan::operation_count() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

bool FaultPlan::Matches(const FaultRule& rule, const Operation& operation) {
  if (!CanStrike(rule.fault.kind, operation.kind)) return false;
  if (!rule.kinds.empty() &&
      std::find(rule.kinds.begin(), rule.kinds.end(), operation.kind) == rule.kinds.end()) {
    return false;
  }
  return MatchesGlob(rule.path, operation.path) ||
         (!operation.to.empty() && MatchesGlob(rule.path, operation.to));
}

bool FaultPlan::Strikes(const Operation& operation, Random& random, Fault* fault) {
  ++counts_[static_cast<std::size_t>(operation.kind)];
  bool struck = false;
  for (Entry& entry : entries_) {
    if (!entry.active || !Matches(entry.rule, operation)) continue;
    ++entry.matched;
    if (struck || entry.matched < entry.rule.first || entry.struck >= entry.rule.count) continue;
    if (entry.rule.one_in > 1 && random.Below(entry.rule.one_in) != 0) continue;
    ++entry.struck;
    *fault = entry.rule.fault;
    struck = true;
  }
  return struck;
}

}  // namespace aurora
