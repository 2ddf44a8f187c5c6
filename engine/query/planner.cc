#include "aurora/engine/query/planner.h"

#include <algorithm>
#include <utility>

#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/document/value.h"
#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

using index::TermRange;

struct Part {
  std::optional<RowsNode> rows;
  Expression residual;
};

// The terms that a comparison with `bound` holds for: those of its kind, on one side of it. Terms
// are prefix-free, and an index adds bytes behind them: so those of one term begin with it.
TermRange RangeOf(Operator op, const Value& bound) {
  const KeyRange kind = KeyRangeOf(bound.type());
  const std::string term = EncodeKey(bound);
  switch (op) {
    case Operator::kLess:
      return {kind.begin, term};
    case Operator::kLessOrEqual:
      return {kind.begin, PrefixSuccessor(term)};
    case Operator::kGreater:
      return {PrefixSuccessor(term), kind.end};
    default:
      return {term, kind.end};
  }
}

TermRange Intersect(TermRange a, const TermRange& b) {
  a.begin = std::max(a.begin, b.begin);
  a.end = std::min(a.end, b.end);
  return a;
}

bool IsScalar(const Value& value) {
  return !value.is_null() && value.type() != Type::kArray && value.type() != Type::kObject;
}

std::optional<TermRange> TermRangeOf(const Expression::Node& node) {
  for (const Value& bound : node.constants) {
    if (!IsScalar(bound)) return std::nullopt;
  }
  switch (node.op) {
    case Operator::kLess:
    case Operator::kLessOrEqual:
    case Operator::kGreater:
    case Operator::kGreaterOrEqual:
      return RangeOf(node.op, node.constants[0]);
    case Operator::kBetween:
      return Intersect(RangeOf(Operator::kGreaterOrEqual, node.constants[0]),
                       RangeOf(Operator::kLessOrEqual, node.constants[1]));
    case Operator::kStartsWith: {
      if (node.constants[0].type() != Type::kString) return std::nullopt;
      const KeyRange range = KeyRangeOfPrefix(node.constants[0].AsString());
      return TermRange{range.begin, range.end};
    }
    default:
      return std::nullopt;
  }
}

std::vector<std::string> TermsOf(const std::vector<Value>& values) {
  std::vector<std::string> terms;
  for (const Value& value : values) terms.push_back(EncodeKey(value));
  std::sort(terms.begin(), terms.end());
  terms.erase(std::unique(terms.begin(), terms.end()), terms.end());
  return terms;
}

// What `index` has for a condition on its field, if that answers it in full. Unique indices hold no
// nulls, and terms of array indices are items, so a null among the constants, or a comparison of
// whole arrays, is not theirs to answer.
std::optional<RowsNode> Answer(const PlannerIndex& index, const Expression::Node& node) {
  RowsNode answer;
  const bool equality = node.op == Operator::kEqual || node.op == Operator::kIn;
  const bool membership = node.op == Operator::kAny || node.op == Operator::kContains;
  const bool is_null = node.op == Operator::kIsNull && !index.unique && !index.array;
  if (index.array ? membership : equality) {
    const auto null = [](const Value& value) { return value.is_null(); };
    if (index.unique && std::any_of(node.constants.begin(), node.constants.end(), null)) {
      return std::nullopt;
    }
    answer.terms = TermsOf(node.constants);
    return answer;
  }
  if (is_null) {
    answer.terms = TermsOf({Value()});
    return answer;
  }
  if (index.array) return std::nullopt;
  std::optional<TermRange> range = TermRangeOf(node);
  if (!range.has_value()) return std::nullopt;
  if (range->begin >= range->end) return answer;  // no row
  answer.kind = RowsNode::Kind::kRange;
  answer.range = *std::move(range);
  return answer;
}

