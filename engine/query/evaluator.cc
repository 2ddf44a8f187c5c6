#include "aurora/engine/query/evaluator.h"

#include <charconv>
#include <string_view>

#include "aurora/runtime/check.h"
#include "re2/re2.h"

namespace aurora {
namespace {

std::optional<std::size_t> ParseIndex(std::string_view name) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return index;
}

std::optional<ValueView> Step(const ValueView& value, std::string_view name) {
  if (value.type() == Type::kObject) return value.AsObject().Find(name);
  if (value.type() != Type::kArray) return std::nullopt;
  const std::optional<std::size_t> index = ParseIndex(name);
  if (!index.has_value() || *index >= value.AsArray().size()) return std::nullopt;
  return value.AsArray()[*index];
}

// A missing operand and a null one are told apart only by kExists.
std::optional<ValueView> OperandOf(const Operand& operand, const ObjectView& document) {
  std::optional<ValueView> value = ValueAt(document, operand.path);
  if (!operand.length || !value.has_value()) return value;
  if (value->type() == Type::kString)
    return ValueView(static_cast<std::int64_t>(value->AsString().size()));
  if (value->type() == Type::kArray)
    return ValueView(static_cast<std::int64_t>(value->AsArray().size()));
  return std::nullopt;
}

bool SameKind(const ValueView& a, const ValueView& b) {
  return a.type() == b.type() || (a.is_number() && b.is_number());
}

// Ranges hold only within a kind, and never for null.
bool InRange(const ValueView& value, Operator op, const ValueView& bound) {
  if (value.is_null() || !SameKind(value, bound)) return false;
  const std::strong_ordering order = Compare(value, bound);
  switch (op) {
    case Operator::kLess:
      return order < 0;
    case Operator::kLessOrEqual:
      return order <= 0;
    case Operator::kGreater:
      return order > 0;
    default:
      AURORA_DCHECK(op == Operator::kGreaterOrEqual);
      return order >= 0;
  }
}

bool EqualsAny(const ValueView& value, const std::vector<Value>& constants) {
  for (const Value& constant : constants) {
    if (Equal(value, constant)) return true;
  }
  return false;
}

bool HasItem(const ValueView& value, const ValueView& wanted) {
  if (value.type() != Type::kArray) return false;
  for (const ValueView item : value.AsArray()) {
    if (Equal(item, wanted)) return true;
  }
  return false;
}

bool MatchesText(Operator op, const ValueView& value, const Expression::Node& node) {
  if (value.type() != Type::kString) return false;
  const std::string_view text = value.AsString();
  if (op == Operator::kMatches)
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *node.pattern);
  const Value& constant = node.constants[0];
  if (constant.type() != Type::kString) return false;
  const std::string_view wanted = constant.AsString();
  switch (op) {
    case Operator::kStartsWith:
      return text.starts_with(wanted);
    case Operator::kEndsWith:
      return text.ends_with(wanted);
    default:
      AURORA_DCHECK(op == Operator::kContains);
      return text.find(wanted) != std::string_view::npos;
  }
}

bool MatchesLeaf(const Expression::Node& node, const std::optional<ValueView>& found) {
  const ValueView value = found.value_or(ValueView());
  switch (node.op) {
    case Operator::kExists:
      return found.has_value();
    case Operator::kIsNull:
      return value.is_null();
    case Operator::kEqual:
      return Equal(value, node.constants[0]);
    case Operator::kNotEqual:
      return !Equal(value, node.constants[0]);
    case Operator::kIn:
      return EqualsAny(value, node.constants);
    case Operator::kNotIn:
      return !EqualsAny(value, node.constants);
    case Operator::kBetween:
      return InRange(value, Operator::kGreaterOrEqual, node.constants[0]) &&
             InRange(value, Operator::kLessOrEqual, node.constants[1]);
    case Operator::kAny:
      return HasItem(value, node.constants[0]);
    case Operator::kContains:
      return HasItem(value, node.constants[0]) || MatchesText(node.op, value, node);
    case Operator::kStartsWith:
    case Operator::kEndsWith:
    case Operator::kMatches:
      return MatchesText(node.op, value, node);
    default:
      return InRange(value, node.op, node.constants[0]);
  }
}

}  // namespace

std::optional<ValueView> ValueAt(const ObjectView& document, const FieldPath& path) {
  std::optional<ValueView> value = document.Find(path[0]);
  for (std::size_t i = 1; i < path.size() && value.has_value(); ++i) value = Step(*value, path[i]);
  return value;
}

bool MatchesOperand(const Expression& condition, const std::optional<ValueView>& value) {
  return MatchesLeaf(condition.node(), value);
}

bool Matches(const Expression& expression, const ObjectView& document) {
  const Expression::Node& node = expression.node();
  switch (node.op) {
    case Operator::kTrue:
      return true;
    case Operator::kNot:
      return !Matches(node.children[0], document);
    case Operator::kAnd:
      for (const Expression& child : node.children) {
        if (!Matches(child, document)) return false;
      }
      return true;
    case Operator::kOr:
      for (const Expression& child : node.children) {
        if (Matches(child, document)) return true;
      }
      return false;
    default:
      return MatchesLeaf(node, OperandOf(node.operand, document));
  }
}

}  // namespace aurora
