#include "aurora/runtime/simulation/crash_sampler_testing.h"

#include <span>
#include <utility>

#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/status.h"

namespace aurora {

CrashSampler::CrashSampler(Simulation* simulation, std::uint64_t seed, int modes_per_event,
                           Check check)
    : simulation_(simulation),
      modes_per_event_(modes_per_event),
      check_(std::move(check)),
      random_(seed),
      next_mode_(random_.Below(StandardCrashModes().size())) {
  simulation_->ObservePersistence([this](const PersistenceEvent& event) { Observe(event); });
}

CrashSampler::~CrashSampler() { simulation_->ObservePersistence(nullptr); }

void CrashSampler::Observe(const PersistenceEvent& event) {
  const std::span<const CrashMode> modes = StandardCrashModes();
  for (int i = 0; i < modes_per_event_ && violation_.ok(); ++i) {
    const CrashMode& mode = modes[next_mode_++ % modes.size()];
    const std::uint64_t seed = random_.Next64();
    const DiskImage image = simulation_->disk().CrashImage(mode, seed);
    const CrashPoint point{event.index, event.operation, mode, seed, image};
    ++image_count_;
    const absl::Status checked = check_(point);
    if (!checked.ok()) violation_ = InternalError(checked.ToString(), "\n", Describe(point));
  }
}

}  // namespace aurora
