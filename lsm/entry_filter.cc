#include "aurora/lsm/entry_filter.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "aurora/lsm/key.h"
#include "aurora/lsm/stripe.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

EntryFilter::EntryFilter(std::unique_ptr<EntryIterator> source, Options options)
    : source_(std::move(source)), options_(std::move(options)) {
  AURORA_CHECK(!options_.visible.empty());
  AURORA_DCHECK(std::is_sorted(options_.visible.begin(), options_.visible.end()));
}

Task<absl::Status> EntryFilter::Start() {
  if (options_.begin.empty()) return Continue(source_->SeekToFirst());
  return Continue(source_->Seek({options_.begin, Version::FromWord(UINT64_MAX)}));
}

Task<absl::Status> EntryFilter::Next() {
  AURORA_DCHECK(valid_);
  if (source_is_at_it_) return Continue(source_->Next());
  history_.Reset();  // the current entry was made of it
  return Continue(Task<absl::Status>(absl::OkStatus()));
}

Task<absl::Status> EntryFilter::Continue(Task<absl::Status> move) {
  valid_ = false;
  while (move.IsReady()) {
    if (absl::Status status = std::move(move).TakeReady(); !status.ok()) return status;
    absl::StatusOr<bool> more = Examine();
    if (!more.ok()) return std::move(more).status();
    if (!*more) return awaits_value() ? ContinueSlow(absl::OkStatus()) : absl::OkStatus();
    move = source_->Next();
  }
  return ContinueSlow(std::move(move));
}

Task<absl::Status> EntryFilter::ContinueSlow(Task<absl::Status> move) {
  AURORA_CO_RETURN_IF_ERROR(co_await std::move(move));
  for (;;) {
    AURORA_CO_ASSIGN(const bool more, Examine());
    if (awaits_value() && !more) {
      AURORA_CO_RETURN_IF_ERROR(co_await FetchValue());
      continue;
    }
    if (!more) co_return absl::OkStatus();
    AURORA_CO_RETURN_IF_ERROR(co_await source_->Next());
  }
}

Task<absl::Status> EntryFilter::FetchValue() {
  AURORA_CHECK(options_.values != nullptr);
  AURORA_CO_ASSIGN(PinnedValue value,
                   co_await options_.values->ReadValue(history_.handle(), /*fill_cache=*/false,
                                                       options_.sources));
  history_.SetValue(std::move(value));
  co_return absl::OkStatus();
}

bool EntryFilter::IsRangeDeleted(EntryKey entry, std::uint64_t stripe, bool same_stripe) {
  if (stripe >= options_.visible.size()) return false;  // alone
  if (!same_stripe) {
    cover_ = options_.range_deletes->Cover(entry.key, options_.visible[stripe]).sequence;
  }
  return entry.version.sequence() < cover_;
}

absl::StatusOr<bool> EntryFilter::Examine() {
  if (HasEnded()) {
    if (!history_.empty()) AURORA_RETURN_IF_ERROR(Emit(/*ends_key=*/true));
    return false;
  }
  const EntryKey entry = source_->key();
  const bool same_key = have_key_ && entry.key == key_;
  const std::uint64_t stripe = StripeOf(options_.visible, entry.version.sequence());
  if (!history_.empty() && (!same_key || stripe != stripe_)) {
    AURORA_RETURN_IF_ERROR(Emit(/*ends_key=*/!same_key));
    if (valid_ || awaits_value()) return false;
  }
  if (!same_key) AURORA_RETURN_IF_ERROR(BeginKey(entry.key));
  const bool same_stripe = same_key && stripe == stripe_;
  if (!same_stripe) {
    stripe_ = stripe;
    rest_is_hidden_ = false;
  }
  ++read_count_;
  if (rest_is_hidden_) return true;
  if (options_.range_deletes != nullptr && IsRangeDeleted(entry, stripe, same_stripe)) {
    rest_is_hidden_ = true;
    // The base of the operands that are not hidden.
    if (!history_.empty()) history_.AddFromIterator(Version(cover_, EntryKind::kDelete), {});
    return true;
  }
  if (entry.version.kind() == EntryKind::kSeparatedPut) {
    const PutForm form = ParsePutForm(source_->value());
    if (AURORA_UNLIKELY(form.expires()) && !AURORA_PLANTED_BUG("expiry-folded-under-operands")) {
      return ExamineExpiring(entry, form.expiry);
    }
  }
  if (entry.version.kind() == EntryKind::kPut || entry.version.kind() == EntryKind::kSeparatedPut) {
    rest_is_hidden_ = true;
    if (merge_operator_ == nullptr && !history_.has_operands()) {
      KeepAsItIs(entry);
      return false;
    }
    base_ = source_->value();
    history_.AddFromIterator(entry.version, base_);
  } else {
    rest_is_hidden_ = history_.AddFromIterator(entry.version, source_->value());
  }
  return true;
}

// Whatever follows.
void EntryFilter::KeepAsItIs(EntryKey entry) {
  version_ = entry.version;
  value_ = source_->value();
  valid_ = source_is_at_it_ = true;
}

absl::StatusOr<bool> EntryFilter::ExamineExpiring(EntryKey entry, Expiry expiry) {
  if (expiry <= options_.expired_through) {
    rest_is_hidden_ =
        history_.AddFromIterator(Version(entry.version.sequence(), EntryKind::kDelete), {});
    return true;
  }
  if (!history_.empty()) {
    // The operands first; then this entry is looked at again.
    --read_count_;
    AURORA_RETURN_IF_ERROR(Emit(/*ends_key=*/false));
    return false;
  }
  rest_is_hidden_ = true;
  KeepAsItIs(entry);
  return false;
}

absl::Status EntryFilter::BeginKey(std::string_view stored_key) {
  AURORA_DCHECK(history_.empty());
  key_ = stored_key;
  have_key_ = true;
  KeyspaceId keyspace = 0;
  if (!ParseStoredKey(key_, &keyspace, &user_key_)) {
    return DataLossError("a key without a keyspace: ", Quoted(key_));
  }
  merge_operator_ = options_.default_merge_operator;
  if (options_.merge_operators != nullptr) {
    const auto found = options_.merge_operators->find(keyspace);
    if (found != options_.merge_operators->end()) merge_operator_ = found->second;
  }
  return absl::OkStatus();
}

absl::Status EntryFilter::Emit(bool ends_key) {
  AURORA_DCHECK(!history_.empty() && !valid_);
  if (awaits_value()) return absl::OkStatus();
  const bool is_oldest = ends_key && options_.is_bottom(key_);
  AURORA_ASSIGN_OR_RETURN(const std::optional<KeyHistory::Entry> entry,
                          history_.Collapse(user_key_, merge_operator_, is_oldest, &folded_));
  if (!entry.has_value()) {
    history_.Reset();
    return absl::OkStatus();
  }
  version_ = entry->version;
  value_ = entry->value;
  valid_ = true;
  source_is_at_it_ = false;
  return absl::OkStatus();
}

}  // namespace aurora::lsm
