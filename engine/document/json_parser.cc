#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "aurora/engine/document/json.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/status.h"
#include "nlohmann/json.hpp"

namespace aurora {
namespace {

constexpr std::string_view kObjectTag = "$object";

// "line 3, column 14". Columns count bytes.
std::string PlaceOf(std::string_view text, std::size_t offset, std::uint64_t first_line) {
  const std::string_view before = text.substr(0, offset);
  std::uint64_t line = first_line;
  std::size_t line_begin = 0;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != '\n') continue;
    ++line;
    line_begin = i + 1;
  }
  return StrCat("line ", line, ", column ", offset - line_begin + 1);
}

// What the parser reads from; tells how far it has come.
class Cursor {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Cursor() = default;
  Cursor(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Cursor& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Cursor operator++(int) {
    const Cursor before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Cursor& other) const { return at_ == other.at_; }

 private:
  const char* at_ = nullptr;
  const char** reached_ = nullptr;
};

// Whether the digits in `raw`, an integer, are exactly `value`.
bool IsExactly(const std::string& raw, double value) {
  char digits[400];
  std::snprintf(digits, sizeof(digits), "%.0f", value);
  return raw == digits;
}

// Builds the value from the parser's events. Its callbacks return false to stop, with status_ set.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  Builder(std::string_view text, const DocumentLimits& limits, std::uint64_t first_line)
      : text_(text), first_line_(first_line), reached_(text.data()), limits_(limits) {}

  Cursor begin() { return Cursor(text_.data(), &reached_); }
  Cursor end() { return Cursor(text_.data() + text_.size(), &reached_); }

  absl::StatusOr<Value> Take() {
    if (!status_.ok()) return status_;
    AURORA_CHECK(stack_.empty() && done_);
    return std::move(result_);
  }
  const absl::Status& status() const { return status_; }

  bool null() override { return Put(Value()); }
  bool boolean(bool value) override { return Put(value); }
  bool number_integer(std::int64_t value) override { return Put(value); }
  bool number_unsigned(std::uint64_t value) override {
    constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (value <= kMax) return Put(static_cast<std::int64_t>(value));
    const auto number = static_cast<double>(value);
    return PutInteger(number, std::to_string(value));
  }
  bool number_float(double value, const std::string& raw) override {
    if (raw.find_first_of(".eE") == std::string::npos) return PutInteger(value, raw);
    return Put(value);
  }
  bool string(std::string& value) override { return Put(std::move(value)); }
  bool binary(binary_t&) override { return Fail("binary data in JSON"); }

  bool start_object(std::size_t) override {
    // What is within {"$object": ...} is meant as it stands.
    const bool literal = !stack_.empty() && stack_.back().is_object &&
                         stack_.back().object.empty() && stack_.back().name == kObjectTag;
    return Open({.is_object = true, .literal = literal});
  }
  bool start_array(std::size_t) override { return Open({.is_object = false, .literal = false}); }

  bool key(std::string& name) override {
    Frame& frame = stack_.back();
    if (frame.object.Contains(name)) {
      return Fail(StrCat("the member ", Quoted(name), " comes twice in one object"));
    }
    if (++fields_ > limits_.fields_max) {
      return Exceeded("more members", limits_.fields_max, "fields_max");
    }
    frame.name = std::move(name);
    return true;
  }

