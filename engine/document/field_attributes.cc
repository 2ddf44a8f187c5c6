#include "aurora/engine/document/field_attributes.h"

#include <algorithm>
#include <array>

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

constexpr std::array<std::string_view, kTextFormatCount> kTextFormatNames = {
    "email", "uri", "hostname", "ipv4", "ipv6", "date", "time", "date-time", "uuid", "phone"};

template <class T>
void Override(std::optional<T>* a, const std::optional<T>& b) {
  if (b.has_value()) *a = b;
}

}  // namespace

std::string_view TextFormatName(TextFormat format) {
  const std::size_t index = static_cast<std::size_t>(format) - 1;
  AURORA_CHECK(index < kTextFormatNames.size());
  return kTextFormatNames[index];
}

std::optional<TextFormat> ParseTextFormatName(std::string_view name) {
  const auto found = std::find(kTextFormatNames.begin(), kTextFormatNames.end(), name);
  if (found == kTextFormatNames.end()) return std::nullopt;
  return static_cast<TextFormat>(found - kTextFormatNames.begin() + 1);
}

FieldAttributes operator|(FieldAttributes a, const FieldAttributes& b) {
  a.flags |= b.flags;
  Override(&a.default_value, b.default_value);
  Override(&a.min, b.min);
  Override(&a.max, b.max);
  Override(&a.min_length, b.min_length);
  Override(&a.max_length, b.max_length);
  if (!b.one_of.empty()) a.one_of = b.one_of;
  Override(&a.pattern, b.pattern);
  Override(&a.format, b.format);
  Override(&a.reference, b.reference);
  return a;
}

FieldAttributes Default(Value value) {
  FieldAttributes attributes;
  attributes.default_value = std::move(value);
  return attributes;
}

FieldAttributes AtLeast(Value min) {
  FieldAttributes attributes;
  attributes.min = std::move(min);
  return attributes;
}

FieldAttributes AtMost(Value max) {
  FieldAttributes attributes;
  attributes.max = std::move(max);
  return attributes;
}

FieldAttributes MinLength(std::uint64_t length) {
  FieldAttributes attributes;
  attributes.min_length = length;
  return attributes;
}

FieldAttributes MaxLength(std::uint64_t length) {
  FieldAttributes attributes;
  attributes.max_length = length;
  return attributes;
}

FieldAttributes OneOf(std::initializer_list<Value> values) {
  FieldAttributes attributes;
  attributes.one_of = values;
  return attributes;
}

FieldAttributes Pattern(std::string regular_expression) {
  FieldAttributes attributes;
  attributes.pattern = std::move(regular_expression);
  return attributes;
}

FieldAttributes HasFormat(TextFormat format) {
  FieldAttributes attributes;
  attributes.format = format;
  return attributes;
}

FieldAttributes References(std::string collection, OnDelete on_delete) {
  FieldAttributes attributes;
  attributes.reference = FieldReference{std::move(collection), on_delete};
  return attributes;
}

}  // namespace aurora
