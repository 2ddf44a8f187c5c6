// Compares all parts of a table with each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/table_format.h"
#include "aurora/lsm/table_properties.h"
#include "aurora/lsm/table_survey.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct TableVerdict {
  std::vector<FileDamage> damage;
  std::uint64_t file_bytes = 0;
  std::uint64_t block_count = 0;
  std::uint64_t entry_count = 0;
  std::vector<TableValues> values;  // what its entries name
};

// Reads the file twice: as a whole, to hash it, and block by block. `info` is what the manifest
// says of it, if it does. Only a file that cannot be opened is an error.
Task<absl::StatusOr<TableVerdict>> VerifyTable(FileSystem* files, std::string path,
                                               TableIdentity identity,
                                               std::optional<TableInfo> info);

}  // namespace aurora::lsm