Part PlanLeaf(const Expression& where, std::span<const PlannerIndex> indices) {
  const Expression::Node& node = where.node();
  if (node.operand.length || node.operand.path.size() != 1) return {std::nullopt, where};
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i].ready || indices[i].field != node.operand.path[0]) continue;
    std::optional<RowsNode> rows = Answer(indices[i], node);
    if (!rows.has_value()) continue;
    rows->index = i;
    rows->condition = where;
    return {std::move(rows), Expression()};
  }
  return {std::nullopt, where};
}

RowsNode Combine(RowsNode::Kind kind, std::vector<RowsNode> children) {
  if (children.size() == 1) return std::move(children[0]);
  RowsNode node;
  node.kind = kind;
  node.children = std::move(children);
  return node;
}

Part Plan(const Expression& where, std::span<const PlannerIndex> indices);

// What one child answers narrows the rows; what it leaves stays to be checked.
Part PlanAnd(const Expression& where, std::span<const PlannerIndex> indices) {
  std::vector<RowsNode> rows;
  Expression residual;
  for (const Expression& child : where.node().children) {
    Part part = Plan(child, indices);
    if (part.rows.has_value()) rows.push_back(*std::move(part.rows));
    residual = residual && part.residual;
  }
  if (rows.empty()) return {std::nullopt, where};
  return {Combine(RowsNode::Kind::kAnd, std::move(rows)), residual};
}

// A union bounds the rows only if every child bounds its own; the residual must then be the whole,
// unless all are exact.
Part PlanOr(const Expression& where, std::span<const PlannerIndex> indices) {
  std::vector<RowsNode> rows;
  bool exact = true;
  for (const Expression& child : where.node().children) {
    Part part = Plan(child, indices);
    if (!part.rows.has_value()) return {std::nullopt, where};
    exact = exact && part.residual.MatchesAll();
    rows.push_back(*std::move(part.rows));
  }
  return {Combine(RowsNode::Kind::kOr, std::move(rows)), exact ? Expression() : where};
}

Part Plan(const Expression& where, std::span<const PlannerIndex> indices) {
  switch (where.node().op) {
    case Operator::kAnd:
      return PlanAnd(where, indices);
    case Operator::kOr:
      return PlanOr(where, indices);
    case Operator::kTrue:
    case Operator::kNot:
      return {std::nullopt, where};
    default:
      return PlanLeaf(where, indices);
  }
}

// The index of a field in whose terms every row is once.
std::optional<std::size_t> WholeIndexOf(const FieldPath& path,
                                        std::span<const PlannerIndex> indices) {
  if (path.size() != 1) return std::nullopt;
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const PlannerIndex& index = indices[i];
    const bool has_all = !index.unique || index.required;
    if (index.ready && index.field == path[0] && !index.array && has_all) return i;
  }
  return std::nullopt;
}

}  // namespace

AccessPlan PlanAccess(const QuerySpec& spec, std::span<const PlannerIndex> indices) {
  Part part = Plan(spec.where, indices);
  AccessPlan plan;
  plan.scan = !part.rows.has_value();
  if (part.rows.has_value()) plan.rows = *std::move(part.rows);
  plan.residual = std::move(part.residual);
  if (spec.groups()) {
    if (spec.group_by.size() == 1) plan.group_index = WholeIndexOf(spec.group_by[0], indices);
  } else if (!spec.order_by.empty()) {
    plan.order_index = WholeIndexOf(spec.order_by[0].path, indices);
  }
  return plan;
}

std::string ToString(const RowsNode& rows) {
  const bool leaf = rows.kind == RowsNode::Kind::kLookup || rows.kind == RowsNode::Kind::kRange;
  if (leaf) return ToString(rows.condition);
  std::string text;
  for (const RowsNode& child : rows.children) {
    if (!text.empty()) text += rows.kind == RowsNode::Kind::kAnd ? " & " : " | ";
    text += child.children.empty() ? ToString(child) : StrCat("(", ToString(child), ")");
  }
  return text;
}

}  // namespace aurora
