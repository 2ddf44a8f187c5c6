// The one expression language: conditions over a document. Filters are written in it, and the text
// form (parser.h) reads into it; evaluator.h is its one meaning.
//
//   Field("in_stock") == true && (Field("price") < 100 || Field("tags").Any("sale"))
//   !Field("address.city").In({"Bern", "Basel"}) && Field("name").Length() > 3
//
// Logic has two values. A field that is missing or null equals null: `== nullptr`, `!= 5` and
// `NotIn({5})` match it, ranges and text conditions do not; Exists() tells missing from null.
// Ranges (<, <=, >, >=, Between) match only values of the kind of their bound: all numbers are one
// kind, every other type is its own.
//
// An Expression is an immutable shared tree: copying costs a reference, any thread may read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/document/value.h"
#include "re2/re2.h"

namespace aurora {

// The names on the way to a value, from the document down: "address.city" is {"address", "city"}. A
// name that is a number selects an item of an array.
using FieldPath = std::vector<std::string>;
FieldPath ParseFieldPath(std::string_view dotted);
std::string FieldPathToString(const FieldPath& path);

enum class Operator : std::uint8_t {
  kTrue,
  kAnd,
  kOr,
  kNot,
  // On one operand (a field, or its length) and constants:
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kBetween,  // inclusive on both sides
  kIn,
  kNotIn,
  kContains,  // a substring of a string, or an item of an array
  kStartsWith,
  kEndsWith,
  kMatches,  // an RE2 pattern, anywhere in the string
  kAny,      // an array with an item that equals the constant
  kIsNull,   // missing or null
  kExists,   // present, perhaps null
};

// What a condition looks at: a field, or how long it is (bytes of a string, items of an array; else
// as if missing).
struct Operand {
  FieldPath path;
  bool length = false;
};

class Expression {
 public:
  struct Node {
    Operator op = Operator::kTrue;
    std::vector<Expression> children;  // of kAnd, kOr (two or more), kNot (one)
    Operand operand;                   // of the others
    std::vector<Value> constants;
    std::shared_ptr<const RE2> pattern;  // of kMatches
  };

  // Matches everything.
  Expression();
  explicit Expression(Node node) : node_(std::make_shared<const Node>(std::move(node))) {}

  const Node& node() const { return *node_; }
  bool MatchesAll() const { return node_->op == Operator::kTrue; }

  friend Expression operator&&(const Expression& a, const Expression& b);
  friend Expression operator||(const Expression& a, const Expression& b);
  friend Expression operator!(const Expression& a);

 private:
  std::shared_ptr<const Node> node_;
};

// The left side of a condition.
class FieldOperand {
 public:
  explicit FieldOperand(Operand operand) : operand_(std::move(operand)) {}

  friend Expression operator==(const FieldOperand& a, Value b) {
    return a.Condition(Operator::kEqual, std::move(b));
  }
  friend Expression operator!=(const FieldOperand& a, Value b) {
    return a.Condition(Operator::kNotEqual, std::move(b));
  }
  friend Expression operator<(const FieldOperand& a, Value b) {
    return a.Condition(Operator::kLess, std::move(b));
  }
  friend Expression operator<=(const FieldOperand& a, Value b) {
    return a.Condition(Operator::kLessOrEqual, std::move(b));
  }
  friend Expression operator>(const FieldOperand& a, Value b) {
    return a.Condition(Operator::kGreater, std::move(b));
  }
  friend Expression operator>=(const FieldOperand& a, Value b) {
    return a.Condition(Operator::kGreaterOrEqual, std::move(b));
  }

  Expression Between(Value low, Value high) const;
  Expression In(std::vector<Value> values) const;
  Expression NotIn(std::vector<Value> values) const;
  Expression Contains(Value value) const {
    return Condition(Operator::kContains, std::move(value));
  }
  Expression StartsWith(std::string prefix) const {
    return Condition(Operator::kStartsWith, std::move(prefix));
  }
  Expression EndsWith(std::string suffix) const {
    return Condition(Operator::kEndsWith, std::move(suffix));
  }
  // A pattern that RE2 refuses is reported by CheckExpression, before anything is run.
  Expression Matches(std::string pattern) const;
  Expression Any(Value item) const { return Condition(Operator::kAny, std::move(item)); }
  Expression IsNull() const;
  Expression Exists() const;

  // The same conditions on how long the field is.
  FieldOperand Length() const { return FieldOperand(Operand{operand_.path, true}); }

 private:
  Expression Condition(Operator op, Value constant) const;

  Operand operand_;
};

inline FieldOperand Field(std::string_view path) {
  return FieldOperand(Operand{ParseFieldPath(path), false});
}

struct ExpressionLimits {
  int depth = 100;
  std::size_t nodes = 10'000;
  std::size_t pattern_bytes = 1024;
};

// InvalidArgument if the expression is larger than the limits allow, names an empty path, or holds
// a bad pattern.
absl::Status CheckExpression(const Expression& expression, const ExpressionLimits& limits = {});

// In the text form, so that parsing it gives the same expression.
std::string ToString(const Expression& expression);

// A constant as the text form writes it.
std::string ConstantToText(const Value& value);

}  // namespace aurora
