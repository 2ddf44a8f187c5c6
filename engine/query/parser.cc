#include "aurora/engine/query/parser.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "aurora/engine/query/lexer.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

using internal::Lexer;
using internal::Token;
using internal::TokenKind;

// Recursive descent with one token of look-ahead. The first error ends it.
class Parser {
 public:
  Parser(std::string_view text, const QueryTextLimits& limits) : lexer_(text), limits_(limits) {}

  absl::StatusOr<QuerySpec> Query();
  absl::StatusOr<Expression> WholeCondition();

 private:
  absl::Status Advance();
  bool AtWord(std::string_view word) const;
  bool AtSymbol(std::string_view symbol) const;
  // Moves past the word or symbol if it is next.
  absl::StatusOr<bool> SkipWord(std::string_view word);
  absl::StatusOr<bool> SkipSymbol(std::string_view symbol);
  absl::Status ExpectWord(std::string_view word);
  absl::Status ExpectSymbol(std::string_view symbol);
  absl::Status Expected(std::string_view what) const;
  absl::Status AtEnd(std::string_view instead);

  absl::Status Clause(QuerySpec* spec);
  absl::Status Once(std::string_view word);
  absl::Status OrderBy(QuerySpec* spec);
  absl::Status GroupBy(QuerySpec* spec);
  absl::Status Select(QuerySpec* spec);
  absl::StatusOr<AggregateSpec> Aggregate(std::string_view function, std::size_t offset);
  absl::Status CheckGroups(QuerySpec* spec) const;
  absl::StatusOr<std::uint64_t> Integer();
  absl::StatusOr<std::string> Name(std::string_view what);
  absl::StatusOr<FieldPath> Path();
  absl::StatusOr<Expression> Condition(int depth);
  absl::StatusOr<Expression> Conjunct(int depth);
  absl::StatusOr<Expression> Unary(int depth);
  absl::StatusOr<FieldOperand> ParseOperand();
  absl::StatusOr<Expression> Comparison();
  absl::StatusOr<Expression> AfterIs(const FieldOperand& operand);
  absl::StatusOr<Expression> Relation(const FieldOperand& operand);
  absl::StatusOr<std::vector<Value>> List(std::string_view close, int depth);
  absl::StatusOr<Value> Constant(int depth);
  absl::StatusOr<Value> Number(bool negative);
  absl::StatusOr<Value> Call(std::string_view function);

  Lexer lexer_;
  const QueryTextLimits limits_;
  Token token_;  // the next one
  std::vector<std::string_view> clauses_;
  std::size_t select_offset_ = 0;
};

absl::Status Parser::Advance() {
  AURORA_ASSIGN_OR_RETURN(token_, lexer_.Next());
  return absl::OkStatus();
}

bool Parser::AtWord(std::string_view word) const {
  return token_.kind == TokenKind::kName &&
         absl::EqualsIgnoreCase(ToAbsl(token_.text), ToAbsl(word));
}

bool Parser::AtSymbol(std::string_view symbol) const {
  return token_.kind == TokenKind::kSymbol && token_.text == symbol;
}

absl::StatusOr<bool> Parser::SkipWord(std::string_view word) {
  if (!AtWord(word)) return false;
  AURORA_RETURN_IF_ERROR(Advance());
  return true;
}

absl::StatusOr<bool> Parser::SkipSymbol(std::string_view symbol) {
  if (!AtSymbol(symbol)) return false;
  AURORA_RETURN_IF_ERROR(Advance());
  return true;
}

absl::Status Parser::Expected(std::string_view what) const {
  const std::string found = token_.kind == TokenKind::kEnd ? "the end" : Quoted(token_.text);
  return lexer_.ErrorAt(token_.offset, StrCat("expected ", what, ", found ", found));
}

absl::Status Parser::ExpectWord(std::string_view word) {
  AURORA_ASSIGN_OR_RETURN(const bool found, SkipWord(word));
  return found ? absl::OkStatus() : Expected(Quoted(word));
}

absl::Status Parser::ExpectSymbol(std::string_view symbol) {
  AURORA_ASSIGN_OR_RETURN(const bool found, SkipSymbol(symbol));
  return found ? absl::OkStatus() : Expected(Quoted(symbol));
}

absl::Status Parser::AtEnd(std::string_view instead) {
  return token_.kind == TokenKind::kEnd ? absl::OkStatus() : Expected(instead);
}

absl::StatusOr<std::string> Parser::Name(std::string_view what) {
  std::string name;
  if (token_.kind == TokenKind::kQuotedName) {
    name = token_.value;
  } else if (token_.kind == TokenKind::kName || token_.kind == TokenKind::kNumber) {
    name = std::string(token_.text);
  }
  if (name.empty()) return Expected(what);
  AURORA_RETURN_IF_ERROR(Advance());
  return name;
}

