#include "aurora/engine/document/timestamp.h"

#include <limits>

#include "absl/time/time.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

// The longest text that can be RFC 3339 with a six-digit year and 15 digits of a second.
constexpr std::size_t kTextLengthMax = 48;

}  // namespace

Timestamp Timestamp::FromTime(absl::Time time) {
  if (time >= absl::FromUnixMicros(kMax)) return {kMax};
  if (time <= absl::FromUnixMicros(kMin)) return {kMin};
  return {absl::ToUnixMicros(time)};
}

absl::Time Timestamp::ToTime() const { return absl::FromUnixMicros(micros); }

std::string Timestamp::ToString() const {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E*SZ", ToTime(), absl::UTCTimeZone());
}

absl::StatusOr<Timestamp> Timestamp::Parse(std::string_view text) {
  // absl also reads "infinite-future" and surrounding space, which are no times of ours.
  const bool plausible = !text.empty() && text.size() <= kTextLengthMax &&
                         (text.front() == '-' || (text.front() >= '0' && text.front() <= '9')) &&
                         (text.back() == 'Z' || (text.back() >= '0' && text.back() <= '9'));
  absl::Time time;
  std::string error;
  if (!plausible || !absl::ParseTime("%Y-%m-%d%ET%H:%M:%E*S%Ez", ToAbsl(text), absl::UTCTimeZone(),
                                     &time, &error)) {
    return InvalidArgumentError(Quoted(text), " is not a timestamp: expected RFC 3339, such as ",
                                "2024-02-29T12:00:00.25Z");
  }
  if (time > absl::FromUnixMicros(kMax) || time < absl::FromUnixMicros(kMin)) {
    return InvalidArgumentError("timestamp ", Quoted(text),
                                " is more than 292,000 years away from 1970");
  }
  return Timestamp{absl::ToUnixMicros(time)};
}

}  // namespace aurora
