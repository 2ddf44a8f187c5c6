// A point in time: microseconds since 1970-01-01T00:00:00Z, UTC, without leap seconds.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace aurora {

struct Timestamp {
  std::int64_t micros = 0;

  // Rounds towards the infinite past to whole microseconds; times that 64 bits of microseconds
  // cannot hold (some 292,000 years from 1970) become the nearest that they can.
  static Timestamp FromTime(absl::Time time);
  absl::Time ToTime() const;

  // RFC 3339 in UTC, with as many digits of the second as needed: "2024-02-29T12:00:00.25Z".
  std::string ToString() const;
  // RFC 3339 with any offset: "2024-02-29T13:00:00.25+01:00". Digits below the microsecond are cut.
  // Else InvalidArgument.
  static absl::StatusOr<Timestamp> Parse(std::string_view text);

  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

}  // namespace aurora