absl::StatusOr<FieldPath> Parser::Path() {
  FieldPath path;
  if (token_.kind == TokenKind::kNumber) return Expected("a field");
  do {
    AURORA_ASSIGN_OR_RETURN(std::string name, Name("a field"));
    path.push_back(std::move(name));
    AURORA_ASSIGN_OR_RETURN(const bool more, SkipSymbol("."));
    if (!more) return path;
  } while (true);
}

absl::StatusOr<QuerySpec> Parser::Query() {
  AURORA_RETURN_IF_ERROR(Advance());
  QuerySpec spec;
  AURORA_ASSIGN_OR_RETURN(spec.collection, Name("the name of a collection"));
  AURORA_ASSIGN_OR_RETURN(const bool filtered, SkipWord("where"));
  if (filtered) {
    AURORA_ASSIGN_OR_RETURN(spec.where, Condition(1));
  }
  while (token_.kind != TokenKind::kEnd) AURORA_RETURN_IF_ERROR(Clause(&spec));
  AURORA_RETURN_IF_ERROR(CheckGroups(&spec));
  AURORA_RETURN_IF_ERROR(CheckExpression(spec.where, limits_.expression));
  return spec;
}

absl::StatusOr<Expression> Parser::WholeCondition() {
  AURORA_RETURN_IF_ERROR(Advance());
  AURORA_ASSIGN_OR_RETURN(const Expression condition, Condition(1));
  AURORA_RETURN_IF_ERROR(AtEnd("\"and\", \"or\" or the end"));
  AURORA_RETURN_IF_ERROR(CheckExpression(condition, limits_.expression));
  return condition;
}

absl::Status Parser::Once(std::string_view word) {
  for (const std::string_view seen : clauses_) {
    if (seen == word) return lexer_.ErrorAt(token_.offset, StrCat("a second ", Quoted(word)));
  }
  clauses_.push_back(word);
  return Advance();
}

absl::Status Parser::Clause(QuerySpec* spec) {
  if (AtWord("order")) {
    AURORA_RETURN_IF_ERROR(Once("order"));
    return OrderBy(spec);
  }
  if (AtWord("limit")) {
    AURORA_RETURN_IF_ERROR(Once("limit"));
    AURORA_ASSIGN_OR_RETURN(spec->limit, Integer());
    return absl::OkStatus();
  }
  if (AtWord("offset")) {
    AURORA_RETURN_IF_ERROR(Once("offset"));
    AURORA_ASSIGN_OR_RETURN(spec->offset, Integer());
    return absl::OkStatus();
  }
  if (AtWord("group")) {
    AURORA_RETURN_IF_ERROR(Once("group"));
    return GroupBy(spec);
  }
  if (!AtWord("select")) {
    constexpr std::string_view kClauses =
        R"("group by", "order by", "limit", "offset", "select" or the end)";
    return Expected(clauses_.empty() ? StrCat(R"("where", "and", "or", )", kClauses)
                                     : std::string(kClauses));
  }
  AURORA_RETURN_IF_ERROR(Once("select"));
  return Select(spec);
}

absl::Status Parser::Select(QuerySpec* spec) {
  select_offset_ = token_.offset;
  bool more = true;
  while (more) {
    const bool bare_word = token_.kind == TokenKind::kName;
    const std::size_t offset = token_.offset;
    AURORA_ASSIGN_OR_RETURN(FieldPath path, Path());
    if (bare_word && path.size() == 1 && AtSymbol("(")) {
      AURORA_ASSIGN_OR_RETURN(AggregateSpec aggregate, Aggregate(path[0], offset));
      spec->aggregates.push_back(std::move(aggregate));
    } else {
      spec->select.push_back(std::move(path));
    }
    AURORA_ASSIGN_OR_RETURN(more, SkipSymbol(","));
  }
  return absl::OkStatus();
}

