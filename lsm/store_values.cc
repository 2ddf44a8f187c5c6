// Collecting the garbage of value files.
//
// What a value file holds and no table names any more is garbage: compaction has dropped the entry.
// How much there is, each table tells: the manifest has what it needs of which file, its properties
// the numbers of the values. So a file is collected without reading anything but what stays: its
// live values are written to another file under the same names, and one edit puts that in its
// place. No table changes. Readers with an older tree go on with the older file.
//
// One loop does all this, so nobody else removes or replaces a value file. Compactions go on beside
// it; they only drop entries, so what is live in a file may become less while it is collected, and
// never more: flushes name values of their own files only.
#include <algorithm>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// Garbage may be so many times less than what is live.
constexpr std::uint64_t kGarbageShare = 4;
// A file whose values cannot be moved keeps them, and its garbage, until the store is opened again.
constexpr int kCollectAttemptsMax = 3;
// Between two yields.
constexpr std::uint64_t kBytesPerSlice = 256u << 10;

// True if a greater part of `a` is garbage.
bool HasMoreGarbage(const Tree::HeldValues& a, const Tree::HeldValues& b) {
  return static_cast<double>(a.garbage_bytes()) * static_cast<double>(b.file->info().stored_bytes) >
         static_cast<double>(b.garbage_bytes()) * static_cast<double>(a.file->info().stored_bytes);
}

// The values of a file that the tables name, ascending.
Task<absl::StatusOr<std::vector<std::uint32_t>>> LiveNumbers(std::shared_ptr<const Tree> tree,
                                                             std::uint64_t id) {
  std::vector<std::uint32_t> live;
  for (int level = 0; level < kLevelCount; ++level) {
    for (const auto& table : tree->level(level)) {
      const auto& needs = table->info().values;
      const bool is_needed =
          std::any_of(needs.begin(), needs.end(),
                      [id](const ValueReference& reference) { return reference.file == id; });
      if (!is_needed) continue;
      AURORA_CO_ASSIGN(Table* const open_table, co_await table->Open());
      for (const TableValues& values : open_table->properties().values) {
        if (values.sum.file != id) continue;
        AURORA_CO_ASSIGN(const std::vector<std::uint32_t> numbers,
                         DecodeValueNumbers(values.numbers));
        live.insert(live.end(), numbers.begin(), numbers.end());
      }
    }
  }
  std::sort(live.begin(), live.end());
  co_return live;
}

}  // namespace

bool StoreImpl::HasValueWork() const {
  return PickGarbage() != nullptr || !UnneededValues().empty();
}

std::vector<std::uint64_t> StoreImpl::UnneededValues() const {
  std::vector<std::uint64_t> unneeded;
  if (tree_->unneeded_value_file_count() == 0) return unneeded;
  for (const auto& [id, held] : tree_->value_files()) {
    if (held.live_count == 0 && !staged_.contains(id)) unneeded.push_back(id);
  }
  return unneeded;
}

Task<absl::Status> StoreImpl::ValuesLoop() {
  int failed_attempts = 0;
  const auto has_work = [this] {
    if (closing()) return true;
    if (poisoned()) return false;
    const std::lock_guard lock(state_mutex_);
    return HasValueWork();
  };
  for (;;) {
    co_await event_.Until(has_work);
    if (closing()) co_return absl::OkStatus();
    absl::Status done = co_await DropUnneededValues();
    if (done.ok()) done = co_await CollectValues();
    const bool failed = !done.ok();
    SetError(&values_error_, std::move(done));
    failed_attempts = failed ? failed_attempts + 1 : 0;
    if (failed && !poisoned()) co_await BackOff(failed_attempts);
  }
}

TreeChange StoreImpl::DropOfUnneededValues() const {
  const std::lock_guard lock(state_mutex_);
  TreeChange change;
  change.edit.removed_value_files = change.values.removed = UnneededValues();
  for (const std::uint64_t id : change.values.removed) {
    change.obsolete_values.push_back(tree_->value_files().at(id).file);
  }
  return change;
}

Task<absl::Status> StoreImpl::DropUnneededValues() {
  TreeChange change = DropOfUnneededValues();
  if (change.values.removed.empty()) co_return absl::OkStatus();
  co_return co_await Install(std::move(change));
}

