#include "aurora/engine/document/value_view.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <vector>

#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

constexpr std::array<std::string_view, kTypeCount> kTypeNames = {
    "null", "bool", "int64", "double", "string", "bytes", "uuid", "timestamp", "array", "object"};

// Numbers are one kind.
int KindOf(Type type) { return static_cast<int>(type == Type::kDouble ? Type::kInt64 : type); }

std::strong_ordering Reverse(std::strong_ordering order) { return 0 <=> order; }

std::strong_ordering CompareBytes(std::string_view a, std::string_view b) {
  return a.compare(b) <=> 0;
}

std::strong_ordering CompareNumberValues(const ValueView& a, const ValueView& b) {
  if (a.type() == Type::kInt64) {
    if (b.type() == Type::kInt64) return a.AsInt64() <=> b.AsInt64();
    return CompareNumbers(a.AsInt64(), b.AsDouble());
  }
  if (b.type() == Type::kInt64) return Reverse(CompareNumbers(b.AsInt64(), a.AsDouble()));
  return CompareNumbers(a.AsDouble(), b.AsDouble());
}

std::strong_ordering CompareArrays(const ArrayView& a, const ArrayView& b) {
  const std::size_t common = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < common; ++i) {
    const std::strong_ordering order = Compare(a[i], b[i]);
    if (order != 0) return order;
  }
  return a.size() <=> b.size();
}

std::vector<MemberView> SortedMembers(const ObjectView& object) {
  std::vector<MemberView> members;
  for (const MemberView& member : object) members.push_back(member);
  std::sort(members.begin(), members.end(), [](const MemberView& a, const MemberView& b) {
    // No document holds an object with a name twice, but even such an object has one order.
    return a.name != b.name ? a.name < b.name : Compare(a.value, b.value) < 0;
  });
  return members;
}

std::strong_ordering CompareObjects(const ObjectView& a, const ObjectView& b) {
  const std::vector<MemberView> as = SortedMembers(a);
  const std::vector<MemberView> bs = SortedMembers(b);
  const std::size_t common = std::min(as.size(), bs.size());
  for (std::size_t i = 0; i < common; ++i) {
    std::strong_ordering order = CompareBytes(as[i].name, bs[i].name);
    if (order == 0) order = Compare(as[i].value, bs[i].value);
    if (order != 0) return order;
  }
  return as.size() <=> bs.size();
}

void AppendDouble(double value, std::string* out) {
  if (std::isnan(value)) return StrAppend(out, "nan");
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
  AURORA_CHECK(error == std::errc());
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  out->append(text);
  // Digits alone would read as an integer.
  if (text.find_first_not_of("-0123456789") == std::string_view::npos) out->append(".0");
}

void AppendDebug(const ValueView& value, std::size_t limit, std::string* out);

void AppendDebugBytes(std::string_view bytes, std::string* out) {
  static constexpr std::size_t kShown = 32;
  static constexpr char kHex[] = "0123456789abcdef";
  out->append("bytes(");
  for (const char c : bytes.substr(0, kShown)) {
    out->push_back(kHex[static_cast<std::uint8_t>(c) >> 4]);
    out->push_back(kHex[static_cast<std::uint8_t>(c) & 15]);
  }
  if (bytes.size() > kShown) StrAppend(out, "... ", bytes.size(), " bytes");
  out->push_back(')');
}

void AppendDebugArray(const ArrayView& array, std::size_t limit, std::string* out) {
  out->push_back('[');
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (i > 0) out->append(", ");
    if (out->size() >= limit) {
      out->append("...");
      break;
    }
    AppendDebug(array[i], limit, out);
  }
  out->push_back(']');
}

void AppendDebugObject(const ObjectView& object, std::size_t limit, std::string* out) {
  out->push_back('{');
  bool first = true;
  for (const MemberView& member : object) {
    if (!first) out->append(", ");
    first = false;
    if (out->size() >= limit) {
      out->append("...");
      break;
    }
    StrAppend(out, Quoted(member.name), ": ");
    AppendDebug(member.value, limit, out);
  }
  out->push_back('}');
}