// The function has been read.
absl::StatusOr<AggregateSpec> Parser::Aggregate(std::string_view function, std::size_t offset) {
  constexpr std::pair<std::string_view, AggregateKind> kFunctions[] = {
      {"count", AggregateKind::kCount}, {"sum", AggregateKind::kSum},
      {"avg", AggregateKind::kAverage}, {"min", AggregateKind::kMin},
      {"max", AggregateKind::kMax},
  };
  for (const auto& [name, kind] : kFunctions) {
    if (!absl::EqualsIgnoreCase(ToAbsl(function), ToAbsl(name))) continue;
    AggregateSpec aggregate{kind, {}, {}};
    AURORA_RETURN_IF_ERROR(ExpectSymbol("("));
    if (kind != AggregateKind::kCount) {
      AURORA_ASSIGN_OR_RETURN(aggregate.path, Path());
    }
    AURORA_RETURN_IF_ERROR(ExpectSymbol(")"));
    AURORA_ASSIGN_OR_RETURN(const bool named, SkipWord("as"));
    if (named) {
      AURORA_ASSIGN_OR_RETURN(aggregate.name, Name("a name for the result"));
    }
    return aggregate;
  }
  return lexer_.ErrorAt(offset, StrCat("there is no function ", Quoted(function),
                                       "; there are count, sum, avg, min and max"));
}

// Beside aggregates, a field can only be selected that the groups have.
absl::Status Parser::CheckGroups(QuerySpec* spec) const {
  if (!spec->groups()) return absl::OkStatus();
  for (const FieldPath& path : spec->select) {
    if (std::find(spec->group_by.begin(), spec->group_by.end(), path) == spec->group_by.end()) {
      return lexer_.ErrorAt(select_offset_, StrCat("field ", Quoted(FieldPathToString(path)),
                                                   " is selected, but the groups are not by it"));
    }
  }
  spec->select.clear();
  return absl::OkStatus();
}

absl::Status Parser::GroupBy(QuerySpec* spec) {
  AURORA_RETURN_IF_ERROR(ExpectWord("by"));
  bool more = true;
  while (more) {
    AURORA_ASSIGN_OR_RETURN(FieldPath path, Path());
    spec->group_by.push_back(std::move(path));
    AURORA_ASSIGN_OR_RETURN(more, SkipSymbol(","));
  }
  return absl::OkStatus();
}

