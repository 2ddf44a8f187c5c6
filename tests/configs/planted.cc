// Commits the bug that its argument names, and otherwise ends well.
#include <cstdio>
#include <limits>
#include <memory>
#include <string_view>
#include <thread>

#include "aurora/runtime/check.h"

namespace {

int UseAfterFree() {
  auto owner = std::make_unique<int>(1);
  const int* volatile dangling = owner.get();
  owner.reset();
  return *dangling;
}

int SignedOverflow() {
  const volatile int most = std::numeric_limits<int>::max();
  return most + 1;
}

int DataRace() {
  int shared = 0;
  std::thread other([&shared] { ++shared; });
  ++shared;
  other.join();
  return shared;
}

int FailedAssertion() {
  const volatile int zero = 0;
  AURORA_DCHECK(zero == 1);
  return zero;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view bug = argc > 1 ? argv[1] : "none";
  int result = 0;
  if (bug == "use-after-free") result = UseAfterFree();
  if (bug == "signed-overflow") result = SignedOverflow();
  if (bug == "data-race") result = DataRace();
  if (bug == "failed-assertion") result = FailedAssertion();
  std::printf("survived %s (%d)\n", argc > 1 ? argv[1] : "none", result);
}
