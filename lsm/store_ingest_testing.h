// A proof that nothing is ingested unread.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace aurora::lsm {

// Flips a random bit of a table between the time that it is written and the time that it is
// ingested. Internal if it is taken all the same.
absl::Status TryDamagedIngestion(std::uint64_t seed);

}  // namespace aurora::lsm
