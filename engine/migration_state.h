// How far a migration is, as the log and the saved state hold it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace aurora::engine {

struct MigrationState {
  std::uint32_t version = 0;
  std::string description;
  std::uint32_t steps_done = 0;
  std::uint64_t next_row = 0;       // of the step that is not done
  std::int64_t applied_micros = 0;  // the tick of the commit that completed it; 0: none has
  bool applied() const { return applied_micros != 0; }
};

//   varint version, bytes description, varint steps done, varint next row, varint applied (zigzag)
std::string EncodeMigration(const MigrationState& state);
// DataLoss if the bytes are none.
absl::StatusOr<MigrationState> DecodeMigration(std::string_view bytes);

}  // namespace aurora::engine
