// Golden directories: databases of each format version, kept in the repository, with what they must
// be found to hold.
//
// A golden directory is made in the simulator, so making it again with the same code gives the same
// bytes. It holds a few files:
//
//   closed/, killed/    the files of two databases, without the zeros at the end of each file
//   closed.sizes, ...   a line for each file: its size and its path
//   closed.answers, ... what reading everything must give, as text
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/simulation/disk_image.h"

namespace aurora::formats {

// One database.
struct GoldenDatabase {
  DiskImage image;      // holds it in /db
  std::string answers;  // of all documents and of some queries
};

// Makes the database that is closed, or the one whose process was killed.
GoldenDatabase MakeGolden(bool killed);

// Opens the database of the image, reads all of it, and closes it.
absl::StatusOr<std::string> ReadAnswers(const DiskImage& image);

// `directory` must exist and `name` not be in it.
absl::Status WriteGolden(const GoldenDatabase& database, const std::string& directory,
                         const std::string& name);
absl::StatusOr<GoldenDatabase> ReadGolden(const std::string& directory, const std::string& name);

}  // namespace aurora::formats
