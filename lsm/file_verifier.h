// Compares the contents of a whole file with what is known of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/patient_file.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Something wrong at a place of a file.
struct FileDamage {
  FileRange where;
  std::string what;
};

struct FileFigures {
  std::uint64_t size_bytes = 0;
  std::uint64_t hash = 0;  // XXH3-64 of the whole file
};

// Reads all of the file, and adds to `damage`, which must outlive the task, what the device cannot
// read and what is not as `figures` say, if there are any. Returns the size. Only a file that
// cannot be opened is an error.
Task<absl::StatusOr<std::uint64_t>> VerifyWholeFile(FileSystem* files, std::string path,
                                                    std::optional<FileFigures> figures,
                                                    std::vector<FileDamage>* damage);

}  // namespace aurora::lsm
