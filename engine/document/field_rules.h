// The checks of a field's values that its attributes ask for, ready to run: patterns compiled,
// values that an enumeration allows sorted.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/document/field_attributes.h"
#include "aurora/engine/document/value_view.h"

namespace re2 {
class RE2;
}

namespace aurora {

// Longest pattern, in bytes. RE2 runs in time linear in the text, whatever the pattern.
inline constexpr std::size_t kPatternBytesMax = 1024;

// Immutable and safe from every thread.
class FieldRules {
 public:
  // No rules.
  FieldRules() = default;
  // `attributes` fit the type of the field (Schema::Validate). InvalidArgument if the pattern is no
  // regular expression.
  static absl::StatusOr<FieldRules> Compile(const FieldAttributes& attributes);

  bool empty() const { return !has_rules_; }

  // What is wrong with `value`, which is of the field's type: "is less than the minimum, 0".
  // nullopt if nothing.
  std::optional<std::string> Violation(const ValueView& value) const;

 private:
  std::optional<std::string> LengthViolation(const ValueView& value) const;

  bool has_rules_ = false;
  std::optional<Value> min_;
  std::optional<Value> max_;
  std::optional<std::uint64_t> min_length_;
  std::optional<std::uint64_t> max_length_;
  std::vector<Value> one_of_;  // sorted
  std::optional<TextFormat> format_;
  std::shared_ptr<const re2::RE2> pattern_;
};

// Whether `text` has the form.
bool MatchesFormat(TextFormat format, std::string_view text);

}  // namespace aurora
