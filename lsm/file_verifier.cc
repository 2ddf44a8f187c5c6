#include "aurora/lsm/file_verifier.h"

#include <memory>
#include <string_view>
#include <utility>

#include "aurora/lsm/stream_hash.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {
constexpr std::uint64_t kChunkBytes = std::uint64_t{1} << 20;
}  // namespace

Task<absl::StatusOr<std::uint64_t>> VerifyWholeFile(FileSystem* files, std::string path,
                                                    std::optional<FileFigures> figures,
                                                    std::vector<FileDamage>* damage) {
  AURORA_CO_ASSIGN(const std::unique_ptr<PatientFile> file,
                   co_await PatientFile::Open(files, std::move(path)));
  StreamHash hash;
  for (std::uint64_t offset = 0; offset < file->size(); offset += kChunkBytes) {
    hash.Add(co_await file->Read(offset, offset + kChunkBytes));
  }
  for (const FileRange& range : file->unreadable()) {
    damage->push_back({range, "the device cannot read it"});
  }
  if (!figures.has_value()) co_return file->size();
  const FileRange all{0, file->size()};
  if (file->size() != figures->size_bytes) {
    damage->push_back(
        {all, StrCat("the file has ", file->size(), " bytes; it had ", figures->size_bytes)});
  } else if (hash.Digest() != figures->hash) {
    damage->push_back({all, "the contents are not those that were written"});
  }
  co_return file->size();
}

}  // namespace aurora::lsm
