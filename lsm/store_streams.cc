// Values that are written and read in parts, of any size.
//
// A value that is written in parts gets a value file of its own. Once that is on the device, and
// the manifest names it, one commit may claim it: its record holds the handle and the hash of the
// file, and nothing more is written for it. Until a flush has put the handle into a table, no table
// needs the file; staged_ is what keeps it, also until the record is archived. What was never
// claimed is dropped: when its StagedValue goes, or by the next open, which knows the claims from
// the log.
#include <algorithm>
#include <cstring>
#include <utility>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/lookup.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// A claim: the handle, and the hash of the value file.
constexpr std::size_t kClaimBytes = kValueHandleBytes + 8;

std::uint64_t HashOf(std::string_view claim) {
  return LoadFixed<std::uint64_t>(claim.data() + kValueHandleBytes);
}

absl::StatusOr<ValueHandle> ParseClaim(std::string_view claim) {
  if (claim.size() != kClaimBytes) {
    return InvalidArgumentError("a claim of a value has ", claim.size(), " bytes");
  }
  return DecodeValueHandle(claim.substr(0, kValueHandleBytes));
}

// Of a value that is in memory.
class PinnedReader final : public ValueReader {
 public:
  explicit PinnedReader(PinnedValue value) : value_(std::move(value)) {}
  std::uint64_t size_bytes() const override { return value_.view().size(); }
  Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset, std::span<char> out) override {
    const std::string_view view = value_.view();
    const std::size_t begin = std::min<std::uint64_t>(offset, view.size());
    const std::size_t count = std::min(out.size(), view.size() - begin);
    if (count > 0) std::memcpy(out.data(), view.data() + begin, count);
    co_return count;
  }

 private:
  const PinnedValue value_;
};

// Of one in a value file, which the view keeps.
class FileReader final : public ValueReader {
 public:
  FileReader(std::shared_ptr<const ReadView> view, ValueFile* file, const ValueHandle& handle,
             StoreStatistics* statistics)
      : view_(std::move(view)), file_(file), handle_(handle), statistics_(*statistics) {}
  std::uint64_t size_bytes() const override { return handle_.bytes; }
  Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset, std::span<char> out) override {
    BlockSources sources;
    absl::StatusOr<std::size_t> count = co_await file_->ReadPart(handle_, offset, out, &sources);
    statistics_.Count(StoreStatistics::Counter::kBytesReadByGets, sources.device_bytes);
    co_return count;
  }

 private:
  const std::shared_ptr<const ReadView> view_;
  ValueFile* const file_;
  const ValueHandle handle_;
  StoreStatistics& statistics_;
};

}  // namespace

// --- Writing. ---

class StoreImpl::Staging final : public StagedValue {
 public:
  Staging(StoreImpl* store, const ValueHandle& handle, std::uint64_t hash)
      : store_(store), handle_(handle), claim_(EncodeValueHandle(handle)) {
    AppendFixed64(&claim_, hash);
  }
  ~Staging() override { store_->Unstage(handle_.file); }
  std::string_view claim() const override { return claim_; }
  std::uint64_t size_bytes() const override { return handle_.bytes; }

 private:
  StoreImpl* const store_;
  const ValueHandle handle_;
  std::string claim_;
};

class StoreImpl::Writing final : public ValueWriter {
 public:
  Writing(StoreImpl* store, std::uint64_t number, std::unique_ptr<File> file)
      : store_(*store), number_(number) {
    ValueFileBuilderOptions options;
    options.identity = store_.IdentityOf(number);
    options.id = number;
    options.memory = store_.options_.memory;
    builder_ = std::make_unique<ValueFileBuilder>(std::move(file), options);
  }
  ~Writing() override {
    if (builder_ == nullptr) return;
    builder_ = nullptr;
    store_.obsolete_.Add({ValueFileName(number_), nullptr, nullptr});
  }

  Task<absl::Status> Append(std::string_view part) override {
    AURORA_CHECK(builder_ != nullptr && "the value is finished");
    if (part.empty()) co_return absl::OkStatus();
    any_ = true;
    co_return co_await builder_->Append(part);
  }

