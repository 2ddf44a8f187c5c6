// Any bytes as a backup: refused, or contents that a backup of their own reads back. The first byte
// chooses whether the rest is taken as it is, or as a payload behind a header that is right.
#include <xxhash.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "aurora/lsm/backup_format.h"
#include "aurora/lsm/coding.h"
#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kId = 1;

std::uint64_t Hash(std::string_view bytes) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), kId);
}

std::string WithHeader(std::string_view payload) {
  payload = payload.substr(0, payload.size() / 8 * 8);
  char header[32];
  std::memcpy(header, "AURBAK01", 8);
  StoreFixed(header + 8, std::uint64_t{payload.size()});
  StoreFixed(header + 16, Hash(payload));
  StoreFixed(header + 24, Hash(std::string_view(header, 24)));
  return std::string(header, sizeof header).append(payload);
}

void Exercise(std::string_view bytes) {
  const auto contents = DecodeBackup("backup", kId, bytes);
  if (!contents.ok()) return;
  for (const BackupFile& file : FilesOf(*contents)) {
    AURORA_CHECK(file.name.find('/') == std::string::npos);
  }
  const auto same = DecodeBackup("backup", kId, EncodeBackup(kId, *contents));
  AURORA_CHECK(same.ok());
  AURORA_CHECK(same->log == contents->log && same->sequence == contents->sequence);
  AURORA_CHECK(same->state.tables == contents->state.tables);
}

}  // namespace
}  // namespace aurora::lsm

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    aurora::lsm::Exercise(rest);
  } else {
    aurora::lsm::Exercise(aurora::lsm::WithHeader(rest));
  }
  return 0;
}
