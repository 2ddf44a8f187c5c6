// A backup as bytes, and the names of the files of a set of backups. No I/O. Thread-safe.
//
//   LOCK                          locked while the set is written to
//   000007.backup                 backup 7: a header, then a Cap'n Proto message (backup.capnp)
//   files/000042-<hash>.table     a table, shared by every backup that holds it
//   files/000043-<hash>.values    a value file, likewise
//   files/000003-<hash>.log       the first bytes of a log segment
//   files/000043-<hash>.record    a record file (record_file.h)
//   *.tmp                         not finished, of no meaning
//
//   offset size  of a backup (little-endian)
//   0      8     magic "AURBAK01"
//   8      8     bytes of payload, a multiple of 8
//   16     8     XXH3 of the payload, seeded by the backup's id
//   24     8     XXH3 of bytes 0 to 23, seeded likewise
//   32           payload
//
// <hash> is the XXH3 of the file's contents, 16 hexadecimal digits. Two files of one name are the
// same: number and hash would have to agree by chance.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

inline constexpr std::uint32_t kBackupFormatVersion = 1;
inline constexpr std::string_view kBackupFilesName = "files";
inline constexpr std::string_view kBackupTemporarySuffix = ".tmp";

// The first bytes of a log segment, and how long its file is.
struct BackupLogPart {
  std::uint64_t number = 0;
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0;
  std::uint64_t padded_bytes = 0;
  friend bool operator==(const BackupLogPart&, const BackupLogPart&) = default;
};

struct BackupContents {
  std::int64_t created_micros = 0;
  std::string label;
  Sequence sequence = 0;
  ManifestState state;  // with the identity of the store that was backed up
  std::vector<BackupLogPart> log;
  std::vector<RecordFileReference> record_files;
};

std::string EncodeBackup(std::uint64_t id, const BackupContents& contents);
// Errors: DataLoss, naming `path`; FailedPrecondition if it is intact but of another version.
absl::StatusOr<BackupContents> DecodeBackup(std::string_view path, std::uint64_t id,
                                            std::string_view bytes);

// A file of the set that a backup needs.
struct BackupFile {
  std::string name;  // below files/
  std::uint64_t bytes = 0;
  std::uint64_t hash = 0;
};
BackupFile FileOfTable(const TableInfo& table);
BackupFile FileOfValues(const ValueFileInfo& file);
BackupFile FileOfLogPart(const BackupLogPart& part);
BackupFile FileOfRecord(const RecordFileReference& file);
std::vector<BackupFile> FilesOf(const BackupContents& contents);

std::string BackupFileName(std::uint64_t id);
// 0 for every name that BackupFileName does not make.
std::uint64_t ParseBackupFileName(std::string_view name);

}  // namespace aurora::lsm