  Task<absl::StatusOr<std::unique_ptr<StagedValue>>> Finish() override {
    AURORA_CHECK(builder_ != nullptr && "the value is finished");
    if (!any_) co_return InvalidArgumentError("a value that is written in parts has no bytes");
    AURORA_CO_ASSIGN(const ValueHandle handle, co_await builder_->EndValue());
    AURORA_CO_ASSIGN(const ValueFileSummary summary, co_await builder_->Finish());
    AURORA_CO_RETURN_IF_ERROR(
        co_await store_.environment_.files().SyncDirectory(store_.options_.directory));
    builder_ = nullptr;  // from here on the file is the store's
    const ValueFileInfo info{number_,
                             number_,
                             summary.file_bytes,
                             summary.file_hash,
                             summary.value_count,
                             summary.stored_bytes};
    store_.statistics_.Count(StoreStatistics::Counter::kBytesStaged, info.size_bytes);
    store_.events_.Post(ValueFileCreated{number_, info.size_bytes, info.value_count});
    AURORA_CO_RETURN_IF_ERROR(co_await store_.Stage(info));
    co_return std::make_unique<Staging>(&store_, handle, info.hash);
  }

 private:
  StoreImpl& store_;
  const std::uint64_t number_;
  std::unique_ptr<ValueFileBuilder> builder_;  // until it is finished
  bool any_ = false;
};

Task<absl::StatusOr<std::unique_ptr<ValueWriter>>> StoreImpl::NewValue() {
  if (options_.read_only || poisoned() || closing()) {
    const std::lock_guard lock(state_mutex_);
    co_return UnusableError();
  }
  AURORA_CO_ASSIGN(const std::uint64_t number, co_await NewFileNumber());
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await CreateFile(ValueFileName(number)));
  co_return std::make_unique<Writing>(this, number, std::move(file));
}

Task<absl::Status> StoreImpl::Stage(ValueFileInfo info) {
  {
    const std::lock_guard lock(state_mutex_);
    staged_[info.id] = {.sequence = 0, .hash = info.hash};
  }
  TreeChange change;
  change.edit.added_value_files = {info};
  change.values.added = {std::make_shared<TreeValueFile>(info, this, &obsolete_)};
  change.waits_for_room = false;
  absl::Status installed = co_await Install(std::move(change));
  // The view that holds the file was set before any commit can name it: see ConsistentView.
  has_staged_.store(true, std::memory_order_seq_cst);
  if (!installed.ok()) Unstage(info.id);
  co_return installed;
}

void StoreImpl::Unstage(std::uint64_t id) {
  {
    const std::lock_guard lock(state_mutex_);
    const auto found = staged_.find(id);
    if (found == staged_.end() || found->second.sequence != 0) return;
    staged_.erase(found);
  }
  event_.Notify();
}

// --- Claiming. ---

absl::StatusOr<ValueFileInfo> StoreImpl::FileOfClaim(std::string_view claim) {
  AURORA_ASSIGN_OR_RETURN(const ValueHandle handle, ParseClaim(claim));
  const std::lock_guard lock(state_mutex_);
  const auto found = tree_->value_files().find(handle.file);
  if (found == tree_->value_files().end() || found->second.file->info().hash != HashOf(claim)) {
    return DataLossError(ValueFileName(handle.file), " is not there as it was claimed");
  }
  return found->second.file->info();
}

absl::Status StoreImpl::CheckClaims(std::span<const Mutation> mutations) const {
  std::vector<std::uint64_t> files;
  const std::lock_guard lock(state_mutex_);
  for (const Mutation& mutation : mutations) {
    if (mutation.kind != EntryKind::kSeparatedPut) continue;
    AURORA_ASSIGN_OR_RETURN(const ValueHandle handle, ParseClaim(mutation.value));
    const auto staged = staged_.find(handle.file);
    const bool is_again = std::find(files.begin(), files.end(), handle.file) != files.end();
    if (staged == staged_.end() || staged->second.sequence != 0 || is_again ||
        staged->second.hash != HashOf(mutation.value)) {
      return InvalidArgumentError("key ", Quoted(mutation.key),
                                  " claims a value that does not wait to be committed");
    }
    files.push_back(handle.file);
  }
  return absl::OkStatus();
}

