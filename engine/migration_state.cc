#include "aurora/engine/migration_state.h"

#include "aurora/lsm/coding.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {

std::string EncodeMigration(const MigrationState& state) {
  std::string out;
  lsm::AppendVarint(&out, state.version);
  lsm::AppendVarint(&out, state.description.size());
  out.append(state.description);
  lsm::AppendVarint(&out, state.steps_done);
  lsm::AppendVarint(&out, state.next_row);
  lsm::AppendVarint(&out, lsm::ZigZag(state.applied_micros));
  return out;
}

absl::StatusOr<MigrationState> DecodeMigration(std::string_view bytes) {
  lsm::ByteReader reader(bytes);
  MigrationState state;
  state.version = reader.ReadVarint32();
  state.description = std::string(reader.ReadLengthPrefixed());
  state.steps_done = reader.ReadVarint32();
  state.next_row = reader.ReadVarint64();
  state.applied_micros = lsm::UnZigZag(reader.ReadVarint64());
  if (!reader.Finished() || state.version == 0) {
    return DataLossError("the state of a migration is malformed");
  }
  return state;
}

}  // namespace aurora::engine
