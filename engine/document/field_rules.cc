#include "aurora/engine/document/field_rules.h"

#include <algorithm>

#include "absl/time/civil_time.h"
#include "aurora/engine/document/timestamp.h"
#include "aurora/engine/document/utf8.h"
#include "aurora/engine/document/uuid.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"
#include "re2/re2.h"

namespace aurora {
namespace {

// A pattern of kPatternBytesMax with counted repetition can compile to much; RE2 refuses above
// this.
constexpr std::int64_t kPatternMemoryBytes = 8 << 20;

re2::StringPiece ToPiece(std::string_view text) {
  return re2::StringPiece(text.data(), text.size());
}

// Compiled on first use, kept for good.
template <class Tag>
bool FullMatch(const char* pattern, std::string_view text) {
  static const RE2& compiled = *new RE2(pattern, RE2::Quiet);
  AURORA_DCHECK(compiled.ok());
  return RE2::FullMatch(ToPiece(text), compiled);
}

bool IsEmail(std::string_view text) {
  return text.size() <= 254 &&
         FullMatch<struct Email>(
             R"([A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"
             R"((?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)",
             text);
}

bool IsUri(std::string_view text) {
  return FullMatch<struct Uri>(
      R"([A-Za-z][A-Za-z0-9+.-]*:(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)", text);
}

bool IsHostname(std::string_view text) {
  return text.size() <= 253 &&
         FullMatch<struct Hostname>(R"([A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"
                                    R"((?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*)",
                                    text);
}

bool IsIpv4(std::string_view text) {
  return FullMatch<struct Ipv4>(R"((?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.|$)){4})",
                                text) &&
         text.back() != '.';
}

// Groups of up to four digits; "::" once, for at least one group; the last two groups may be an
// IPv4 address.
bool IsIpv6(std::string_view text) {
  std::string groups(text);
  if (const std::size_t dot = groups.find('.'); dot != std::string::npos) {
    const std::size_t colon = groups.rfind(':');
    if (colon == std::string::npos || !IsIpv4(std::string_view(groups).substr(colon + 1))) {
      return false;
    }
    groups.replace(colon + 1, std::string::npos, "0:0");
  }
  const auto count = [](std::string_view list) -> std::optional<std::size_t> {
    if (list.empty()) return 0;
    if (!FullMatch<struct Groups>(R"([0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*)", list)) {
      return std::nullopt;
    }
    return static_cast<std::size_t>(std::count(list.begin(), list.end(), ':')) + 1;
  };
  const std::size_t gap = groups.find("::");
  if (gap == std::string::npos) return count(groups) == 8;
  const auto before = count(std::string_view(groups).substr(0, gap));
  const auto after = count(std::string_view(groups).substr(gap + 2));
  return before.has_value() && after.has_value() && *before + *after < 8;
}

bool IsDate(std::string_view text) {
  int year;
  int month;
  int day;
  static const RE2& shape = *new RE2(R"(([0-9]{4})-([0-9]{2})-([0-9]{2}))", RE2::Quiet);
  if (!RE2::FullMatch(ToPiece(text), shape, &year, &month, &day)) return false;
  // A day that does not exist is normalised to another one.
  const absl::CivilDay civil(year, month, day);
  return civil.month() == month && civil.day() == day;
}

bool IsTime(std::string_view text) {
  return FullMatch<struct Time>(R"((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?)",
                                text);
}

bool IsPhone(std::string_view text) {
  return FullMatch<struct Phone>(R"(\+[1-9][0-9]{1,14})", text);
}

}  // namespace

bool MatchesFormat(TextFormat format, std::string_view text) {
  switch (format) {
    case TextFormat::kEmail:
      return IsEmail(text);
    case TextFormat::kUri:
      return IsUri(text);
    case TextFormat::kHostname:
      return IsHostname(text);
    case TextFormat::kIpv4:
      return IsIpv4(text);
    case TextFormat::kIpv6:
      return IsIpv6(text);
    case TextFormat::kDate:
      return IsDate(text);
    case TextFormat::kTime:
      return IsTime(text);
    case TextFormat::kDateTime:
      return Timestamp::Parse(text).ok();
    case TextFormat::kUuid:
      return Uuid::Parse(text).ok();
    case TextFormat::kPhone:
      return IsPhone(text);
  }
  AURORA_CHECK(false);
}

absl::StatusOr<FieldRules> FieldRules::Compile(const FieldAttributes& attributes) {
  FieldRules rules;
  rules.min_ = attributes.min;
  rules.max_ = attributes.max;
  rules.min_length_ = attributes.min_length;
  rules.max_length_ = attributes.max_length;
  rules.one_of_ = attributes.one_of;
  rules.format_ = attributes.format;
  std::sort(rules.one_of_.begin(), rules.one_of_.end(),
            [](const Value& a, const Value& b) { return Compare(a, b) < 0; });
  if (attributes.pattern.has_value()) {
    const std::string& pattern = *attributes.pattern;
    if (pattern.size() > kPatternBytesMax) {
      return InvalidArgumentError("the pattern has ", pattern.size(), " bytes; the limit is ",
                                  kPatternBytesMax);
    }
    RE2::Options options(RE2::Quiet);
    options.set_max_mem(kPatternMemoryBytes);
    auto compiled = std::make_shared<const RE2>(pattern, options);
    if (!compiled->ok()) {
      return InvalidArgumentError("pattern ", Quoted(pattern),
                                  " is no regular expression of RE2: ", compiled->error());
    }
    rules.pattern_ = std::move(compiled);
  }
  rules.has_rules_ = rules.min_.has_value() || rules.max_.has_value() ||
                     rules.min_length_.has_value() || rules.max_length_.has_value() ||
                     !rules.one_of_.empty() || rules.format_.has_value() ||
                     rules.pattern_ != nullptr;
  return rules;
}

std::optional<std::string> FieldRules::LengthViolation(const ValueView& value) const {
  std::size_t length = 0;
  std::string_view unit;
  switch (value.type()) {
    case Type::kString:
      length = Utf8Length(value.AsString());
      unit = " characters";
      break;
    case Type::kBytes:
      length = value.AsBytes().size();
      unit = " bytes";
      break;
    case Type::kArray:
      length = value.AsArray().size();
      unit = " items";
      break;
    default:
      return std::nullopt;
  }
  if (min_length_.has_value() && length < *min_length_) {
    return StrCat("has ", length, unit, ", fewer than the minimum, ", *min_length_);
  }
  if (max_length_.has_value() && length > *max_length_) {
    return StrCat("has ", length, unit, ", more than the maximum, ", *max_length_);
  }
  return std::nullopt;
}

std::optional<std::string> FieldRules::Violation(const ValueView& value) const {
  if (!has_rules_) return std::nullopt;
  if (min_.has_value() && Compare(value, *min_) < 0) {
    return StrCat("is less than the minimum, ", DebugString(*min_));
  }
  if (max_.has_value() && Compare(value, *max_) > 0) {
    return StrCat("is more than the maximum, ", DebugString(*max_));
  }
  if (min_length_.has_value() || max_length_.has_value()) {
    if (auto violation = LengthViolation(value); violation.has_value()) return violation;
  }
  if (!one_of_.empty()) {
    const bool allowed = std::binary_search(
        one_of_.begin(), one_of_.end(), value,
        [](const ValueView& a, const ValueView& b) { return Compare(a, b) < 0; });
    if (!allowed) return StrCat("is not one of ", DebugString(Value(Array(one_of_))));
  }
  if (format_.has_value() && !MatchesFormat(*format_, value.AsString())) {
    return StrCat("is not of the format ", TextFormatName(*format_));
  }
  if (pattern_ != nullptr && !RE2::FullMatch(ToPiece(value.AsString()), *pattern_)) {
    return StrCat("does not match the pattern ", Quoted(pattern_->pattern(), 256));
  }
  return std::nullopt;
}

}  // namespace aurora
