#include "aurora/index/row_key.h"

#include "aurora/runtime/status.h"

namespace aurora::index {

std::string RowKey(RowId row) {
  std::string key(kRowKeyBytes, '\0');
  for (std::size_t i = kRowKeyBytes; i-- > 0; row >>= 8) key[i] = static_cast<char>(row);
  return key;
}

absl::StatusOr<RowId> ParseRowKey(std::string_view key) {
  if (key.size() != kRowKeyBytes) return DataLossError("a row key of ", key.size(), " bytes");
  RowId row = 0;
  for (const char byte : key) row = row << 8 | static_cast<unsigned char>(byte);
  return row;
}

}  // namespace aurora::index
