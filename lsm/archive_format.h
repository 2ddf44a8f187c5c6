// A file of an archived log as bytes, and the names in an archive. No I/O. Thread-safe.
//
//   <database id>-<epoch>/                    one lineage: the log of one life of one database
//     LOCK                                    locked while a database archives into it
//     <first>-<last>.archive                  the records of these commits and all in between
//     <sequence>-<number>-<hash>.record       a record file (record_file.h) of that commit
//     <sequence>-<number>-<hash>.values       a value file that the record of that commit names
//     *.tmp                                   not finished, of no meaning
//
// The database id is 32 hexadecimal digits, an epoch 20 decimal ones, a sequence 17, a number at
// least six, a hash (XXH3 of the whole file) 16 hexadecimal ones. A file never changes once it has
// its name.
//
//   offset size  of a .archive file (little-endian)
//   0      8     magic "AURARC01"
//   8      4     format version: 1
//   12     4     zero
//   16     16    database id
//   32     8     epoch
//   40     8     last commit of the file before this one, 0 if this is the first
//   48     8     the last commit that the log has before the first one here
//   56     8     first commit
//   64     8     last commit
//   72     8     number of records
//   80     8     time of the first commit, in microseconds since 1970
//   88     8     time of the last one
//   96     8     the greatest time of any
//   104    8     bytes of the body, a multiple of 8
//   112    8     XXH3 of the body, seeded by FrameSeed(database id, epoch, 0) (log_format.h)
//   120    8     XXH3 of bytes 0 to 119
//   128          body: entries
//
// Where the fields at 40 and 48 differ, commits in between are missing in the archive: a gap.
//
//   offset size  of an entry
//   0      7     sequence of the commit
//   7      1     kind: 1 record, 4 record that is a file, 5 value file
//   8      8     time of the commit, 0 if it is not known or this is a value file
//   16     8     bytes of payload
//   24           payload, and zeros up to a multiple of 8
//
// The payload of kind 4 is that of a log frame of the same kind. A value file stands before the
// record that names it: id, number, bytes, hash, count of values and stored bytes, 8 bytes each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

inline constexpr std::uint32_t kArchiveFormatVersion = 1;
inline constexpr std::size_t kArchiveHeaderBytes = 128;
inline constexpr std::string_view kArchiveTemporarySuffix = ".tmp";
// Far above what one segment and the file names of its records need.
inline constexpr std::uint64_t kArchiveBodyBytesMax = std::uint64_t{2} << 30;

struct ArchiveHeader {
  LogIdentity identity;
  Sequence previous = 0;
  Sequence after = 0;
  Sequence first = 0;
  Sequence last = 0;
  std::uint64_t record_count = 0;
  std::int64_t first_micros = 0;
  std::int64_t last_micros = 0;
  std::int64_t greatest_micros = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t body_hash = 0;
};

struct ArchiveEntry {
  enum class Kind : std::uint8_t { kRecord = 1, kRecordFile = 4, kValueFile = 5 };
  Kind kind = Kind::kRecord;
  Sequence sequence = 0;
  std::int64_t micros = 0;
  std::string_view payload;    // kRecord
  RecordFileReference record;  // kRecordFile
  ValueFileInfo values;        // kValueFile
};

// Collects what one file will hold.
class ArchiveBuilder {
 public:
  // `after`: the last commit of the log before the first one that is added.
  ArchiveBuilder(const LogIdentity& identity, Sequence after);
  // REQUIRES ascending sequences; a value file directly before the record of its commit.
  void AddRecord(Sequence sequence, std::int64_t micros, std::string_view payload);
  void AddRecordFile(Sequence sequence, std::int64_t micros, const RecordFileReference& file);
  void AddValueFile(Sequence sequence, const ValueFileInfo& file);

  bool empty() const { return header_.record_count == 0; }
  std::size_t size_bytes() const { return bytes_.size(); }
  const ArchiveHeader& header() const { return header_; }
  // The file. `previous`: the last commit of the one before. Nothing may be added afterwards.
  std::string Finish(Sequence previous);

 private:
  void Add(ArchiveEntry::Kind kind, Sequence sequence, std::int64_t micros,
           std::string_view payload);
  void Count(Sequence sequence, std::int64_t micros);

  ArchiveHeader header_;
  std::string bytes_;
};

// `bytes`: at least the header. DataLoss, naming `path`; FailedPrecondition if it is intact but of
// another version.
absl::StatusOr<ArchiveHeader> DecodeArchiveHeader(std::string_view path, std::string_view bytes);

// Walks the entries of a file that was read whole.
class ArchiveReader {
 public:
  // Checks header, size and hash. `bytes` must outlive the reader. DataLoss, naming `path`.
  static absl::StatusOr<ArchiveReader> Open(std::string_view path, std::string_view bytes);
  const ArchiveHeader& header() const { return header_; }
  // False at the end. DataLoss if an entry is none, or the entries are not those of the header.
  absl::StatusOr<bool> Next();
  // Valid as long as the bytes are.
  const ArchiveEntry& entry() const { return entry_; }

 private:
  ArchiveReader(std::string_view path, const ArchiveHeader& header, std::string_view body)
      : path_(path), header_(header), body_(body) {}
  absl::Status Damage(std::string_view what) const;
  absl::Status DecodePayload(std::string_view payload);
  absl::Status Count();

  std::string path_;
  ArchiveHeader header_;
  std::string_view body_;
  std::size_t offset_ = 0;
  std::uint64_t record_count_ = 0;
  Sequence last_ = 0;
  Sequence named_by_ = 0;  // the commit whose record must follow a value file; 0: none
  ArchiveEntry entry_;
};

// Names. Those that are parsed are exactly those that are made.
std::string LineageName(const LogIdentity& identity);
std::optional<LogIdentity> ParseLineageName(std::string_view name);

struct ArchiveFileName {
  enum class Kind : std::uint8_t { kLog, kRecord, kValues };
  Kind kind = Kind::kLog;
  Sequence first = 0;        // of kLog
  Sequence last = 0;         // of the others: the commit that names it
  std::uint64_t number = 0;  // of the others
  std::uint64_t hash = 0;
};
std::string FormatArchiveFileName(const ArchiveFileName& name);
std::optional<ArchiveFileName> ParseArchiveFileName(std::string_view name);
ArchiveFileName NameOfRecord(Sequence sequence, const RecordFileReference& file);
ArchiveFileName NameOfValues(Sequence sequence, const ValueFileInfo& file);

}  // namespace aurora::lsm
