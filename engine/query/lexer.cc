#include "aurora/engine/query/lexer.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

bool IsNameByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) || c == '_' || byte >= 0x80;  // UTF-8 letters are as good as any
}

void AppendUtf8(char32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    *out += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
  } else if (c < 0x10000) {
    *out += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
             static_cast<char>(0x80 | (c & 0x3F))};
  } else {
    *out += {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)),
             static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
  }
}

}  // namespace

absl::Status Lexer::ErrorAt(std::size_t offset, std::string_view message) const {
  const std::string_view before = text_.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  return InvalidArgumentError("query, line ", line, ", column ", offset - line_start + 1, ": ",
                              message);
}

Token Lexer::Finish(TokenKind kind, std::size_t start) const {
  Token token;
  token.kind = kind;
  token.text = text_.substr(start, at_ - start);
  token.offset = start;
  return token;
}

absl::StatusOr<Token> Lexer::Next() {
  while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
  if (at_ == text_.size()) return Finish(TokenKind::kEnd, at_);
  const char c = text_[at_];
  if (c == '"' || c == '\'') return String(c);
  if (c == '`') return QuotedName();
  if (std::isdigit(static_cast<unsigned char>(c))) return Number();
  if (IsNameByte(c)) return Name();
  return Symbol();
}

Token Lexer::Name() {
  const std::size_t start = at_;
  while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
  return Finish(TokenKind::kName, start);
}

// Digits with an optional fraction and exponent; what they mean is checked where they are
// converted.
Token Lexer::Number() {
  const std::size_t start = at_;
  const auto digits = [&] {
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) ++at_;
  };
  const auto digit_at = [&](std::size_t i) {
    return i < text_.size() && std::isdigit(static_cast<unsigned char>(text_[i]));
  };
  digits();
  if (at_ < text_.size() && text_[at_] == '.' && digit_at(at_ + 1)) {
    ++at_;
    digits();
  }
  if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
    const bool sign = at_ + 1 < text_.size() && (text_[at_ + 1] == '+' || text_[at_ + 1] == '-');
    if (digit_at(at_ + 1 + (sign ? 1 : 0))) {
      at_ += sign ? 2 : 1;
      digits();
    }
  }
  return Finish(TokenKind::kNumber, start);
}

absl::StatusOr<Token> Lexer::QuotedName() {
  const std::size_t start = at_++;
  const std::size_t end = text_.find('`', at_);
  if (end == std::string_view::npos)
    return ErrorAt(start, "a name in back quotes that is not closed");
  std::string value(text_.substr(at_, end - at_));
  at_ = end + 1;
  Token token = Finish(TokenKind::kQuotedName, start);
  token.value = std::move(value);
  return token;
}

absl::StatusOr<char32_t> Lexer::HexDigits(std::size_t start) {
  char32_t value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const int c = at_ < text_.size() ? std::tolower(static_cast<unsigned char>(text_[at_])) : 0;
    if (!std::isxdigit(c)) return ErrorAt(start, "\\u needs four hexadecimal digits");
    value = value * 16 + static_cast<char32_t>(std::isdigit(c) ? c - '0' : c - 'a' + 10);
  }
  return value;
}

// What follows a backslash, which is at `start`.
absl::Status Lexer::AppendEscape(std::size_t start, std::string* value) {
  static constexpr std::string_view kLetters = "\"\\/bfnrt'";
  static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t'";
  const char c = at_ < text_.size() ? text_[at_++] : '\0';
  if (c != 'u') {
    const std::size_t known = kLetters.find(c);
    if (known == std::string_view::npos) return ErrorAt(start, "unknown escape in a string");
    value->push_back(kMeanings[known]);
    return absl::OkStatus();
  }
  AURORA_ASSIGN_OR_RETURN(char32_t code, HexDigits(start));
  if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
    at_ += 2;
    AURORA_ASSIGN_OR_RETURN(const char32_t low, HexDigits(start));
    if (low < 0xDC00 || low > 0xDFFF) return ErrorAt(start, "half a surrogate pair in a string");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
  }
  if (code >= 0xD800 && code < 0xE000) return ErrorAt(start, "half a surrogate pair in a string");
  AppendUtf8(code, value);
  return absl::OkStatus();
}

absl::StatusOr<Token> Lexer::String(char quote) {
  const std::size_t start = at_++;
  std::string value;
  while (true) {
    if (at_ == text_.size()) return ErrorAt(start, "a string that is not closed");
    const char c = text_[at_++];
    if (c == quote) {
      const bool doubled = quote == '\'' && at_ < text_.size() && text_[at_] == quote;
      if (!doubled) break;
      ++at_;
      value.push_back(quote);
    } else if (c == '\\' && quote == '"') {
      AURORA_RETURN_IF_ERROR(AppendEscape(at_ - 1, &value));
    } else {
      value.push_back(c);
    }
  }
  Token token = Finish(TokenKind::kString, start);
  token.value = std::move(value);
  return token;
}

absl::StatusOr<Token> Lexer::Symbol() {
  static constexpr std::string_view kTwo[] = {"==", "!=", "<>", "<=", ">=", "&&", "||"};
  const std::size_t start = at_;
  for (const std::string_view symbol : kTwo) {
    if (text_.substr(at_, 2) == symbol) {
      at_ += 2;
      return Finish(TokenKind::kSymbol, start);
    }
  }
  if (std::string_view("()[],.=<>!-").find(text_[at_]) == std::string_view::npos) {
    return ErrorAt(start, StrCat("unexpected ", Quoted(text_.substr(at_, 1))));
  }
  ++at_;
  return Finish(TokenKind::kSymbol, start);
}

}  // namespace aurora::internal
