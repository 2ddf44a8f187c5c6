// What a schema says of a field beside its name and type. Attributes are joined with |:
//
//   Schema().Int64("age", kRequired | AtLeast(0) | AtMost(150))
//           .String("state", kIndexed | OneOf({"open", "closed"}) | Default("open"))
//
// A field without attributes may be missing, and may not be null.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/engine/document/value.h"

namespace aurora {

// The numbers are persisted.
enum FieldFlag : std::uint32_t {
  // Every document has the field; it is not null unless it is nullable too.
  kRequired = 1 << 0,
  // The field may be null.
  kNullable = 1 << 1,
  // No two documents have the same value. Missing and null do not count.
  kUnique = 1 << 2,
  // Queries find documents by the field without a scan; of an array, by each of its items.
  kIndexed = 1 << 3,
  // Full-text search. Reserved: Schema::Validate refuses it.
  kText = 1 << 4,
  // NaN may be stored, in free-form values too. It then sorts before all numbers.
  kAllowNaN = 1 << 5,
};
inline constexpr std::uint32_t kAllFieldFlags = (1 << 6) - 1;

// Forms of text that are checked at write. The numbers are persisted.
enum class TextFormat : std::uint8_t {
  kEmail = 1,     // local@domain, as HTML's input fields take it
  kUri = 2,       // RFC 3986 with a scheme
  kHostname = 3,  // RFC 1123
  kIpv4 = 4,
  kIpv6 = 5,
  kDate = 6,      // 2024-02-29
  kTime = 7,      // 23:59:59, with an optional fraction
  kDateTime = 8,  // RFC 3339
  kUuid = 9,
  kPhone = 10,  // E.164: +41446681800
};
inline constexpr int kTextFormatCount = 10;

// "email", "uri", "hostname", "ipv4", "ipv6", "date", "time", "date-time", "uuid", "phone".
std::string_view TextFormatName(TextFormat format);
std::optional<TextFormat> ParseTextFormatName(std::string_view name);

enum class OnDelete : std::uint8_t { kRestrict, kCascade, kSetNull };

// The field holds the id of a document of another collection. Reserved: Schema::Validate refuses
// it.
struct FieldReference {
  std::string collection;
  OnDelete on_delete = OnDelete::kRestrict;

  friend bool operator==(const FieldReference&, const FieldReference&) = default;
};

struct FieldAttributes {
  FieldAttributes() = default;
  FieldAttributes(FieldFlag flag) : flags(flag) {}

  bool Has(FieldFlag flag) const { return (flags & flag) != 0; }

  std::uint32_t flags = 0;
  // What a document gets that is written without the field, and what one shows that was written
  // before the field was added.
  std::optional<Value> default_value;
  // Inclusive; of int64, double and timestamp.
  std::optional<Value> min;
  std::optional<Value> max;
  // Inclusive; code points of strings, bytes of bytes, items of arrays.
  std::optional<std::uint64_t> min_length;
  std::optional<std::uint64_t> max_length;
  // If not empty, the only values allowed.
  std::vector<Value> one_of;
  // RE2 syntax; the whole string must match.
  std::optional<std::string> pattern;
  std::optional<TextFormat> format;
  std::optional<FieldReference> reference;

  friend bool operator==(const FieldAttributes&, const FieldAttributes&) = default;
};

// What either says; where both give a value, the right one's.
FieldAttributes operator|(FieldAttributes a, const FieldAttributes& b);
inline FieldAttributes operator|(FieldFlag a, FieldFlag b) {
  return FieldAttributes(a) | FieldAttributes(b);
}

FieldAttributes Default(Value value);
FieldAttributes AtLeast(Value min);
FieldAttributes AtMost(Value max);
FieldAttributes MinLength(std::uint64_t length);
FieldAttributes MaxLength(std::uint64_t length);
FieldAttributes OneOf(std::initializer_list<Value> values);
FieldAttributes Pattern(std::string regular_expression);
FieldAttributes HasFormat(TextFormat format);
FieldAttributes References(std::string collection, OnDelete on_delete = OnDelete::kRestrict);

}  // namespace aurora