const Tree::HeldValues* StoreImpl::PickGarbage() const {
  if (tree_->garbage_bytes() <= tree_->live_value_bytes() / kGarbageShare) return nullptr;
  std::uint64_t live = 0;
  std::uint64_t garbage = 0;
  const Tree::HeldValues* picked = nullptr;
  for (const auto& [id, held] : tree_->value_files()) {
    // What is not needed at all is dropped, and what waits for a flush is not known to be garbage.
    // And what the archive has not got yet must stay as it is.
    if (held.live_count == 0 || staged_.contains(id)) continue;
    const auto failed = uncollected_.find(id);
    if (failed != uncollected_.end() && failed->second >= kCollectAttemptsMax) continue;
    live += held.live_bytes;
    garbage += held.garbage_bytes();
    if (picked == nullptr || HasMoreGarbage(held, *picked)) picked = &held;
  }
  return garbage > live / kGarbageShare ? picked : nullptr;
}

Task<absl::Status> StoreImpl::CollectValues() {
  std::shared_ptr<const Tree> tree;
  Tree::HeldValues held;
  {
    const std::lock_guard lock(state_mutex_);
    const Tree::HeldValues* const picked = PickGarbage();
    if (picked == nullptr) co_return absl::OkStatus();
    tree = tree_;
    held = *picked;
  }
  const std::uint64_t id = held.file->info().id;
  absl::Status rewritten = co_await Rewrite(std::move(tree), std::move(held));
  // Nothing was tried if it was for want of room, or because the store is closing.
  if (rewritten.ok() || absl::IsResourceExhausted(rewritten) || absl::IsCancelled(rewritten)) {
    co_return rewritten;
  }
  const std::lock_guard lock(state_mutex_);
  ++uncollected_[id];
  co_return rewritten;
}

Task<absl::StatusOr<ValueFileInfo>> StoreImpl::WriteLiveValues(std::shared_ptr<const Tree> tree,
                                                               const Tree::HeldValues* held,
                                                               std::uint64_t number) {
  const std::uint64_t id = held->file->info().id;
  AURORA_CO_ASSIGN(const std::vector<std::uint32_t> live, co_await LiveNumbers(tree, id));
  if (live.size() != held->live_count) {
    co_return DataLossError(options_.directory, ": the tables name ", live.size(), " values of ",
                            ValueFileName(held->file->info().number), ", the manifest says ",
                            held->live_count);
  }
  AURORA_CO_ASSIGN(ValueFile* const source, co_await held->file->Open());
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await CreateFile(ValueFileName(number)));
  ValueFileBuilderOptions options;
  options.identity = IdentityOf(number);
  options.id = id;
  options.memory = options_.memory;
  ValueFileBuilder builder(std::move(file), options);
  BlockSources sources;
  std::uint64_t yielded_at = 0;
  for (const std::uint32_t value : live) {
    AURORA_CO_RETURN_IF_ERROR(co_await source->CopyTo(value, &builder, &sources));
    if (builder.file_bytes() - yielded_at < kBytesPerSlice) continue;
    yielded_at = builder.file_bytes();
    if (poisoned()) co_return status();
    if (closing()) co_return CancelledError("the store is being closed");
    co_await Yield();
  }
  statistics_.Count(StoreStatistics::Counter::kBytesReadByCompactions, sources.device_bytes);
  AURORA_CO_ASSIGN(const ValueFileSummary summary, co_await builder.Finish());
  if (summary.stored_bytes != held->live_bytes) {
    co_return DataLossError(options_.directory, ": the live values of ",
                            ValueFileName(held->file->info().number), " have ",
                            summary.stored_bytes, " bytes, the manifest says ", held->live_bytes);
  }
  AURORA_CO_RETURN_IF_ERROR(co_await environment_.files().SyncDirectory(options_.directory));
  co_return ValueFileInfo{
      id, number, summary.file_bytes, summary.file_hash, summary.value_count, summary.stored_bytes};
}

Task<absl::Status> StoreImpl::Rewrite(std::shared_ptr<const Tree> tree, Tree::HeldValues held) {
  AURORA_CHECK(held.live_count > 0);  // else it would have been dropped
  AURORA_CO_ASSIGN(const std::uint64_t number, co_await NewFileNumber());
  const absl::StatusOr<ValueFileInfo> written =
      co_await WriteLiveValues(std::move(tree), &held, number);
  if (!written.ok()) {
    std::vector<std::string> names = {ValueFileName(number)};
    co_await Discard(std::move(names));
    co_return written.status();
  }
  TreeChange change;
  change.edit.removed_value_files = {written->id};
  change.edit.added_value_files = {*written};
  change.values.removed = {written->id};
  change.values.added = {std::make_shared<TreeValueFile>(*written, this, &obsolete_)};
  change.obsolete_values = {std::move(held.file)};
  AURORA_CO_RETURN_IF_ERROR(co_await Install(std::move(change)));
  statistics_.Count(StoreStatistics::Counter::kBytesCollected, written->size_bytes);
  events_.Post(ValueFileCreated{number, written->size_bytes, written->value_count});
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
