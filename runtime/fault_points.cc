#include "aurora/runtime/fault_points.h"

#include <mutex>
#include <set>
#include <string>

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

struct FaultPoints {
  std::mutex mutex;
  std::string active;  // empty: none
  std::set<std::string, std::less<>> passed;
};

// Never destroyed: threads may pass fault points until the very end of the process.
FaultPoints& Points() {
  static FaultPoints* const points = new FaultPoints;
  return *points;
}

}  // namespace

ScopedPlantedBug::ScopedPlantedBug(std::string_view name) {
  FaultPoints& points = Points();
  std::lock_guard lock(points.mutex);
  AURORA_CHECK(points.active.empty() && !name.empty());
  points.active = name;
}

ScopedPlantedBug::~ScopedPlantedBug() {
  FaultPoints& points = Points();
  std::lock_guard lock(points.mutex);
  points.active.clear();
}

bool WasPassed(std::string_view name) {
  FaultPoints& points = Points();
  std::lock_guard lock(points.mutex);
  return points.passed.contains(name);
}

namespace internal {

bool PlantedBugIsOn(const char* name) {
  FaultPoints& points = Points();
  std::lock_guard lock(points.mutex);
  if (!points.passed.contains(std::string_view(name))) points.passed.emplace(name);
  return points.active == name;
}

}  // namespace internal
}  // namespace aurora
