// Any bytes as a manifest: refused, or a state that a manifest of its own reads back. The first
// byte chooses whether the rest is taken as it is, or as the payloads of frames that are otherwise
// right: checksums would stop nearly everything else.
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

// With this number, the seed of a frame's checksums is the number of its edit.
constexpr std::uint64_t kNumber = 0;

std::uint64_t Hash(std::string_view bytes, std::uint64_t edit) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), edit);
}

// Each payload behind two bytes with its size in words.
std::string Frames(std::string_view bytes) {
  std::string frames;
  for (std::uint64_t edit = 0; bytes.size() >= 2; ++edit) {
    std::size_t size = std::size_t{8} * LoadFixed<std::uint16_t>(bytes.data());
    bytes.remove_prefix(2);
    size = std::min(size, bytes.size() / 8 * 8);
    const std::string_view payload = bytes.substr(0, size);
    bytes.remove_prefix(size);
    char header[kManifestFrameHeaderSize];
    std::memcpy(header, "AMF1", 4);
    StoreFixed(header + 4, static_cast<std::uint32_t>(size));
    StoreFixed(header + 8, edit);
    StoreFixed(header + 16, Hash(payload, edit));
    StoreFixed(header + 24, Hash(std::string_view(header, 24), edit));
    frames.append(header, sizeof header).append(payload);
  }
  return frames;
}

void Exercise(std::string_view bytes) {
  const auto manifest = DecodeManifest("manifest", kNumber, bytes);
  if (!manifest.ok()) return;
  AURORA_CHECK(manifest->valid_bytes <= bytes.size());
  AURORA_CHECK(manifest->cut_reason.empty() == (manifest->valid_bytes == bytes.size()));
  ManifestState state = manifest->state;
  state.closed_at.reset();  // which no manifest begins with
  std::string again;
  AppendSnapshotFrame(kNumber, state, &again);
  const auto same = DecodeManifest("manifest", kNumber, again);
  AURORA_CHECK(same.ok() && same->cut_reason.empty());
  AURORA_CHECK(same->state.tables == state.tables);
  AURORA_CHECK(same->state.handler_state == state.handler_state);
  AURORA_CHECK(same->state.next_file_number == state.next_file_number);
  AURORA_CHECK(same->state.reserved_through == state.reserved_through);
  AURORA_CHECK(same->state.ingested_through == state.ingested_through);
}

// The description of an ingestion.
void ExerciseTables(std::string_view bytes) {
  const auto tables = DecodeTables(bytes);
  if (!tables.ok()) return;
  const auto same = DecodeTables(EncodeTables(*tables));
  AURORA_CHECK(same.ok() && *same == *tables);
}

}  // namespace
}  // namespace aurora::lsm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    aurora::lsm::Exercise(rest);
    aurora::lsm::ExerciseTables(rest);
  } else {
    aurora::lsm::Exercise(aurora::lsm::Frames(rest));
  }
  return 0;
}
