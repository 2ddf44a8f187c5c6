// The names of a database's files. Only what is named exactly so is ours to read, count or remove.
//
//   LOCK              locked while the database is open
//   ROOT-000007       empty; the one of the greatest number names the manifest in force
//   MANIFEST-000007   what the tree consists of
//   RESERVE           space for the next manifest, on a full device
//   000042.table      a table
//   000043.values     values that tables name; numbered like tables
//   log/              the segments of the log (log.h), and
//   log/000044.record its records that are too large for one (record_file.h)
//   LOG, LOG.old      what happened, for people (event_file.h); nothing depends on them
//
// Numbers are decimal, filled with zeros to six digits, longer ones without; never 0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aurora::lsm {

inline constexpr std::string_view kLockFileName = "LOCK";
inline constexpr std::string_view kReserveFileName = "RESERVE";
inline constexpr std::string_view kLogDirectoryName = "log";
inline constexpr std::string_view kEventFileName = "LOG";
inline constexpr std::string_view kOldEventFileName = "LOG.old";

struct FileName {
  enum class Kind : std::uint8_t {
    kOther,
    kLock,
    kReserve,
    kRoot,
    kManifest,
    kTable,
    kValues,
    kLogDirectory,
    kEvents
  };
  Kind kind = Kind::kOther;
  std::uint64_t number = 0;
};

FileName ParseFileName(std::string_view name);

std::string RootFileName(std::uint64_t number);
std::string ManifestFileName(std::uint64_t number);
std::string TableFileName(std::uint64_t number);
std::string ValueFileName(std::uint64_t number);
// In the directory of the log.
std::string RecordFileName(std::uint64_t number);
// 0 for every name that RecordFileName does not make.
std::uint64_t ParseRecordFileName(std::string_view name);

// `directory`/`name`.
std::string JoinPath(std::string_view directory, std::string_view name);
// The directory that holds `path`: "." if it names none.
std::string ParentPath(std::string_view path);

}  // namespace aurora::lsm