void StoreImpl::TakeClaims(std::span<const Mutation> mutations, Sequence sequence) {
  const std::lock_guard lock(state_mutex_);
  for (const Mutation& mutation : mutations) {
    if (mutation.kind != EntryKind::kSeparatedPut) continue;
    staged_.at(ParseClaim(mutation.value)->file).sequence = sequence;
  }
}

absl::Status StoreImpl::ReplayClaim(const Mutation& mutation, Sequence sequence) {
  AURORA_ASSIGN_OR_RETURN(const ValueHandle handle, ParseClaim(mutation.value));
  // Beside a writer it may have moved, or be gone where a later record replaces it.
  if (options_.read_only) return absl::OkStatus();
  const auto found = tree_->value_files().find(handle.file);
  if (found == tree_->value_files().end() ||
      found->second.file->info().hash != HashOf(mutation.value)) {
    return DataLossError("commit ", sequence, " names ", ValueFileName(handle.file),
                         ", which is not there as it was");
  }
  const std::lock_guard lock(state_mutex_);
  staged_[handle.file] = {.sequence = sequence, .hash = HashOf(mutation.value)};
  return absl::OkStatus();
}

void StoreImpl::ForgetClaims(Sequence through) {
  if (staged_.empty()) return;
  if (archiver_ != nullptr) through = std::min(through, archiver_->released_through());
  std::erase_if(staged_, [through](const auto& staged) {
    return staged.second.sequence != 0 && staged.second.sequence <= through;
  });
}

Mutation StoreImpl::WithoutHash(Mutation mutation) {
  mutation.value = mutation.value.substr(0, kValueHandleBytes);
  return mutation;
}

// What neither a table nor a record names was written for a commit that there is not.
Task<absl::Status> StoreImpl::DropUnclaimedValues() {
  const TreeChange change = DropOfUnneededValues();
  if (change.edit.removed_value_files.empty()) co_return absl::OkStatus();
  const absl::Status appended = co_await manifest_->Append(change.edit);
  // On a full device it can wait until the next open.
  if (!appended.ok()) co_return absl::IsResourceExhausted(appended) ? absl::OkStatus() : appended;
  for (const auto& file : change.obsolete_values) file->MarkObsolete();
  tree_ = tree_->With({}, {}, change.values);
  co_return absl::OkStatus();
}

// --- Reading. ---

Task<absl::StatusOr<std::unique_ptr<ValueReader>>> StoreImpl::OpenValue(KeyspaceId keyspace,
                                                                        std::string_view key,
                                                                        ReadPoint point) {
  const std::int64_t start = Now();
  Sequence published = 0;
  std::shared_ptr<const ReadView> view = ConsistentView(&published, 1);
  const Sequence at = point.sequence == kMaxSequence ? published : point.sequence;
  Lookup lookup{keyspace,
                key,
                at,
                nullptr,
                FindMergeOperator(keyspace),
                &statistics_,
                &environment_,
                snapshots_->TimeOf(point)};
  KeyHistory history;
  history.SetTime(&lookup.time);
  std::uint64_t bytes_read = 0;
  AURORA_CO_RETURN_IF_ERROR(co_await Collect(view.get(), &lookup, 0, &history, &bytes_read));
  if (history.needs_value() && !history.has_operands()) {
    AURORA_CO_ASSIGN(const ValueHandle handle, DecodeValueHandle(history.handle()));
    AURORA_CO_ASSIGN(ValueFile* const file, co_await view->tree->OpenValueFile(handle.file));
    CountWait(lookup, start, bytes_read);
    co_return std::make_unique<FileReader>(std::move(view), file, handle, &statistics_);
  }
  AURORA_CO_RETURN_IF_ERROR(co_await FetchBase(view.get(), &lookup, &history, &bytes_read));
  CountWait(lookup, start, bytes_read);
  AURORA_CO_ASSIGN(std::optional<PinnedValue> value, Resolved(history, lookup));
  if (!value.has_value()) co_return std::unique_ptr<ValueReader>();
  co_return std::make_unique<PinnedReader>(*std::move(value));
}

}  // namespace aurora::lsm
