// A UUID: 16 bytes, compared as bytes, which is also the order of its text.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace aurora {

struct Uuid {
  // In the order of the text: bytes[0] is the first two digits.
  std::array<std::uint8_t, 16> bytes{};

  // From and to the two halves as big-endian numbers.
  static Uuid FromHalves(std::uint64_t high, std::uint64_t low);
  std::uint64_t High() const;
  std::uint64_t Low() const;

  // "0190163d-8694-739b-aea5-966c26f8ad91": 36 characters, lower case.
  std::string ToString() const;
  // Exactly that form, in either case. Else InvalidArgument.
  static absl::StatusOr<Uuid> Parse(std::string_view text);

  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

}  // namespace aurora