absl::Status Parser::OrderBy(QuerySpec* spec) {
  AURORA_RETURN_IF_ERROR(ExpectWord("by"));
  bool more = true;
  while (more) {
    SortKey key;
    AURORA_ASSIGN_OR_RETURN(key.path, Path());
    AURORA_ASSIGN_OR_RETURN(const bool descending, SkipWord("desc"));
    if (descending) {
      key.direction = Direction::kDescending;
    } else {
      AURORA_RETURN_IF_ERROR(SkipWord("asc"));
    }
    spec->order_by.push_back(std::move(key));
    AURORA_ASSIGN_OR_RETURN(more, SkipSymbol(","));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> Parser::Integer() {
  std::uint64_t value = 0;
  const char* end = token_.text.data() + token_.text.size();
  const auto [stop, error] = std::from_chars(token_.text.data(), end, value);
  if (token_.kind != TokenKind::kNumber || error != std::errc() || stop != end)
    return Expected("a whole number");
  AURORA_RETURN_IF_ERROR(Advance());
  return value;
}

absl::StatusOr<Expression> Parser::Condition(int depth) {
  AURORA_ASSIGN_OR_RETURN(Expression condition, Conjunct(depth));
  while (AtWord("or") || AtSymbol("||")) {
    AURORA_RETURN_IF_ERROR(Advance());
    AURORA_ASSIGN_OR_RETURN(const Expression next, Conjunct(depth));
    condition = condition || next;
  }
  return condition;
}

absl::StatusOr<Expression> Parser::Conjunct(int depth) {
  AURORA_ASSIGN_OR_RETURN(Expression condition, Unary(depth));
  while (AtWord("and") || AtSymbol("&&")) {
    AURORA_RETURN_IF_ERROR(Advance());
    AURORA_ASSIGN_OR_RETURN(const Expression next, Unary(depth));
    condition = condition && next;
  }
  return condition;
}

absl::StatusOr<Expression> Parser::Unary(int depth) {
  if (depth > limits_.expression.depth) {
    return lexer_.ErrorAt(token_.offset,
                          StrCat("nested deeper than ", limits_.expression.depth, " levels"));
  }
  if (AtWord("not") || AtSymbol("!")) {
    AURORA_RETURN_IF_ERROR(Advance());
    AURORA_ASSIGN_OR_RETURN(const Expression inner, Unary(depth + 1));
    return !inner;
  }
  AURORA_ASSIGN_OR_RETURN(const bool group, SkipSymbol("("));
  if (group) {
    AURORA_ASSIGN_OR_RETURN(Expression inner, Condition(depth + 1));
    AURORA_RETURN_IF_ERROR(ExpectSymbol(")"));
    return inner;
  }
  AURORA_ASSIGN_OR_RETURN(const bool everything, SkipWord("true"));
  if (everything) return Expression();
  AURORA_ASSIGN_OR_RETURN(const bool exists, SkipWord("exists"));
  if (exists) {
    AURORA_ASSIGN_OR_RETURN(const FieldOperand operand, ParseOperand());
    return operand.Exists();
  }
  return Comparison();
}

absl::StatusOr<FieldOperand> Parser::ParseOperand() {
  Operand operand;
  const bool bare_word = token_.kind == TokenKind::kName;
  const bool maybe_length = AtWord("length");
  AURORA_ASSIGN_OR_RETURN(operand.path, Path());
  if (bare_word && maybe_length && operand.path.size() == 1 && AtSymbol("(")) {
    AURORA_RETURN_IF_ERROR(Advance());
    AURORA_ASSIGN_OR_RETURN(operand.path, Path());
    operand.length = true;
    AURORA_RETURN_IF_ERROR(ExpectSymbol(")"));
  }
  return FieldOperand(std::move(operand));
}

absl::StatusOr<Expression> Parser::Comparison() {
  AURORA_ASSIGN_OR_RETURN(const FieldOperand operand, ParseOperand());
  AURORA_ASSIGN_OR_RETURN(const bool is, SkipWord("is"));
  if (is) return AfterIs(operand);
  AURORA_ASSIGN_OR_RETURN(const bool negated, SkipWord("not"));
  if (negated || AtWord("in")) {
    AURORA_RETURN_IF_ERROR(ExpectWord("in"));
    AURORA_RETURN_IF_ERROR(ExpectSymbol("("));
    AURORA_ASSIGN_OR_RETURN(std::vector<Value> values, List(")", 1));
    return negated ? operand.NotIn(std::move(values)) : operand.In(std::move(values));
  }
  AURORA_ASSIGN_OR_RETURN(const bool between, SkipWord("between"));
  if (between) {
    AURORA_ASSIGN_OR_RETURN(Value low, Constant(1));
    AURORA_RETURN_IF_ERROR(ExpectWord("and"));
    AURORA_ASSIGN_OR_RETURN(Value high, Constant(1));
    return operand.Between(std::move(low), std::move(high));
  }
  return Relation(operand);
}

absl::StatusOr<Expression> Parser::AfterIs(const FieldOperand& operand) {
  AURORA_ASSIGN_OR_RETURN(const bool negated, SkipWord("not"));
  AURORA_RETURN_IF_ERROR(ExpectWord("null"));
  return negated ? !operand.IsNull() : operand.IsNull();
}

absl::StatusOr<Expression> Parser::Relation(const FieldOperand& operand) {
  using Make = Expression (*)(const FieldOperand&, Value);
  struct Entry {
    std::string_view text;
    Make make;
  };
  static constexpr Entry kRelations[] = {
      {"=", [](const FieldOperand& a, Value b) { return a == std::move(b); }},
      {"==", [](const FieldOperand& a, Value b) { return a == std::move(b); }},
      {"!=", [](const FieldOperand& a, Value b) { return a != std::move(b); }},
      {"<>", [](const FieldOperand& a, Value b) { return a != std::move(b); }},
      {"<", [](const FieldOperand& a, Value b) { return a < std::move(b); }},
      {"<=", [](const FieldOperand& a, Value b) { return a <= std::move(b); }},
      {">", [](const FieldOperand& a, Value b) { return a > std::move(b); }},
      {">=", [](const FieldOperand& a, Value b) { return a >= std::move(b); }},
      {"contains", [](const FieldOperand& a, Value b) { return a.Contains(std::move(b)); }},
      {"any", [](const FieldOperand& a, Value b) { return a.Any(std::move(b)); }},
  };
  for (const Entry& relation : kRelations) {
    if (!AtSymbol(relation.text) && !AtWord(relation.text)) continue;
    AURORA_RETURN_IF_ERROR(Advance());
    AURORA_ASSIGN_OR_RETURN(Value constant, Constant(1));
    return relation.make(operand, std::move(constant));
  }
  const bool starts = AtWord("starts_with");
  const bool ends = AtWord("ends_with");
  if (!starts && !ends && !AtWord("matches"))
    return Expected("a comparison such as \"==\", \"<\", \"in\" or \"contains\"");
  AURORA_RETURN_IF_ERROR(Advance());
  if (token_.kind != TokenKind::kString) return Expected("a string");
  std::string text = token_.value;
  AURORA_RETURN_IF_ERROR(Advance());
  if (starts) return operand.StartsWith(std::move(text));
  if (ends) return operand.EndsWith(std::move(text));
  return operand.Matches(std::move(text));
}

// The constants up to `close`; the opening bracket has been read.
absl::StatusOr<std::vector<Value>> Parser::List(std::string_view close, int depth) {
  std::vector<Value> values;
  AURORA_ASSIGN_OR_RETURN(bool closed, SkipSymbol(close));
  while (!closed) {
    AURORA_ASSIGN_OR_RETURN(Value value, Constant(depth));
    values.push_back(std::move(value));
    AURORA_ASSIGN_OR_RETURN(const bool more, SkipSymbol(","));
    if (!more) {
      AURORA_RETURN_IF_ERROR(ExpectSymbol(close));
      closed = true;
    }
  }
  return values;
}

absl::StatusOr<Value> Parser::Constant(int depth) {
  if (depth > limits_.expression.depth) {
    return lexer_.ErrorAt(token_.offset,
                          StrCat("nested deeper than ", limits_.expression.depth, " levels"));
  }
  if (token_.kind == TokenKind::kString) {
    Value value(token_.value);
    AURORA_RETURN_IF_ERROR(Advance());
    return value;
  }
  AURORA_ASSIGN_OR_RETURN(const bool negative, SkipSymbol("-"));
  if (negative || token_.kind == TokenKind::kNumber) return Number(negative);
  AURORA_ASSIGN_OR_RETURN(const bool array, SkipSymbol("["));
  if (array) {
    AURORA_ASSIGN_OR_RETURN(std::vector<Value> items, List("]", depth + 1));
    return Value(Array(std::move(items)));
  }
  for (const bool truth : {true, false}) {
    AURORA_ASSIGN_OR_RETURN(const bool found, SkipWord(truth ? "true" : "false"));
    if (found) return Value(truth);
  }
  AURORA_ASSIGN_OR_RETURN(const bool null, SkipWord("null"));
  if (null) return Value();
  for (const std::string_view function : {"uuid", "timestamp"}) {
    AURORA_ASSIGN_OR_RETURN(const bool found, SkipWord(function));
    if (found) return Call(function);
  }
  return Expected(
      "a constant (a number, a string, true, false, null, uuid(\"...\"), timestamp(\"...\"), "
      "[...])");
}

absl::StatusOr<Value> Parser::Number(bool negative) {
  if (token_.kind != TokenKind::kNumber) return Expected("a number");
  const std::string text = StrCat(negative ? "-" : "", token_.text);
  const char* end = text.data() + text.size();
  std::optional<Value> value;
  std::int64_t integer = 0;
  if (const auto [stop, error] = std::from_chars(text.data(), end, integer);
      error == std::errc() && stop == end) {
    value = Value(integer);
  }
  double real = 0;
  if (!value.has_value()) {
    const auto [stop, error] = std::from_chars(text.data(), end, real);
    if (error != std::errc() || stop != end) return Expected("a number that a double can hold");
    value = Value(real);
  }
  AURORA_RETURN_IF_ERROR(Advance());
  return *std::move(value);
}

absl::StatusOr<Value> Parser::Call(std::string_view function) {
  AURORA_RETURN_IF_ERROR(ExpectSymbol("("));
  if (token_.kind != TokenKind::kString) return Expected("a string");
  Value value;
  if (function == "uuid") {
    const absl::StatusOr<Uuid> uuid = Uuid::Parse(token_.value);
    if (!uuid.ok()) return lexer_.ErrorAt(token_.offset, ToStd(uuid.status().message()));
    value = Value(*uuid);
  } else {
    const absl::StatusOr<Timestamp> timestamp = Timestamp::Parse(token_.value);
    if (!timestamp.ok()) return lexer_.ErrorAt(token_.offset, ToStd(timestamp.status().message()));
    value = Value(*timestamp);
  }
  AURORA_RETURN_IF_ERROR(Advance());
  AURORA_RETURN_IF_ERROR(ExpectSymbol(")"));
  return value;
}

absl::Status CheckSize(std::string_view text, const QueryTextLimits& limits) {
  if (text.size() <= limits.text_bytes) return absl::OkStatus();
  return InvalidArgumentError("query: text of ", text.size(), " bytes; at most ",
                              limits.text_bytes);
}

}  // namespace

absl::StatusOr<QuerySpec> ParseQuery(std::string_view text, const QueryTextLimits& limits) {
  AURORA_RETURN_IF_ERROR(CheckSize(text, limits));
  return Parser(text, limits).Query();
}

absl::StatusOr<Expression> ParseCondition(std::string_view text, const QueryTextLimits& limits) {
  AURORA_RETURN_IF_ERROR(CheckSize(text, limits));
  return Parser(text, limits).WholeCondition();
}

}  // namespace aurora
