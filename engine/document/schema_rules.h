// What makes a schema valid, and what tells two apart. Called through Schema.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/engine/document/value_view.h"

namespace aurora {

class Schema;
struct FieldAttributes;
struct FieldSchema;

namespace internal {

absl::Status ValidateSchema(const Schema& schema);

// `path` is what the fields of the two schemas are within, "" or "address.".
std::optional<std::string> SchemaDifference(const Schema& a, const Schema& b,
                                            std::string_view path);

// Whether `next` refuses a value that `now` takes, or may.
bool AddsRules(const FieldAttributes& now, const FieldAttributes& next);

}  // namespace internal
}  // namespace aurora