  bool end_object() override {
    Frame frame = Close();
    if (frame.object.size() == 1 && !frame.literal && !frame.holds_literal &&
        frame.object.begin()->name.starts_with('$')) {
      return EndTagged(std::move(frame));
    }
    if (frame.holds_literal && frame.object.size() == 1) {
      Value inner = std::move(*frame.object.Find(kObjectTag));
      return Put(std::move(inner));
    }
    if (frame.literal) stack_.back().holds_literal = true;
    return Put(std::move(frame.object));
  }
  bool end_array() override { return Put(Close().array); }

  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) override {
    // The library points behind what it read.
    const std::string_view what = error.what();
    const std::size_t back = TokenBytes(what, last_token);
    const std::size_t offset = position - std::min(back, position);
    status_ =
        InvalidArgumentError(Place(std::min(offset, text_.size())), ": ", Reason(error.what()),
                             offset >= text_.size() ? " (the text ends)" : "");
    return false;
  }

 private:
  struct Frame {
    bool is_object = false;
    bool literal = false;
    bool holds_literal = false;  // the object has the member "$object", a literal one
    Array array{};
    Object object{};
    std::string name{};  // of the member whose value comes next
  };

  // The size of a well-formed token that does not belong where it stands; 1 of a character.
  static std::size_t TokenBytes(std::string_view what, const std::string& last_token) {
    const auto is = [&](std::string_view kind) {
      return what.find(kind) != std::string_view::npos;
    };
    if (is("unexpected string literal") || is("unexpected number literal"))
      return last_token.size();
    if (is("unexpected true literal") || is("unexpected null literal")) return 4;
    return is("unexpected false literal") ? 5 : 1;
  }

  // The library's message without its own codes and places: "[json.exception.parse_error.101] parse
  // error at line 1, column 2: syntax error while ..." says what went wrong after the second colon.
  static std::string Reason(std::string_view what) {
    static constexpr std::string_view kColumn = "column ";
    if (const std::size_t column = what.find(kColumn); column != std::string_view::npos) {
      const std::size_t colon = what.find(": ", column);
      if (colon != std::string_view::npos) what = what.substr(colon + 2);
    } else if (const std::size_t bracket = what.find("] "); bracket != std::string_view::npos) {
      what = what.substr(bracket + 2);
    }
    // It shows the text that it was reading, however long.
    constexpr std::size_t kShown = 160;
    std::string reason = Quoted(what, kShown);
    return reason.substr(1, reason.size() - 2);
  }

  std::string Place(std::size_t offset) const { return PlaceOf(text_, offset, first_line_); }
  // The last byte that was read.
  std::size_t offset() const {
    const auto count = static_cast<std::size_t>(reached_ - text_.data());
    return count - std::min<std::size_t>(count, 1);
  }

  bool Fail(std::string_view what) {
    status_ = InvalidArgumentError(Place(offset()), ": ", what);
    return false;
  }

  bool Exceeded(std::string_view what, std::uint64_t limit, std::string_view name) {
    status_ = ResourceExhaustedError(Place(offset()), ": ", what, " than the limit of ", limit,
                                     " (", name, ")");
    return false;
  }

  bool PutInteger(double value, const std::string& raw) {
    if (IsExactly(raw, value)) return Put(value);
    return Fail(StrCat("the integer ", Quoted(raw), " fits neither int64 nor, exactly, double"));
  }

  bool Open(Frame frame) {
    if (stack_.size() >= limits_.depth_max) {
      return Exceeded("deeper nesting", limits_.depth_max, "depth_max");
    }
    stack_.push_back(std::move(frame));
    return true;
  }

  Frame Close() {
    AURORA_CHECK(!stack_.empty());
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    return frame;
  }

  bool Put(Value value) {
    if (stack_.empty()) {
      result_ = std::move(value);
      done_ = true;
      return true;
    }
    Frame& frame = stack_.back();
    if (frame.is_object) {
      const bool added = frame.object.Add(std::move(frame.name), std::move(value));
      AURORA_CHECK(added);
      frame.name.clear();
      return true;
    }
    if (frame.array.size() >= limits_.array_items_max) {
      return Exceeded("more items in an array", limits_.array_items_max, "array_items_max");
    }
    frame.array.Append(std::move(value));
    return true;
  }

  bool EndTagged(Frame frame);
  std::optional<Value> Convert(std::string_view tag, std::string_view text);

  const std::string_view text_;
  const std::uint64_t first_line_;
  const char* reached_;
  const DocumentLimits limits_;
  std::vector<Frame> stack_;
  Value result_;
  bool done_ = false;
  std::uint64_t fields_ = 0;
  absl::Status status_;
};

// {"$uuid": "..."} and its like. Other names that start with $ are names.
bool Builder::EndTagged(Frame frame) {
  const Object::Member& member = *frame.object.begin();
  const bool known = member.name == "$uuid" || member.name == "$bytes" ||
                     member.name == "$timestamp" || member.name == "$double";
  if (!known && member.name != kObjectTag) return Put(std::move(frame.object));
  if (known && member.value.type() == Type::kString) {
    if (auto value = Convert(member.name, member.value.AsString()); value.has_value()) {
      return Put(*std::move(value));
    }
    if (!status_.ok()) return false;
  }
  return Fail(StrCat("{", Quoted(member.name), ": ...} with ", DebugString(member.value, 64),
                     "; an object that is meant literally is written {\"$object\": {...}}"));
}

std::optional<Value> Builder::Convert(std::string_view tag, std::string_view text) {
  if (tag == "$bytes") {
    std::string bytes;
    if (!absl::Base64Unescape(ToAbsl(text), &bytes)) return std::nullopt;
    return Value(Bytes{std::move(bytes)});
  }
  if (tag == "$uuid") {
    const auto uuid = Uuid::Parse(text);
    if (uuid.ok()) return Value(*uuid);
    Fail(ToStd(uuid.status().message()));
    return std::nullopt;
  }
  if (tag == "$timestamp") {
    const auto timestamp = Timestamp::Parse(text);
    if (timestamp.ok()) return Value(*timestamp);
    Fail(ToStd(timestamp.status().message()));
    return std::nullopt;
  }
  AURORA_CHECK(tag == "$double");
  if (text == "nan") return Value(std::numeric_limits<double>::quiet_NaN());
  if (text == "inf") return Value(std::numeric_limits<double>::infinity());
  if (text == "-inf") return Value(-std::numeric_limits<double>::infinity());
  return std::nullopt;
}

}  // namespace

absl::StatusOr<Value> ParseJson(std::string_view text, const DocumentLimits& limits,
                                std::uint64_t first_line) {
  if (text.size() > limits.line_bytes_max) {
    return ResourceExhaustedError(PlaceOf(text, 0, first_line), ": the JSON text has ", text.size(),
                                  " bytes; the limit is ", limits.line_bytes_max,
                                  " (line_bytes_max)");
  }
  Builder builder(text, limits, first_line);
  const bool parsed = nlohmann::json::sax_parse(builder.begin(), builder.end(), &builder);
  AURORA_CHECK(parsed || !builder.status().ok());
  return builder.Take();
}

absl::StatusOr<Object> ParseJsonObject(std::string_view text, const DocumentLimits& limits,
                                       std::uint64_t first_line) {
  AURORA_ASSIGN_OR_RETURN(Value value, ParseJson(text, limits, first_line));
  if (value.type() != Type::kObject) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t\r\n"), text.size());
    return InvalidArgumentError(PlaceOf(text, begin, first_line), ": expected a JSON object, got ",
                                TypeName(value.type()), " ", DebugString(value, 64));
  }
  return std::move(value.AsObject());
}

}  // namespace aurora
