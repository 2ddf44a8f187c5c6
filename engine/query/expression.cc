#include "aurora/engine/query/expression.h"

#include <cctype>

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

Expression Leaf(Operator op, Operand operand, std::vector<Value> constants) {
  Expression::Node node;
  node.op = op;
  node.operand = std::move(operand);
  node.constants = std::move(constants);
  return Expression(std::move(node));
}

// Joins two expressions, and flattens chains of the same connective, so that depth counts
// alternations only.
Expression Connect(Operator op, const Expression& a, const Expression& b) {
  Expression::Node node;
  node.op = op;
  for (const Expression* side : {&a, &b}) {
    if (side->node().op == op) {
      node.children.insert(node.children.end(), side->node().children.begin(),
                           side->node().children.end());
    } else {
      node.children.push_back(*side);
    }
  }
  return Expression(std::move(node));
}

struct Size {
  std::size_t nodes = 0;
};

absl::Status CheckLeaf(const Expression::Node& node, const ExpressionLimits& limits) {
  if (node.op == Operator::kTrue) return absl::OkStatus();
  for (const std::string& name : node.operand.path) {
    if (name.empty()) {
      return InvalidArgumentError(
          "query: field path ", Quoted(FieldPathToString(node.operand.path)), " has an empty name");
    }
  }
  if (node.op != Operator::kMatches) return absl::OkStatus();
  const std::string& pattern = node.constants[0].AsString();
  if (pattern.size() > limits.pattern_bytes) {
    return InvalidArgumentError("query: pattern of ", pattern.size(), " bytes; at most ",
                                limits.pattern_bytes);
  }
  if (!node.pattern->ok()) {
    return InvalidArgumentError("query: pattern ", Quoted(pattern), ": ", node.pattern->error());
  }
  return absl::OkStatus();
}

absl::Status Check(const Expression& expression, const ExpressionLimits& limits, int depth,
                   Size* size) {
  if (depth > limits.depth)
    return InvalidArgumentError("query: nested deeper than ", limits.depth, " levels");
  const Expression::Node& node = expression.node();
  size->nodes += 1 + node.constants.size();
  if (size->nodes > limits.nodes)
    return InvalidArgumentError("query: more than ", limits.nodes, " conditions and constants");
  if (node.children.empty()) return CheckLeaf(node, limits);
  for (const Expression& child : node.children)
    AURORA_RETURN_IF_ERROR(Check(child, limits, depth + 1, size));
  return absl::OkStatus();
}

std::string_view Symbol(Operator op) {
  switch (op) {
    case Operator::kEqual:
      return " == ";
    case Operator::kNotEqual:
      return " != ";
    case Operator::kLess:
      return " < ";
    case Operator::kLessOrEqual:
      return " <= ";
    case Operator::kGreater:
      return " > ";
    case Operator::kGreaterOrEqual:
      return " >= ";
    case Operator::kContains:
      return " contains ";
    case Operator::kStartsWith:
      return " starts_with ";
    case Operator::kEndsWith:
      return " ends_with ";
    case Operator::kMatches:
      return " matches ";
    case Operator::kAny:
      return " any ";
    case Operator::kIn:
      return " in ";
    case Operator::kNotIn:
      return " not in ";
    default:
      return "";
  }
}

std::string LeafToString(const Expression::Node& node) {
  const std::string path = FieldPathToString(node.operand.path);
  const std::string operand = node.operand.length ? StrCat("length(", path, ")") : path;
  switch (node.op) {
    case Operator::kTrue:
      return "true";
    case Operator::kIsNull:
      return operand + " is null";
    case Operator::kExists:
      return StrCat("exists ", operand);
    case Operator::kBetween:
      return StrCat(operand, " between ", ConstantToText(node.constants[0]), " and ",
                    ConstantToText(node.constants[1]));
    case Operator::kIn:
    case Operator::kNotIn: {
      std::string text = StrCat(operand, Symbol(node.op), "(");
      for (std::size_t i = 0; i < node.constants.size(); ++i) {
        StrAppend(&text, i == 0 ? "" : ", ", ConstantToText(node.constants[i]));
      }
      return text + ")";
    }
    default:
      return StrCat(operand, Symbol(node.op), ConstantToText(node.constants[0]));
  }
}

