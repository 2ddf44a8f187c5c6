#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "aurora/engine/document/json.h"
#include "aurora/engine/document/utf8.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool IsPlain(char c) { return static_cast<std::uint8_t>(c) >= 0x20 && c != '"' && c != '\\'; }

void AppendEscaped(char c, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out->append("\\\"");
      return;
    case '\\':
      out->append("\\\\");
      return;
    case '\n':
      out->append("\\n");
      return;
    case '\t':
      out->append("\\t");
      return;
    case '\r':
      out->append("\\r");
      return;
    default:
      out->append("\\u00");
      out->push_back(kHex[static_cast<std::uint8_t>(c) >> 4]);
      out->push_back(kHex[static_cast<std::uint8_t>(c) & 15]);
  }
}

// `text` is valid UTF-8.
void AppendValidString(std::string_view text, std::string* out) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (IsPlain(text[i])) continue;
    out->append(text.substr(begin, i - begin));
    AppendEscaped(text[i], out);
    begin = i + 1;
  }
  out->append(text.substr(begin));
}

class Writer {
 public:
  Writer(const JsonStyle& style, std::string* out) : indent_(style.indent), out_(out) {}

  void Write(const ValueView& value) {
    switch (value.type()) {
      case Type::kNull:
        out_->append("null");
        return;
      case Type::kBool:
        out_->append(value.AsBool() ? "true" : "false");
        return;
      case Type::kInt64:
        StrAppend(out_, value.AsInt64());
        return;
      case Type::kDouble:
        WriteDouble(value.AsDouble());
        return;
      case Type::kString:
        AppendJsonString(value.AsString(), out_);
        return;
      case Type::kBytes:
        WriteTagged("$bytes", absl::Base64Escape(ToAbsl(value.AsBytes())));
        return;
      case Type::kUuid:
        WriteTagged("$uuid", value.AsUuid().ToString());
        return;
      case Type::kTimestamp:
        WriteTagged("$timestamp", value.AsTimestamp().ToString());
        return;
      case Type::kArray:
        WriteArray(value.AsArray());
        return;
      case Type::kObject:
        WriteObject(value.AsObject());
        return;
    }
    AURORA_CHECK(false);
  }

 private:
  void WriteTagged(std::string_view tag, std::string_view text) {
    out_->append("{\"").append(tag).append(indent_ > 0 ? "\": " : "\":");
    AppendJsonString(text, out_);
    out_->push_back('}');
  }

  void WriteDouble(double value) {
    if (std::isnan(value)) return WriteTagged("$double", "nan");
    if (std::isinf(value)) return WriteTagged("$double", value > 0 ? "inf" : "-inf");
    char buffer[32];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
    AURORA_CHECK(error == std::errc());
    const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
    out_->append(text);
    if (text.find_first_of(".e") == std::string_view::npos) out_->append(".0");
  }

  void NewLine() {
    if (indent_ == 0) return;
    out_->push_back('\n');
    out_->append(static_cast<std::size_t>(indent_) * depth_, ' ');
  }

  void WriteArray(const ArrayView& array) {
    out_->push_back('[');
    ++depth_;
    bool first = true;
    for (const ValueView& item : array) {
      if (!first) out_->push_back(',');
      first = false;
      NewLine();
      Write(item);
    }
    --depth_;
    if (!first) NewLine();
    out_->push_back(']');
  }

  void WriteObject(const ObjectView& object) {
    // An object of one member with a name like $uuid would be read as something else.
    bool looks_tagged = false;
    for (const MemberView& member : object) {
      looks_tagged = !looks_tagged && member.name.starts_with('$');
      if (!looks_tagged) break;
    }
    if (looks_tagged) out_->append(indent_ > 0 ? "{\"$object\": " : "{\"$object\":");
    out_->push_back('{');
    ++depth_;
    bool first = true;
    for (const MemberView& member : object) {
      if (!first) out_->push_back(',');
      first = false;
      NewLine();
      AppendJsonString(member.name, out_);
      out_->append(indent_ > 0 ? ": " : ":");
      Write(member.value);
    }
    --depth_;
    if (!first) NewLine();
    out_->push_back('}');
    if (looks_tagged) out_->push_back('}');
  }

  const int indent_;
  std::size_t depth_ = 0;
  std::string* const out_;
};

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  while (true) {
    const std::size_t valid = ValidUtf8Prefix(text);
    AppendValidString(text.substr(0, valid), out);
    if (valid == text.size()) break;
    out->append(kReplacement);
    text.remove_prefix(valid + 1);
  }
  out->push_back('"');
}

void AppendJson(const ValueView& value, std::string* out, const JsonStyle& style) {
  Writer(style, out).Write(value);
}

std::string ToJson(const ValueView& value, const JsonStyle& style) {
  std::string text;
  AppendJson(value, &text, style);
  return text;
}

}  // namespace aurora
