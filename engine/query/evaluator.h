// The meaning of an expression (expression.h): the one place where filters, wherever they come
// from, are decided.
#pragma once

#include <optional>

#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/engine/query/expression.h"

namespace aurora {

// Whether `document` satisfies `expression`, which CheckExpression has accepted. Allocates nothing.
// Thread-safe.
bool Matches(const Expression& expression, const ObjectView& document);

// The same of a condition on one operand, whose value is at hand; nullopt if it is missing.
bool MatchesOperand(const Expression& condition, const std::optional<ValueView>& value);

// The value at `path`, nullopt if something on the way is missing. An array is entered by a numeric
// name.
std::optional<ValueView> ValueAt(const ObjectView& document, const FieldPath& path);

}  // namespace aurora
