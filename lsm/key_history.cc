#include "aurora/lsm/key_history.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

void KeyHistory::TakeForm(std::string_view* value) {
  const PutForm form = ParsePutForm(*value);
  base_ = form.is_separated ? Base::kSeparatedPut : Base::kPut;
  if (form.expires() && time_ != nullptr) {
    const bool is_ignored = AURORA_PLANTED_BUG("expiry-reveals-older-version");
    if (time_->HasExpired(form.expiry)) base_ = is_ignored ? Base::kUnknown : Base::kDelete;
  }
  if (base_ != Base::kDelete) expiry_ = form.expiry;
  *value = form.content;
}

bool KeyHistory::Classify(Version version, std::string_view* value) {
  AURORA_DCHECK(!done());
  if (AURORA_UNLIKELY(version.word() < hidden_below_)) version = Version::FromWord(hidden_below_);
  if (is_empty_) newest_ = version;
  is_empty_ = false;
  if (version.kind() == EntryKind::kMerge) return true;
  switch (version.kind()) {
    case EntryKind::kPut:
      base_ = Base::kPut;
      break;
    case EntryKind::kSeparatedPut:
      TakeForm(value);
      break;
    default:
      base_ = Base::kDelete;
  }
  return false;
}

bool KeyHistory::Add(Version version, std::string_view value,
                     const std::shared_ptr<const void>& owner) {
  if (Classify(version, &value)) {
    operands_.emplace_back(value, owner);
  } else if (base_ == Base::kPut || base_ == Base::kSeparatedPut) {
    base_value_ = PinnedValue(value, owner);
  }
  return done();
}

bool KeyHistory::AddFromIterator(Version version, std::string_view value) {
  if (Classify(version, &value)) {
    auto copy = std::make_shared<const std::string>(value);
    const std::string_view view = *copy;
    operands_.emplace_back(view, std::move(copy));
  } else if (base_ == Base::kPut || base_ == Base::kSeparatedPut) {
    base_value_ = PinnedValue(value, nullptr);
  }
  return done();
}

std::vector<std::string_view> KeyHistory::Operands() const {
  std::vector<std::string_view> oldest_first;
  oldest_first.reserve(operands_.size());
  for (auto it = operands_.rbegin(); it != operands_.rend(); ++it) {
    oldest_first.push_back(it->view());
  }
  if (AURORA_PLANTED_BUG("operands-newest-first")) {
    std::reverse(oldest_first.begin(), oldest_first.end());
  }
  return oldest_first;
}

namespace {
absl::Status NoOperatorError(std::string_view key) {
  return FailedPreconditionError("key ", Quoted(key),
                                 " holds merge operands, but its keyspace was opened without a "
                                 "merge operator; open the store with the one it was written with");
}
}  // namespace

absl::Status KeyHistory::Fold(std::string_view key, const MergeOperator* merge_operator,
                              std::string* value) const {
  AURORA_DCHECK(has_operands() && !needs_value());
  if (merge_operator == nullptr) return NoOperatorError(key);
  std::optional<std::string_view> base;
  if (base_ == Base::kPut) base = base_value_.view();
  value->clear();
  return merge_operator->Fold(key, base, Operands(), value);
}

absl::StatusOr<std::optional<PinnedValue>> KeyHistory::Resolve(
    std::string_view key, const MergeOperator* merge_operator) const {
  AURORA_DCHECK(!needs_value());
  if (!has_operands()) {
    if (base_ == Base::kPut) return std::optional<PinnedValue>(base_value_);
    return std::optional<PinnedValue>();
  }
  auto folded = std::make_shared<std::string>();
  AURORA_RETURN_IF_ERROR(Fold(key, merge_operator, folded.get()));
  const std::string_view view = *folded;
  return std::optional<PinnedValue>(PinnedValue(view, std::move(folded)));
}

absl::StatusOr<std::optional<std::string_view>> KeyHistory::Resolve(
    std::string_view key, const MergeOperator* merge_operator, std::string* scratch) const {
  AURORA_DCHECK(!needs_value());
  if (!has_operands()) {
    if (base_ == Base::kPut) return std::optional<std::string_view>(base_value_.view());
    return std::optional<std::string_view>();
  }
  AURORA_RETURN_IF_ERROR(Fold(key, merge_operator, scratch));
  return std::optional<std::string_view>(*scratch);
}

absl::StatusOr<std::optional<KeyHistory::Entry>> KeyHistory::Collapse(
    std::string_view key, const MergeOperator* merge_operator, bool is_oldest,
    std::string* scratch) const {
  AURORA_DCHECK(!empty());
  if (base_ == Base::kDelete && !has_operands()) {
    if (is_oldest) return std::optional<Entry>();
    return std::optional<Entry>(Entry{newest_, {}});
  }
  if (has_operands() && merge_operator == nullptr) return NoOperatorError(key);
  if (needs_value() && !has_operands()) {
    return std::optional<Entry>(
        Entry{Version(newest_.sequence(), EntryKind::kSeparatedPut), base_value_.view()});
  }

  const bool is_operand = !done() && !is_oldest;
  std::string_view value;
  if (is_operand) {
    if (operands_.size() == 1) return std::optional<Entry>(Entry{newest_, operands_[0].view()});
    scratch->clear();
    AURORA_RETURN_IF_ERROR(merge_operator->Combine(key, Operands(), scratch));
    return std::optional<Entry>(Entry{newest_, *scratch});
  }
  if (has_operands()) {
    AURORA_RETURN_IF_ERROR(Fold(key, merge_operator, scratch));
    value = *scratch;
  } else {
    value = base_value_.view();
  }
  if (is_oldest && merge_operator != nullptr && merge_operator->IsEmpty(value)) {
    return std::optional<Entry>();
  }
  return std::optional<Entry>(Entry{Version(newest_.sequence(), EntryKind::kPut), value});
}

void KeyHistory::Reset() {
  newest_ = Version();
  hidden_below_ = 0;
  is_empty_ = true;
  base_ = Base::kUnknown;
  expiry_ = kNeverExpires;
  base_value_ = PinnedValue();
  operands_.clear();
}

}  // namespace aurora::lsm
