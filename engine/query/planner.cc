#include "aurora/engine/query/planner.h"

#include <optional>
#include <utility>

#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

struct Part {
  std::optional<RowsNode> rows;
  Expression residual;
};

const PlannerIndex* IndexOf(const Operand& operand, std::span<const PlannerIndex> indices) {
  if (operand.length || operand.path.size() != 1) return nullptr;
  for (const PlannerIndex& index : indices) {
    if (index.field == operand.path[0]) return &index;
  }
  return nullptr;
}

// Whether the terms of `index` answer this condition in full. Unique indices hold no nulls, and
// terms of array indices are items, so a null among the constants, or a comparison of whole arrays,
// is not theirs to answer.
bool Answers(const PlannerIndex& index, const Expression::Node& node) {
  const bool equality = node.op == Operator::kEqual || node.op == Operator::kIn;
  const bool membership = node.op == Operator::kAny || node.op == Operator::kContains;
  if (index.array ? !membership : !equality) return false;
  if (!index.unique) return true;
  for (const Value& value : node.constants) {
    if (value.is_null()) return false;
  }
  return true;
}

Part PlanLeaf(const Expression& where, std::span<const PlannerIndex> indices) {
  const Expression::Node& node = where.node();
  const PlannerIndex* index = IndexOf(node.operand, indices);
  if (index == nullptr || !Answers(*index, node)) return {std::nullopt, where};
  RowsNode lookup;
  lookup.index = *index;
  lookup.values = node.constants;
  return {std::move(lookup), Expression()};
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
    default:
      return PlanLeaf(where, indices);
  }
}

}  // namespace

AccessPlan PlanAccess(const Expression& where, std::span<const PlannerIndex> indices) {
  Part part = Plan(where, indices);
  AccessPlan plan;
  plan.scan = !part.rows.has_value();
  if (part.rows.has_value()) plan.rows = *std::move(part.rows);
  plan.residual = std::move(part.residual);
  return plan;
}

std::string ToString(const RowsNode& rows) {
  if (rows.kind == RowsNode::Kind::kLookup) {
    if (rows.values.size() == 1)
      return StrCat(rows.index.field, " = ", ConstantToText(rows.values[0]));
    std::string text = StrCat(rows.index.field, " in (");
    for (std::size_t i = 0; i < rows.values.size(); ++i)
      StrAppend(&text, i == 0 ? "" : ", ", ConstantToText(rows.values[i]));
    return text + ")";
  }
  std::string text;
  for (const RowsNode& child : rows.children) {
    if (!text.empty()) text += rows.kind == RowsNode::Kind::kAnd ? " & " : " | ";
    const bool nested = child.kind != RowsNode::Kind::kLookup;
    text += nested ? StrCat("(", ToString(child), ")") : ToString(child);
  }
  return text;
}

}  // namespace aurora