bool IsPlainName(std::string_view name) {
  if (name.empty()) return false;
  for (const char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') return false;
  }
  return true;
}

// A string as JSON writes it, so that the text form can read any string back.
std::string StringToText(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += {kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out.push_back(c);
    }
  }
  return out + "\"";
}

}  // namespace

FieldPath ParseFieldPath(std::string_view dotted) {
  FieldPath path;
  while (true) {
    const std::size_t dot = dotted.find('.');
    path.emplace_back(dotted.substr(0, dot));
    if (dot == std::string_view::npos) return path;
    dotted.remove_prefix(dot + 1);
  }
}

std::string FieldPathToString(const FieldPath& path) {
  std::string text;
  for (const std::string& name : path) {
    if (!text.empty()) text.push_back('.');
    if (IsPlainName(name)) {
      text += name;
    } else {
      StrAppend(&text, "`", name, "`");
    }
  }
  return text;
}

Expression::Expression() {
  static const std::shared_ptr<const Node> everything = std::make_shared<const Node>();
  node_ = everything;
}

Expression operator&&(const Expression& a, const Expression& b) {
  if (a.MatchesAll()) return b;
  if (b.MatchesAll()) return a;
  return Connect(Operator::kAnd, a, b);
}

Expression operator||(const Expression& a, const Expression& b) {
  if (a.MatchesAll() || b.MatchesAll()) return Expression();
  return Connect(Operator::kOr, a, b);
}

Expression operator!(const Expression& a) {
  if (a.node().op == Operator::kNot) return a.node().children[0];
  Expression::Node node;
  node.op = Operator::kNot;
  node.children.push_back(a);
  return Expression(std::move(node));
}

Expression FieldOperand::Condition(Operator op, Value constant) const {
  std::vector<Value> constants;
  constants.push_back(std::move(constant));
  return Leaf(op, operand_, std::move(constants));
}

Expression FieldOperand::Between(Value low, Value high) const {
  std::vector<Value> bounds;
  bounds.push_back(std::move(low));
  bounds.push_back(std::move(high));
  return Leaf(Operator::kBetween, operand_, std::move(bounds));
}

Expression FieldOperand::In(std::vector<Value> values) const {
  return Leaf(Operator::kIn, operand_, std::move(values));
}
Expression FieldOperand::NotIn(std::vector<Value> values) const {
  return Leaf(Operator::kNotIn, operand_, std::move(values));
}
Expression FieldOperand::IsNull() const { return Leaf(Operator::kIsNull, operand_, {}); }
Expression FieldOperand::Exists() const { return Leaf(Operator::kExists, operand_, {}); }

Expression FieldOperand::Matches(std::string pattern) const {
  RE2::Options options;
  options.set_log_errors(false);
  Expression::Node node;
  node.op = Operator::kMatches;
  node.operand = operand_;
  node.pattern = std::make_shared<const RE2>(pattern, options);
  node.constants.emplace_back(std::move(pattern));
  return Expression(std::move(node));
}

absl::Status CheckExpression(const Expression& expression, const ExpressionLimits& limits) {
  Size size;
  return Check(expression, limits, 1, &size);
}

std::string ConstantToText(const Value& value) {
  switch (value.type()) {
    case Type::kString:
      return StringToText(value.AsString());
    case Type::kArray: {
      std::string text = "[";
      for (const Value& item : value.AsArray())
        StrAppend(&text, text.size() == 1 ? "" : ", ", ConstantToText(item));
      return text + "]";
    }
    default:
      return DebugString(value, SIZE_MAX);
  }
}

std::string ToString(const Expression& expression) {
  const Expression::Node& node = expression.node();
  if (node.op == Operator::kNot) return StrCat("not (", ToString(node.children[0]), ")");
  if (node.op != Operator::kAnd && node.op != Operator::kOr) return LeafToString(node);
  std::string text;
  for (const Expression& child : node.children) {
    if (!text.empty()) text += node.op == Operator::kAnd ? " and " : " or ";
    const bool nested = !child.node().children.empty() && child.node().op != Operator::kNot;
    text += nested ? StrCat("(", ToString(child), ")") : ToString(child);
  }
  return text;
}

}  // namespace aurora
