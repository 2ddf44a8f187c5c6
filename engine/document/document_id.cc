#include "aurora/engine/document/document_id.h"

#include <algorithm>
#include <charconv>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/document/utf8.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr std::uint64_t kMillisMax = (std::uint64_t{1} << 48) - 1;
constexpr std::uint64_t kVersion7 = 7;
constexpr std::uint64_t kVariant = 2;
constexpr int kRandomBits = 26;
constexpr int kRowIdLowBits = 36;

Uuid MakeUuid(std::uint64_t millis, std::uint64_t row_id, std::uint64_t random_bits) {
  AURORA_CHECK(millis <= kMillisMax);
  AURORA_CHECK(row_id <= kRowIdMax);
  const std::uint64_t row_id_low = row_id & ((std::uint64_t{1} << kRowIdLowBits) - 1);
  const std::uint64_t random = random_bits & ((std::uint64_t{1} << kRandomBits) - 1);
  return Uuid::FromHalves(millis << 16 | kVersion7 << 12 | row_id >> kRowIdLowBits,
                          kVariant << 62 | row_id_low << kRandomBits | random);
}

std::optional<std::int64_t> ParseInteger(std::string_view text) {
  std::int64_t number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool IsPlain(char c) { return static_cast<std::uint8_t>(c) >= 0x20 && c != 0x7F; }

// Without quotes only what cannot be taken for anything else.
bool NeedsQuotes(std::string_view text) {
  return text.empty() || text.front() == '"' || text.front() == ' ' || text.back() == ' ' ||
         ParseInteger(text).has_value() || Uuid::Parse(text).ok() ||
         !std::all_of(text.begin(), text.end(), IsPlain);
}

std::string InQuotes(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted.push_back('\\');
      quoted.push_back(c);
    } else if (IsPlain(c)) {
      quoted.push_back(c);
    } else {
      quoted.append("\\x");
      quoted.push_back(kHex[static_cast<std::uint8_t>(c) >> 4]);
      quoted.push_back(kHex[static_cast<std::uint8_t>(c) & 15]);
    }
  }
  quoted.push_back('"');
  return quoted;
}

std::optional<std::string> WithoutQuotes(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.back() != '"') return std::nullopt;
  std::string_view rest = quoted.substr(1, quoted.size() - 2);
  std::string text;
  while (!rest.empty()) {
    if (rest[0] == '"') return std::nullopt;
    if (rest[0] != '\\') {
      text.push_back(rest[0]);
      rest.remove_prefix(1);
    } else if (rest.size() >= 2 && (rest[1] == '"' || rest[1] == '\\')) {
      text.push_back(rest[1]);
      rest.remove_prefix(2);
    } else if (rest.size() >= 4 && rest[1] == 'x') {
      std::uint8_t byte;
      const auto [end, error] = std::from_chars(rest.data() + 2, rest.data() + 4, byte, 16);
      if (error != std::errc() || end != rest.data() + 4) return std::nullopt;
      text.push_back(static_cast<char>(byte));
      rest.remove_prefix(4);
    } else {
      return std::nullopt;
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<DocumentId> DocumentId::FromValue(const ValueView& value,
                                                 const DocumentLimits& limits) {
  switch (value.type()) {
    case Type::kInt64:
      return DocumentId(value.AsInt64());
    case Type::kUuid:
      return DocumentId(value.AsUuid());
    case Type::kString: {
      const std::string_view text = value.AsString();
      if (text.empty()) return InvalidArgumentError("an id must not be the empty string");
      if (!IsValidUtf8(text)) {
        return InvalidArgumentError("id ", Quoted(text), " is not valid UTF-8 at byte ",
                                    ValidUtf8Prefix(text));
      }
      DocumentId id(text);
      if (const std::size_t size = id.EncodedKey().size(); size > limits.key_bytes_max) {
        return ResourceExhaustedError("id ", Quoted(text), " takes ", size,
                                      " bytes as a key; the limit is ", limits.key_bytes_max);
      }
      return id;
    }
    default:
      return InvalidArgumentError("an id must be a string, an int64 or a uuid, but ",
                                  DebugString(value), " is of type ", TypeName(value.type()));
  }
}

ValueView DocumentId::ToValue() const {
  if (const auto* uuid = std::get_if<Uuid>(&rep_)) return *uuid;
  if (const auto* number = std::get_if<std::int64_t>(&rep_)) return *number;
  return std::get<std::string>(rep_);
}

std::string DocumentId::EncodedKey() const { return EncodeKey(ToValue()); }

absl::StatusOr<DocumentId> DocumentId::FromEncodedKey(std::string_view key) {
  AURORA_ASSIGN_OR_RETURN(const Value value, DecodeKey(key));
  auto id = FromValue(value, DocumentLimits::Absolute());
  if (!id.ok()) return DataLossError("the key of a document holds no id: ", id.status().message());
  return id;
}

std::string DocumentId::ToString() const {
  if (const auto* uuid = std::get_if<Uuid>(&rep_)) return uuid->ToString();
  if (const auto* number = std::get_if<std::int64_t>(&rep_)) return StrCat(*number);
  const std::string& text = std::get<std::string>(rep_);
  return NeedsQuotes(text) ? InQuotes(text) : text;
}

absl::StatusOr<DocumentId> DocumentId::Parse(std::string_view text, const DocumentLimits& limits) {
  if (!text.empty() && text.front() == '"') {
    const std::optional<std::string> unquoted = WithoutQuotes(text);
    if (!unquoted.has_value()) {
      return InvalidArgumentError("id ", Quoted(text),
                                  " begins with a quote but is not well quoted");
    }
    return FromValue(*unquoted, limits);
  }
  if (const auto number = ParseInteger(text); number.has_value()) return DocumentId(*number);
  if (const auto uuid = Uuid::Parse(text); uuid.ok()) return DocumentId(*uuid);
  return FromValue(text, limits);
}

std::optional<std::uint64_t> DocumentId::EmbeddedRowId() const {
  const auto* uuid = std::get_if<Uuid>(&rep_);
  if (uuid == nullptr) return std::nullopt;
  const std::uint64_t high = uuid->High();
  const std::uint64_t low = uuid->Low();
  if ((high >> 12 & 15) != kVersion7 || low >> 62 != kVariant) return std::nullopt;
  const std::uint64_t row_id_low = low << 2 >> (2 + kRandomBits);
  return (high & 0xFFF) << kRowIdLowBits | row_id_low;
}

DocumentId DocumentIdGenerator::Generate(absl::Time now, std::uint64_t random_bits,
                                         std::uint64_t row_id) {
  AURORA_CHECK(row_id <= kRowIdMax);
  const std::int64_t wall = std::max<std::int64_t>(absl::ToUnixMillis(now), 0);
  std::uint64_t millis = std::min(static_cast<std::uint64_t>(wall), kMillisMax);
  {
    const std::lock_guard lock(mutex_);
    if (has_last_) {
      millis = std::max(millis, last_millis_);
      // At the end of time, in the year 10889, order gives way to uniqueness.
      if (millis == last_millis_ && row_id <= last_row_id_ && millis < kMillisMax) ++millis;
    }
    has_last_ = true;
    last_millis_ = millis;
    last_row_id_ = row_id;
  }
  const DocumentId id(MakeUuid(millis, row_id, random_bits));
  AURORA_DCHECK(id.EmbeddedRowId() == row_id);
  return id;
}

}  // namespace aurora
