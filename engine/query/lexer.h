// The words of the text form of queries (parser.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace aurora::internal {

enum class TokenKind : unsigned char {
  kEnd,
  kName,        // a bare word: a keyword or a name
  kQuotedName,  // `in back quotes`: never a keyword
  kNumber,
  kString,
  kSymbol,  // one of ( ) [ ] , . = == != <> < <= > >= && || ! -
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;   // as written
  std::string value;       // of kQuotedName and kString: without quotes and escapes
  std::size_t offset = 0;  // in the whole text
};

// Reads one token after the other. `text` must outlive it.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  // The next token; InvalidArgument, with its place, where there can be none.
  absl::StatusOr<Token> Next();

  // InvalidArgument: "query, line 1, column 7: <message>".
  absl::Status ErrorAt(std::size_t offset, std::string_view message) const;

 private:
  absl::StatusOr<Token> String(char quote);
  absl::StatusOr<Token> QuotedName();
  absl::Status AppendEscape(std::size_t start, std::string* value);
  absl::StatusOr<char32_t> HexDigits(std::size_t start);
  Token Number();
  Token Name();
  absl::StatusOr<Token> Symbol();
  Token Finish(TokenKind kind, std::size_t start) const;

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace aurora::internal
