// A merge operator for tests: appends, so that the order of operands shows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/lsm/merge_operator.h"

namespace aurora::lsm {

class AppendOperator final : public MergeOperator {
 public:
  absl::Status Fold(std::string_view, std::optional<std::string_view> base,
                    std::span<const std::string_view> operands, std::string* value) const override {
    *value = base.value_or("");
    for (const std::string_view operand : operands) value->append(operand);
    return absl::OkStatus();
  }
  absl::Status Combine(std::string_view key, std::span<const std::string_view> operands,
                       std::string* operand) const override {
    return Fold(key, std::nullopt, operands, operand);
  }
  bool IsEmpty(std::string_view value) const override { return value.empty(); }
};

}  // namespace aurora::lsm
