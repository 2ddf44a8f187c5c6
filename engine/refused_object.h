// Tells a write that was refused for what an object is from one that failed for what the database
// or the machine is.
#pragma once

#include <cstddef>
#include <optional>

#include "absl/status/status.h"

namespace aurora {

// The index of the object for which an insert, an update or a replacement was refused: it does not
// fit the schema, is beyond a limit, or has a value that is taken. (Objects before it may have been
// fine; nothing was written.) nullopt for every other error: a full disk, a conflict, a closed
// database.
std::optional<std::size_t> RefusedObject(const absl::Status& status);

namespace engine {

// `status`, an error, as one for which RefusedObject gives `index`.
absl::Status MarkRefused(absl::Status status, std::size_t index);

}  // namespace engine
}  // namespace aurora
