// Tries some of what a crash could leave, at every persistent operation of a workload.
//
//   CrashSampler sampler(&simulation, seed, 2, [&](const CrashPoint& point) {
//     return OpenAndVerify(point);      // in a simulation of its own, on a copy of point.image
//   });
//   simulation.Run(Workload(...));
//   EXPECT_TRUE(sampler.violation().ok()) << sampler.violation();
//
// All modes at every operation would be too many where each image is opened and worked with: the
// standard modes are taken in turn, beginning with one that the seed draws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/simulation.h"

namespace aurora {

// Observes the simulation while it lives. Single-threaded.
class CrashSampler {
 public:
  using Check = std::function<absl::Status(const CrashPoint&)>;

  // `simulation`, and all that `check` uses, must outlive it. After a violation `check` is called
  // no more.
  CrashSampler(Simulation* simulation, std::uint64_t seed, int modes_per_event, Check check);
  ~CrashSampler();
  CrashSampler(const CrashSampler&) = delete;
  CrashSampler& operator=(const CrashSampler&) = delete;

  // How many images were checked.
  std::uint64_t image_count() const { return image_count_; }
  // What `check` found first, with where the crash was; OK if nothing.
  const absl::Status& violation() const { return violation_; }

 private:
  void Observe(const PersistenceEvent& event);

  Simulation* const simulation_;
  const int modes_per_event_;
  const Check check_;
  SeededRandom random_;
  std::size_t next_mode_;
  std::uint64_t image_count_ = 0;
  absl::Status violation_;
};

}  // namespace aurora
