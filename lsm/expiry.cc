#include "aurora/lsm/expiry.h"

#include <algorithm>

#include "aurora/lsm/coding.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kExpires = std::uint64_t{1} << 63;
constexpr std::uint64_t kSeparated = std::uint64_t{1} << 62;

}  // namespace

Expiry ToExpiry(absl::Time time) {
  return std::clamp<std::int64_t>(absl::ToUnixMillis(time), 1, kNeverExpires);
}

absl::Time FromExpiry(Expiry expiry) {
  return expiry == kNeverExpires ? absl::InfiniteFuture() : absl::FromUnixMillis(expiry);
}

// Both sums and conversions of Abseil saturate.
Expiry ExpiryAfter(absl::Time now, absl::Duration time_to_live) {
  return ToExpiry(now + time_to_live);
}

void StoreExpiry(char* out, Expiry expiry, bool is_separated) {
  const auto bits = static_cast<std::uint64_t>(std::clamp<Expiry>(expiry, 1, kNeverExpires));
  StoreFixed(out, bits | kExpires | (is_separated ? kSeparated : 0));
}

PutForm ParsePutForm(std::string_view bytes) {
  PutForm form;
  form.is_separated = true;
  form.content = bytes;
  if (bytes.size() < kExpiryBytes) return form;
  const auto word = LoadFixed<std::uint64_t>(bytes.data());
  if ((word & kExpires) == 0) return form;
  form.expiry = static_cast<Expiry>(word & (kSeparated - 1));
  form.is_separated = (word & kSeparated) != 0;
  form.content = bytes.substr(kExpiryBytes);
  return form;
}

}  // namespace aurora::lsm
