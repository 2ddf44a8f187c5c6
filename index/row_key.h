// The bytes of a row id as a key: big-endian, so that a scan meets rows in the order of their
// insertion.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/index/row_set.h"

namespace aurora::index {

inline constexpr std::size_t kRowKeyBytes = 6;
std::string RowKey(RowId row);
// DataLoss if it is not one.
absl::StatusOr<RowId> ParseRowKey(std::string_view key);

}  // namespace aurora::index
