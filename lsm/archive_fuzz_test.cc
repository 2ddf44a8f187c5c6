// Any bytes as a file of an archive: refused, or entries in order. The first byte chooses whether
// the rest is taken as it is, or as a body behind a header that is right.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "aurora/lsm/archive_format.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/log_format.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

// The fields of a header that the bytes choose: sequences, counts, times.
constexpr std::size_t kChosenBytes = 64;

std::string WithHeader(std::string_view bytes) {
  if (bytes.size() < kChosenBytes) return "";
  const std::string_view body = bytes.substr(kChosenBytes, (bytes.size() - kChosenBytes) / 8 * 8);
  char header[kArchiveHeaderBytes] = {};
  std::memcpy(header, "AURARC01", 8);
  StoreFixed(header + 8, kArchiveFormatVersion);
  std::memcpy(header + 40, bytes.data(), kChosenBytes);
  StoreFixed(header + 104, std::uint64_t{body.size()});
  StoreFixed(header + 112, HashBytes(body, FrameSeed(LogIdentity(), 0)));
  StoreFixed(header + 120, HashBytes({header, 120}));
  return std::string(header, sizeof header).append(body);
}

void Exercise(std::string_view bytes) {
  absl::StatusOr<ArchiveReader> reader = ArchiveReader::Open("file", bytes);
  if (!reader.ok()) return;
  Sequence last = 0;
  for (;;) {
    const absl::StatusOr<bool> found = reader->Next();
    if (!found.ok() || !*found) return;
    const ArchiveEntry& entry = reader->entry();
    AURORA_CHECK(entry.sequence > last && entry.sequence <= reader->header().last);
    if (entry.kind != ArchiveEntry::Kind::kValueFile) last = entry.sequence;
  }
}

void ExerciseName(std::string_view name) {
  const std::optional<ArchiveFileName> parsed = ParseArchiveFileName(name);
  if (parsed.has_value()) AURORA_CHECK(FormatArchiveFileName(*parsed) == name);
  const std::optional<LogIdentity> lineage = ParseLineageName(name);
  if (lineage.has_value()) AURORA_CHECK(LineageName(*lineage) == name);
}

}  // namespace
}  // namespace aurora::lsm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 3 == 0) {
    aurora::lsm::Exercise(rest);
  } else if (data[0] % 3 == 1) {
    aurora::lsm::Exercise(aurora::lsm::WithHeader(rest));
  } else {
    aurora::lsm::ExerciseName(rest);
  }
  return 0;
}
