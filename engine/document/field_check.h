// Whether a value may be stored in a field, and the message if not.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/value_view.h"

namespace aurora::internal {

// The way to a value within a document, as a list from the inside out, on the stack of who walks
// it.
struct Path {
  const Path* parent = nullptr;
  std::string_view name = {};  // of a member
  std::int64_t index = -1;     // of an item, if not negative

  // "address.city", "tags[3]", "" for the document.
  std::string ToString() const;
};

// "field \"tags[3]\"", or "the document".
std::string FieldAt(const Path& path);

// "field \"price\": expected double, got string \"abc\"".
absl::Status WrongType(const Path& path, std::string_view expected, const ValueView& value);

// That `value`, which is not null, can be stored in the field, numbers converted where that is
// exact, and keeps the field's rules. What is within arrays and objects is not looked at.
absl::Status CheckFieldValue(const FieldLayout& field, const ValueView& value, const Path& path);

// The same of a scalar item of an array of `type`.
absl::Status CheckItem(DeclaredType type, bool allow_nan, const ValueView& value, const Path& path);

// What needs no schema: strings are UTF-8, NaN is refused unless allowed.
absl::Status CheckFreeValue(const ValueView& value, bool allow_nan, const Path& path);

// The number as the field's type stores it; the value has been checked.
std::uint64_t Int64Bits(const ValueView& value);
std::uint64_t DoubleBits(const ValueView& value);
inline std::uint64_t TimestampBits(const ValueView& value) {
  return static_cast<std::uint64_t>(value.AsTimestamp().micros);
}

}  // namespace aurora::internal