void AppendDebug(const ValueView& value, std::size_t limit, std::string* out) {
  switch (value.type()) {
    case Type::kNull:
      return StrAppend(out, "null");
    case Type::kBool:
      return StrAppend(out, value.AsBool() ? "true" : "false");
    case Type::kInt64:
      return StrAppend(out, value.AsInt64());
    case Type::kDouble:
      return AppendDouble(value.AsDouble(), out);
    case Type::kString:
      return StrAppend(out, Quoted(value.AsString(), std::max<std::size_t>(limit / 2, 64)));
    case Type::kBytes:
      return AppendDebugBytes(value.AsBytes(), out);
    case Type::kUuid:
      return StrAppend(out, "uuid(\"", value.AsUuid().ToString(), "\")");
    case Type::kTimestamp:
      return StrAppend(out, "timestamp(\"", value.AsTimestamp().ToString(), "\")");
    case Type::kArray:
      return AppendDebugArray(value.AsArray(), limit, out);
    case Type::kObject:
      return AppendDebugObject(value.AsObject(), limit, out);
  }
  AURORA_CHECK(false);
}

}  // namespace

std::string_view TypeName(Type type) {
  AURORA_CHECK(static_cast<std::size_t>(type) < kTypeNames.size());
  return kTypeNames[static_cast<std::size_t>(type)];
}

std::optional<Type> ParseTypeName(std::string_view name) {
  const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), name);
  if (found == kTypeNames.end()) return std::nullopt;
  return static_cast<Type>(found - kTypeNames.begin());
}

std::strong_ordering CompareNumbers(double a, double b) {
  const bool a_nan = std::isnan(a);
  const bool b_nan = std::isnan(b);
  if (a_nan || b_nan) return b_nan <=> a_nan;
  if (a < b) return std::strong_ordering::less;
  return a > b ? std::strong_ordering::greater : std::strong_ordering::equal;
}

std::strong_ordering CompareNumbers(std::int64_t a, double b) {
  static constexpr double kTwoTo63 = 9223372036854775808.0;
  if (std::isnan(b)) return std::strong_ordering::greater;
  if (b >= kTwoTo63) return std::strong_ordering::less;
  if (b < -kTwoTo63) return std::strong_ordering::greater;
  // Within the range, cutting the fraction off gives an int64, and both parts are exact.
  const auto whole = static_cast<std::int64_t>(b);
  if (a != whole) return a <=> whole;
  return CompareNumbers(0.0, b - static_cast<double>(whole));
}

std::strong_ordering Compare(const ValueView& a, const ValueView& b) {
  const int a_kind = KindOf(a.type());
  const int b_kind = KindOf(b.type());
  if (a_kind != b_kind) return a_kind <=> b_kind;
  switch (a.type()) {
    case Type::kNull:
      return std::strong_ordering::equal;
    case Type::kBool:
      return a.AsBool() <=> b.AsBool();
    case Type::kInt64:
    case Type::kDouble:
      return CompareNumberValues(a, b);
    case Type::kString:
      return CompareBytes(a.AsString(), b.AsString());
    case Type::kBytes:
      return CompareBytes(a.AsBytes(), b.AsBytes());
    case Type::kUuid:
      return a.AsUuid() <=> b.AsUuid();
    case Type::kTimestamp:
      return a.AsTimestamp() <=> b.AsTimestamp();
    case Type::kArray:
      return CompareArrays(a.AsArray(), b.AsArray());
    case Type::kObject:
      return CompareObjects(a.AsObject(), b.AsObject());
  }
  AURORA_CHECK(false);
}

bool Equal(const ValueView& a, const ValueView& b) { return Compare(a, b) == 0; }

std::string DebugString(const ValueView& value, std::size_t limit) {
  std::string text;
  AppendDebug(value, limit, &text);
  return text;
}

}  // namespace aurora
