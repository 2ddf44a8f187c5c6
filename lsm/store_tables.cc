// Writing and opening the files of tables.
#include <algorithm>
#include <iterator>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// Between two yields.
constexpr std::uint64_t kEntriesPerSlice = 2048;
constexpr std::uint64_t kBytesPerSlice = 256u << 10;

TableIdentity IdentityOf(const LogIdentity& database, std::uint64_t file_number) {
  TableIdentity identity;
  std::copy(std::begin(database.database_id), std::end(database.database_id),
            identity.database_id.begin());
  identity.file_number = file_number;
  return identity;
}

}  // namespace

// The tables of one flush or compaction.
class StoreImpl::TableWriting {
 public:
  // Both must outlive it.
  TableWriting(StoreImpl* store, CompactionRangeDeletes* range_deletes, TableOutput output)
      : store_(*store), range_deletes_(*range_deletes), output_(std::move(output)) {}

  Task<absl::Status> Write(EntryFilter* entries);
  // Ends the writing. After a failure, too: then some are not whole.
  std::vector<TableInfo> TakeTables() {
    builder_ = nullptr;
    return std::move(tables_);
  }

 private:
  TableBuilderOptions BuilderOptions(std::uint64_t number) const;
  // Where the table in progress is to end, which is at or below `key`, the next one; nullopt: it
  // goes on. Keys ascend. Never between two versions of a key.
  std::optional<std::string_view> EndBefore(std::string_view key);
  std::optional<std::string_view> EndOfLevel0Before(std::string_view key);
  Task<absl::Status> Begin();
  // `end`: where the next table begins; nullopt: there is none.
  Task<absl::Status> Finish(std::optional<std::string_view> end);

  StoreImpl& store_;
  CompactionRangeDeletes& range_deletes_;
  const TableOutput output_;
  std::vector<TableInfo> tables_;
  std::unique_ptr<TableBuilder> builder_;  // of the last of tables_, until it is finished
  std::string last_key_;
  std::size_t cuts_passed_ = 0;  // of output_.cuts or good_cuts
};

TableBuilderOptions StoreImpl::TableWriting::BuilderOptions(std::uint64_t number) const {
  const StoreOptions& store = store_.options_;
  TableBuilderOptions options;
  options.identity = IdentityOf(store_.identity_, number);
  options.memory = store.memory;
  // What was written last is read soon, but is not to push everything else out.
  const bool fits_cache = store.memtable_bytes <= store.block_cache_bytes / 4;
  if (output_.sources != nullptr || fits_cache) options.cache = store_.block_cache_.get();
  options.sources = output_.sources;
  // The last level holds most of the data, which is read least; a key that is found there costs a
  // read with or without a filter.
  options.compression = output_.is_last_level ? Compression::kZstd : Compression::kLz4;
  options.filter_bits_per_key = output_.level <= 1 ? 14 : 10;
  return options;
}

std::optional<std::string_view> StoreImpl::TableWriting::EndOfLevel0Before(std::string_view key) {
  const std::size_t passed_before = cuts_passed_;
  while (cuts_passed_ < output_.cuts.size() && output_.cuts[cuts_passed_] <= key) ++cuts_passed_;
  if (builder_ == nullptr || cuts_passed_ == passed_before) return std::nullopt;
  // At the cut, not at the key, so that range deletes do not reach over it.
  return output_.cuts[passed_before];
}

std::optional<std::string_view> StoreImpl::TableWriting::EndBefore(std::string_view key) {
  if (output_.level == 0) return EndOfLevel0Before(key);
  const std::size_t passed_before = cuts_passed_;
  const std::vector<std::string>& cuts = output_.good_cuts;
  while (cuts_passed_ < cuts.size() && cuts[cuts_passed_] <= key) ++cuts_passed_;
  if (builder_ == nullptr || key == last_key_) return std::nullopt;
  const std::uint64_t bytes = builder_->file_bytes();
  const std::uint64_t most = store_.options_.table_bytes;
  const bool is_good = cuts_passed_ > passed_before && bytes >= most / 2;
  return is_good || bytes >= most ? std::optional(key) : std::nullopt;
}

