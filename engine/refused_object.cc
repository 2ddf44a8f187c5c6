#include "aurora/engine/refused_object.h"

#include <charconv>
#include <string>
#include <string_view>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr std::string_view kPayload = "aurora/refused-object";

}  // namespace

std::optional<std::size_t> RefusedObject(const absl::Status& status) {
  const std::optional<std::string> digits = PayloadOf(status, kPayload);
  if (!digits.has_value()) return std::nullopt;
  std::size_t index = 0;
  const auto result = std::from_chars(digits->data(), digits->data() + digits->size(), index);
  AURORA_CHECK(result.ec == std::errc());
  return index;
}

absl::Status engine::MarkRefused(absl::Status status, std::size_t index) {
  return WithPayload(std::move(status), kPayload, StrCat(index));
}

}  // namespace aurora
