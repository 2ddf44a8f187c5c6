#include "aurora/engine/document/field_check.h"

#include <bit>
#include <cmath>
#include <limits>

#include "aurora/engine/document/utf8.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

bool IsNaN(const ValueView& value) {
  return value.type() == Type::kDouble && std::isnan(value.AsDouble());
}

// Whether `value` can be stored as `type` without loss.
bool Converts(const ValueView& value, Type type) {
  if (value.type() == type) return true;
  if (type == Type::kInt64 && value.type() == Type::kDouble) {
    const double number = value.AsDouble();
    return number >= -kTwoTo63 && number < kTwoTo63 && number == std::trunc(number);
  }
  if (type == Type::kDouble && value.type() == Type::kInt64) {
    const std::int64_t number = value.AsInt64();
    return CompareNumbers(number, static_cast<double>(number)) == 0;
  }
  return false;
}

}  // namespace

std::string Path::ToString() const {
  std::string text;
  if (parent != nullptr) text = parent->ToString();
  if (index >= 0) {
    StrAppend(&text, "[", index, "]");
  } else if (parent != nullptr) {
    StrAppend(&text, text.empty() ? "" : ".", name);
  }
  return text;
}

std::string FieldAt(const Path& path) {
  const std::string text = path.ToString();
  return text.empty() ? "the document" : StrCat("field ", Quoted(text, 256));
}

absl::Status WrongType(const Path& path, std::string_view expected, const ValueView& value) {
  std::string found(TypeName(value.type()));
  if (!value.is_null()) StrAppend(&found, " ", DebugString(value, 64));
  return InvalidArgumentError(FieldAt(path), ": expected ", expected, ", got ", found);
}

absl::Status CheckFreeValue(const ValueView& value, bool allow_nan, const Path& path) {
  if (value.type() == Type::kString && !IsValidUtf8(value.AsString())) {
    return InvalidArgumentError(FieldAt(path), ": the string ", Quoted(value.AsString()),
                                " is not valid UTF-8 at byte ", ValidUtf8Prefix(value.AsString()),
                                "; what is not text goes into a field of type bytes");
  }
  if (IsNaN(value) && !allow_nan) {
    return InvalidArgumentError(FieldAt(path), ": NaN, which the field does not allow (kAllowNaN)");
  }
  return absl::OkStatus();
}

absl::Status CheckItem(DeclaredType type, bool allow_nan, const ValueView& value,
                       const Path& path) {
  if (type.has_value() && !Converts(value, *type)) {
    return WrongType(path, TypeName(*type), value);
  }
  return CheckFreeValue(value, allow_nan, path);
}

absl::Status CheckFieldValue(const FieldLayout& field, const ValueView& value, const Path& path) {
  if (field.schema.type.has_value() && !Converts(value, *field.schema.type)) {
    return WrongType(path, field.schema.TypeText(), value);
  }
  AURORA_RETURN_IF_ERROR(CheckFreeValue(value, field.schema.attributes.Has(kAllowNaN), path));
  if (field.rules.empty()) return absl::OkStatus();
  if (const auto violation = field.rules.Violation(value); violation.has_value()) {
    return InvalidArgumentError(FieldAt(path), ": ", DebugString(value, 64), " ", *violation);
  }
  return absl::OkStatus();
}

std::uint64_t Int64Bits(const ValueView& value) {
  const std::int64_t number =
      value.type() == Type::kInt64 ? value.AsInt64() : static_cast<std::int64_t>(value.AsDouble());
  return static_cast<std::uint64_t>(number);
}

std::uint64_t DoubleBits(const ValueView& value) {
  const double number = value.ToDouble();
  return std::bit_cast<std::uint64_t>(std::isnan(number) ? std::numeric_limits<double>::quiet_NaN()
                                                         : number);
}

}  // namespace aurora::internal
