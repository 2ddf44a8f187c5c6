// When a value expires, and the form of a Put that is more than its value.
//
// An entry of EntryKind::kSeparatedPut does not hold its value as it is. What stands there:
//
//   bits 63, 62 of the first 8 bytes (little-endian)
//     0, 0   the handle of a value in a value file (ValueHandle), which begins with a file's id
//     1, 0   bits 0 to 61: when it expires; then the value
//     1, 1   the same; then the handle
//
// Times are milliseconds since 1970 by the wall clock. A value is seen while the time is below its
// expiry. So an expiry of 0 or less, which cannot be stored, is as good as 1.
//
// Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace aurora::lsm {

using Expiry = std::int64_t;
// The largest that can be stored, and what a time to live is that goes beyond it.
inline constexpr Expiry kNeverExpires = (std::int64_t{1} << 62) - 1;
inline constexpr std::size_t kExpiryBytes = 8;

Expiry ToExpiry(absl::Time time);
absl::Time FromExpiry(Expiry expiry);
// The time `time_to_live` after `now`; at least 1, at most kNeverExpires.
Expiry ExpiryAfter(absl::Time now, absl::Duration time_to_live);

// Writes kExpiryBytes, behind which the value follows, or its handle.
void StoreExpiry(char* out, Expiry expiry, bool is_separated);

// What an entry of EntryKind::kSeparatedPut holds.
struct PutForm {
  Expiry expiry = kNeverExpires;
  bool is_separated = false;
  std::string_view content;  // the value, or its handle

  bool expires() const { return expiry != kNeverExpires; }
};
// Never fails: what is no form at all is one with a handle that is none.
PutForm ParsePutForm(std::string_view bytes);

}  // namespace aurora::lsm
