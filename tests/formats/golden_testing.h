// Golden directories: databases of each format version, kept in the repository, with what they must
// be found to hold.
//
// A golden directory is made in the simulator, so making it again with the same code gives the same
// bytes. It holds a few files:
//
//   closed/, killed/    the files of two databases, without the zeros at the end of each file
//   store/              the same of a store (lsm/kv_store.h) without a database around it, for what
//                       no database writes: range deletes, merges; from version 2 on
//   ingested/           a store with tables that were ingested, and an ingestion that only the log
//                       has; from version 3 on
//   large/              a store that was killed when its log had a record in a file of its own;
//                       from version 3 on
//   expiring/           a store with values that expire, some of which have when it is read; from
//                       version 3 on
//   closed.sizes, ...   a line for each file: its size and its path
//   closed.answers, ... what reading everything must give, as text
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/simulation/disk_image.h"

namespace aurora::formats {

// One database, or store.
struct GoldenDatabase {
  DiskImage image;      // holds it in /db
  std::string answers;  // of all documents and of some queries
};

inline constexpr const char* kGoldenNames[] = {"closed",   "killed", "store",
                                               "ingested", "large",  "expiring"};
GoldenDatabase MakeGolden(const std::string& name);

// Opens the golden database of that name, reads all of it, and closes it: what is there afterwards.
absl::StatusOr<GoldenDatabase> ReadAnswers(const std::string& name, const DiskImage& image);

// `directory` must exist and `name` not be in it.
absl::Status WriteGolden(const GoldenDatabase& database, const std::string& directory,
                         const std::string& name);
absl::StatusOr<GoldenDatabase> ReadGolden(const std::string& directory, const std::string& name);

}  // namespace aurora::formats