Task<absl::Status> StoreImpl::TableWriting::Begin() {
  TableInfo& info = tables_.emplace_back();
  info.level = output_.level;
  AURORA_CO_ASSIGN(info.number, co_await store_.NewFileNumber());
  OpenOptions open;
  open.mode = OpenMode::kCreateNew;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file,
                   co_await store_.environment_.files().Open(
                       JoinPath(store_.options_.directory, TableFileName(info.number)), open));
  builder_ = std::make_unique<TableBuilder>(std::move(file), BuilderOptions(info.number));
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::TableWriting::Finish(std::optional<std::string_view> end) {
  AURORA_CO_RETURN_IF_ERROR(range_deletes_.Cut(end, builder_.get()));
  AURORA_CO_ASSIGN(TableSummary summary, co_await builder_->Finish());
  builder_ = nullptr;
  TableInfo& info = tables_.back();
  info.size_bytes = summary.file_bytes;
  info.hash = summary.file_hash;
  info.entry_count = summary.properties.entry_count;
  info.smallest_key = std::move(summary.properties.smallest_key);
  info.largest_key = std::move(summary.properties.largest_key);
  info.smallest_sequence = summary.properties.smallest_sequence;
  info.largest_sequence = summary.properties.largest_sequence;
  info.range_delete_count = summary.properties.range_delete_count;
  info.largest_is_exclusive = summary.properties.largest_is_exclusive;
  store_.events_.Post(TableCreated{info.number, info.level, info.size_bytes, info.entry_count});
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::TableWriting::Write(EntryFilter* entries) {
  std::uint64_t slice_entries = 0;
  std::uint64_t slice_bytes = 0;
  AURORA_CO_RETURN_IF_ERROR(co_await entries->Start());
  while (entries->Valid()) {
    const EntryKey key = entries->key();
    if (const auto end = EndBefore(key.key); end.has_value()) {
      AURORA_CO_RETURN_IF_ERROR(co_await Finish(end));
    }
    if (builder_ == nullptr) AURORA_CO_RETURN_IF_ERROR(co_await Begin());
    if (output_.level > 0) last_key_.assign(key.key);
    slice_bytes += key.key.size() + entries->value().size();
    AURORA_CO_RETURN_IF_ERROR(co_await builder_->Add(key, entries->value()));
    absl::Status moved = co_await entries->Next();
    if (!moved.ok() && AURORA_PLANTED_BUG("compaction-ends-at-read-error")) break;
    AURORA_CO_RETURN_IF_ERROR(std::move(moved));
    if (++slice_entries >= kEntriesPerSlice || slice_bytes >= kBytesPerSlice) {
      slice_entries = slice_bytes = 0;
      if (store_.poisoned()) co_return store_.status();
      if (store_.closing()) co_return CancelledError("the store is being closed");
      co_await Yield();
    }
  }
  if (builder_ == nullptr && !range_deletes_.empty()) {
    AURORA_CO_RETURN_IF_ERROR(co_await Begin());
  }
  if (builder_ == nullptr) co_return absl::OkStatus();
  co_return co_await Finish(std::nullopt);
}

Task<absl::StatusOr<std::vector<TableInfo>>> StoreImpl::WriteTables(
    std::unique_ptr<EntryIterator> source, EntryFilter::Options filter,
    CompactionRangeDeletes range_deletes, TableOutput output) {
  filter.range_deletes = range_deletes.all();
  EntryFilter entries(std::move(source), std::move(filter));
  TableWriting writing(this, &range_deletes, std::move(output));
  absl::Status written = co_await writing.Write(&entries);
  std::vector<TableInfo> tables = writing.TakeTables();
  if (written.ok() && !tables.empty() && !AURORA_PLANTED_BUG("skip-table-directory-sync")) {
    written = co_await environment_.files().SyncDirectory(options_.directory);
  }
  if (!written.ok()) {
    co_await Discard(std::move(tables));
    co_return written;
  }
  co_return tables;
}

Task<absl::StatusOr<std::unique_ptr<Table>>> StoreImpl::OpenTable(const TableInfo* info) {
  const std::string path = JoinPath(options_.directory, TableFileName(info->number));
  OpenOptions open;
  open.direct = options_.direct_reads;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await environment_.files().Open(path, open));
  TableOptions options;
  options.identity = IdentityOf(identity_, info->number);
  options.cache = block_cache_.get();
  options.memory = options_.memory;
  absl::StatusOr<std::unique_ptr<Table>> table =
      co_await Table::Open(std::move(file), info->size_bytes, options);
  if (table.ok()) {
    statistics_.Count(StoreStatistics::Counter::kTablesOpened);
    statistics_.Count(StoreStatistics::Counter::kBytesReadByOpening,
                      (*table)->metadata_bytes_read());
  }
  co_return table;
}

}  // namespace aurora::lsm
