// Opens a small log some of whose bytes were replaced: an error or the right answer, never anything
// else. The input is a list of patches; what is left of it stands for a whole segment.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_model_testing.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

struct Sample {
  DiskImage image;
  LogModel model;
};

// A log that was killed, in the middle of its third segment.
const Sample& TheSample() {
  static const Sample* const sample = [] {
    auto* made = new Sample;
    Simulation simulation(3);
    AURORA_CHECK(simulation.Run(MakeLogDirectory(&simulation.environment(), "/db/log")).ok());
    LogLife life;
    life.options = SmallLogOptions(Durability::kSync);
    life.records_each = 60;
    life.release = false;
    simulation.Run(LiveOnce(&simulation, life, &made->model));
    made->image = simulation.disk().image();
    return made;
  }();
  return *sample;
}

void CheckParsers(std::string_view bytes) {
  SegmentHeader header;
  if (bytes.size() >= kSegmentHeaderBytes) {
    DecodeSegmentHeader(bytes.substr(0, kSegmentHeaderBytes), &header);
  }
  const std::uint64_t seed = FrameSeed(LogIdentity{}, 1);
  FrameView view;
  std::uint32_t end = kSegmentHeaderBytes;
  while (FindNextFrame(bytes, bytes.size(), seed, 1, end, &view) == FrameState::kValid) {
    AURORA_CHECK(view.end > end && view.end <= bytes.size());
    end = view.end;
  }
  FindFrameHeaders(bytes, seed, 1, 0);
  if (const auto ingestion = SplitIngestion(bytes); ingestion.has_value()) {
    AURORA_CHECK(ingestion->tables.size() + ingestion->record.size() + kIngestionHeaderBytes ==
                 bytes.size());
  }
}

}  // namespace
}  // namespace aurora::lsm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aurora;
  using namespace aurora::lsm;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  CheckParsers(input);
  const Sample& sample = TheSample();
  SimulationOptions options;
  options.image = sample.image;
  options.latency = LatencyModel::None();
  Simulation simulation(1, options);
  const std::vector<std::string> files = simulation.disk().image().Files();
  std::string_view rest = input;
  while (rest.size() >= 5) {
    // File, offset, length, bytes.
    const std::string& path = files[static_cast<std::uint8_t>(rest[0]) % files.size()];
    const std::size_t file_bytes = simulation.disk().image().ReadFile(path)->size();
    std::uint32_t offset = 0;
    std::memcpy(&offset, rest.data() + 1, 3);
    offset %= file_bytes;
    std::size_t length = static_cast<std::uint8_t>(rest[4]);
    rest.remove_prefix(5);
    length = std::min({length, rest.size(), file_bytes - offset});
    AURORA_CHECK(simulation.disk().image().Patch(path, offset, rest.substr(0, length)).ok());
    rest.remove_prefix(length);
  }
  LogModel model = sample.model;
  // What was the last write may be cut; anything else must be there, or missed.
  model.safe_from_power_loss = model.safe_from_kill = 0;
  simulation.Run(OpenAndCheck(&simulation, SmallLogOptions(Durability::kSync), &model));
  simulation.RunUntilIdle();
  AURORA_CHECK(model.violation.ok() || !model.open_status.ok());
  return 0;
}
