// Bugs planted on purpose, to prove that the tests would find them.
//
//   if (!AURORA_PLANTED_BUG("skip-log-sync")) status = co_await file.Sync();
//
// The macro is the constant `false`, and costs nothing, unless the code is compiled with
// AURORA_PLANTED_BUGS defined (cc_planted_bugs_test of tools/build). Then the bug is there while
// its name is switched on, and every name that execution passes is remembered, so that a test can
// tell a bug that it missed from one that it never reached.
#pragma once

#include <string_view>

namespace aurora {

// Switches the bug `name` on while it lives; every other one is off. One at a time (checked).
class ScopedPlantedBug {
 public:
  explicit ScopedPlantedBug(std::string_view name);
  ~ScopedPlantedBug();
  ScopedPlantedBug(const ScopedPlantedBug&) = delete;
  ScopedPlantedBug& operator=(const ScopedPlantedBug&) = delete;
};

// True if the fault point `name` was passed since the program started.
bool WasPassed(std::string_view name);

namespace internal {
// True if `name` is switched on. From any thread.
bool PlantedBugIsOn(const char* name);
}  // namespace internal

}  // namespace aurora

#ifdef AURORA_PLANTED_BUGS
#define AURORA_PLANTED_BUG(name) ::aurora::internal::PlantedBugIsOn(name)
#else
#define AURORA_PLANTED_BUG(name) false
#endif
