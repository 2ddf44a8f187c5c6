#include "aurora/engine/stricter_rules.h"

#include <utility>

#include "aurora/engine/document/document_encoder.h"
#include "aurora/engine/document/limits.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {

std::shared_ptr<const StricterRules> RulesOfChange(const Schema& now, const Schema& next) {
  StricterRules rules;
  if (now.open()) {
    for (const FieldSchema& field : next.fields()) {
      if (!field.dropped() && now.Find(field.name) == nullptr)
        rules.new_names.push_back(field.name);
    }
  }
  if (rules.new_names.empty() && !now.MayBreak(next)) return nullptr;
  absl::StatusOr<std::shared_ptr<const Layout>> layout = Layout::Create(now.StricterBy(next));
  // Types are those of `now`, and rules those of `next`, which fit the same types.
  AURORA_CHECK(layout.ok());
  rules.layout = *std::move(layout);
  return std::make_shared<const StricterRules>(std::move(rules));
}

absl::Status CheckStricter(const StricterRules& rules, const DocumentId& id,
                           const ObjectView& fields) {
  for (const std::string& name : rules.new_names) {
    if (!fields.Find(name).has_value()) continue;
    return InvalidArgumentError("field ", Quoted(name), " is there undeclared, and is about to be ",
                                "declared");
  }
  return EncodeDocument(*rules.layout, id, fields, DocumentLimits::Absolute()).status();
}

}  // namespace aurora::engine
