// Writing and opening the files of tables.
#include <algorithm>
#include <iterator>
#include <utility>

#include "aurora/lsm/expiry.h"
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

}  // namespace

TableIdentity StoreImpl::IdentityOf(std::uint64_t file_number) const {
  TableIdentity identity;
  std::copy(std::begin(identity_.database_id), std::end(identity_.database_id),
            identity.database_id.begin());
  identity.file_number = file_number;
  return identity;
}

Task<absl::StatusOr<std::unique_ptr<File>>> StoreImpl::CreateFile(std::string name) {
  OpenOptions open;
  open.mode = OpenMode::kCreateNew;
  co_return co_await environment_.files().Open(JoinPath(options_.directory, name), open);
}

// A file of a store that writes is immutable and keeps its name, and is removed only once its last
// reader has given it back (RemoveObsoleteFiles): so it may be closed and opened again. Beside
// another process it may be removed at any time; then only a file that is open can be read.
Task<absl::StatusOr<std::unique_ptr<File>>> StoreImpl::OpenToRead(std::string name, bool direct) {
  const std::string path = JoinPath(options_.directory, name);
  OpenOptions open;
  open.direct = direct;
  if (!options_.read_only || AURORA_PLANTED_BUG("file-pool-of-reader")) {
    co_return co_await files_.OpenPooled(path, open);
  }
  absl::StatusOr<std::unique_ptr<File>> file = co_await files_.Open(path, open);
  if (!IsOutOfDescriptors(file.status())) co_return file;
  co_return Annotate(file.status(),
                     "opening for reading only keeps every table and value file open");
}

// The tables of one flush or compaction, and the values of a flush.
class StoreImpl::TableWriting {
 public:
  // Both must outlive it.
  TableWriting(StoreImpl* store, CompactionRangeDeletes* range_deletes, TableOutput output)
      : store_(*store), range_deletes_(*range_deletes), output_(std::move(output)) {}

  Task<absl::Status> Write(EntryFilter* entries);
  // Ends the writing. After a failure, too: then some are not whole.
  Written Take() {
    builder_ = nullptr;
    values_ = nullptr;
    return std::move(written_);
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
  bool IsSeparated(EntryKey key, std::string_view value) const {
    const std::size_t least = store_.options_.value_file_min_bytes;
    if (output_.level != 0 || least == 0 || value.size() < least) return false;
    if (key.version.kind() == EntryKind::kPut) return true;
    if (key.version.kind() != EntryKind::kSeparatedPut) return false;
    const PutForm form = ParsePutForm(value);
    return !form.is_separated && form.content.size() >= least;
  }
  // Puts the value into the value file and its handle into the table.
  Task<absl::Status> AddSeparated(EntryKey key, std::string_view value);
  Task<absl::Status> BeginValues();
  Task<absl::Status> FinishValues();

  StoreImpl& store_;
  CompactionRangeDeletes& range_deletes_;
  const TableOutput output_;
  Written written_;
  std::unique_ptr<TableBuilder> builder_;  // of the last table, until it is finished
  std::unique_ptr<ValueFileBuilder> values_;
  std::string last_key_;
  std::size_t cuts_passed_ = 0;  // of output_.cuts or good_cuts
};

TableBuilderOptions StoreImpl::TableWriting::BuilderOptions(std::uint64_t number) const {
  const StoreOptions& store = store_.options_;
  TableBuilderOptions options;
  options.identity = store_.IdentityOf(number);
  options.memory = store.memory;
  options.block_bytes = store.block_bytes;
  options.index_part_bytes = store.block_bytes / 2;
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
  const std::uint64_t bytes = builder_->file_bytes() + builder_->value_bytes();
  const std::uint64_t most = store_.options_.table_bytes;
  const bool is_good = cuts_passed_ > passed_before && bytes >= most / 2;
  return is_good || bytes >= most ? std::optional(key) : std::nullopt;
}

Task<absl::Status> StoreImpl::TableWriting::Begin() {
  AURORA_CO_ASSIGN(const std::uint64_t number, co_await store_.NewFileNumber());
  TableInfo& info = written_.tables.emplace_back();
  info.level = output_.level;
  info.number = number;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file,
                   co_await store_.CreateFile(TableFileName(info.number)));
  builder_ = std::make_unique<TableBuilder>(std::move(file), BuilderOptions(info.number));
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::TableWriting::Finish(std::optional<std::string_view> end) {
  AURORA_CO_RETURN_IF_ERROR(range_deletes_.Cut(end, builder_.get()));
  AURORA_CO_ASSIGN(TableSummary summary, co_await builder_->Finish());
  builder_ = nullptr;
  TableInfo& info = written_.tables.back();
  info.size_bytes = summary.file_bytes;
  info.hash = summary.file_hash;
  info.entry_count = summary.properties.entry_count;
  info.delete_count = summary.properties.delete_count;
  info.expiring_count = summary.properties.expiring_count;
  info.half_expired_at = summary.properties.half_expired_at;
  info.smallest_key = std::move(summary.properties.smallest_key);
  info.largest_key = std::move(summary.properties.largest_key);
  info.smallest_sequence = summary.properties.smallest_sequence;
  info.largest_sequence = summary.properties.largest_sequence;
  info.range_delete_count = summary.properties.range_delete_count;
  info.largest_is_exclusive = summary.properties.largest_is_exclusive;
  for (const TableValues& values : summary.properties.values) info.values.push_back(values.sum);
  store_.events_.Post(TableCreated{info.number, info.level, info.size_bytes, info.entry_count});
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::TableWriting::BeginValues() {
  AURORA_CO_ASSIGN(const std::uint64_t number, co_await store_.NewFileNumber());
  ValueFileInfo& info = written_.value_files.emplace_back();
  info.id = info.number = number;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await store_.CreateFile(ValueFileName(number)));
  ValueFileBuilderOptions options;
  options.identity = store_.IdentityOf(number);
  options.id = number;
  options.memory = store_.options_.memory;
  values_ = std::make_unique<ValueFileBuilder>(std::move(file), options);
  co_return absl::OkStatus();
}

Task<absl::Status> StoreImpl::TableWriting::AddSeparated(EntryKey key, std::string_view value) {
  if (values_ == nullptr) AURORA_CO_RETURN_IF_ERROR(co_await BeginValues());
  std::string encoded;
  if (key.version.kind() == EntryKind::kSeparatedPut) {
    const PutForm form = ParsePutForm(value);
    encoded.resize(kExpiryBytes);
    StoreExpiry(encoded.data(), form.expiry, /*is_separated=*/true);
    value = form.content;
  }
  AURORA_CO_ASSIGN(const ValueHandle handle, co_await values_->Add(value));
  encoded += EncodeValueHandle(handle);
  const Version version(key.version.sequence(), EntryKind::kSeparatedPut);
  co_return co_await builder_->Add({key.key, version}, encoded);
}

Task<absl::Status> StoreImpl::TableWriting::FinishValues() {
  if (values_ == nullptr) co_return absl::OkStatus();
  AURORA_CO_ASSIGN(const ValueFileSummary summary, co_await values_->Finish());
  values_ = nullptr;
  ValueFileInfo& info = written_.value_files.back();
  info.size_bytes = summary.file_bytes;
  info.hash = summary.file_hash;
  info.value_count = summary.value_count;
  info.stored_bytes = summary.stored_bytes;
  store_.events_.Post(ValueFileCreated{info.number, info.size_bytes, info.value_count});
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
    if (IsSeparated(key, entries->value())) {
      AURORA_CO_RETURN_IF_ERROR(co_await AddSeparated(key, entries->value()));
    } else {
      AURORA_CO_RETURN_IF_ERROR(co_await builder_->Add(key, entries->value()));
    }
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
  AURORA_CO_RETURN_IF_ERROR(co_await FinishValues());
  if (builder_ == nullptr) co_return absl::OkStatus();
  co_return co_await Finish(std::nullopt);
}

std::vector<std::string> StoreParts::Written::FileNames() const {
  std::vector<std::string> names;
  for (const TableInfo& table : tables) names.push_back(TableFileName(table.number));
  for (const ValueFileInfo& file : value_files) names.push_back(ValueFileName(file.number));
  return names;
}

Task<absl::StatusOr<StoreParts::Written>> StoreImpl::WriteTables(
    std::unique_ptr<EntryIterator> source, EntryFilter::Options filter,
    CompactionRangeDeletes range_deletes, TableOutput output) {
  filter.range_deletes = range_deletes.all();
  EntryFilter entries(std::move(source), std::move(filter));
  TableWriting writing(this, &range_deletes, std::move(output));
  absl::Status written = co_await writing.Write(&entries);
  Written files = writing.Take();
  if (written.ok() && !files.tables.empty() && !AURORA_PLANTED_BUG("skip-table-directory-sync")) {
    written = co_await environment_.files().SyncDirectory(options_.directory);
  }
  if (!written.ok()) {
    co_await Discard(files.FileNames());
    co_return written;
  }
  co_return files;
}

std::uint64_t StoreImpl::TakeWritten(Written written, int level, TreeChange* change) {
  std::uint64_t bytes = 0;
  for (const ValueFileInfo& file : written.value_files) {
    bytes += file.size_bytes;
    change->values.added.push_back(std::make_shared<TreeValueFile>(file, this, &obsolete_));
  }
  for (const TableInfo& table : written.tables) {
    bytes += table.size_bytes;
    change->added.push_back({level, std::make_shared<TreeTable>(table, this, &obsolete_)});
  }
  change->edit.added_tables = std::move(written.tables);
  change->edit.added_value_files = std::move(written.value_files);
  return bytes;
}

Task<absl::StatusOr<std::unique_ptr<Table>>> StoreImpl::OpenTable(const TableInfo* info) {
  AURORA_CO_ASSIGN(std::unique_ptr<File> file,
                   co_await OpenToRead(TableFileName(info->number), options_.direct_reads));
  TableOptions options;
  options.identity = IdentityOf(info->number);
  if (!AURORA_PLANTED_BUG("ingestion-visible-too-early")) {
    options.identity.ingested_at = info->ingested_at;
  }
  options.cache = block_cache_.get();
  options.memory = options_.memory;
  options.whole_metadata_bytes_max =
      std::min(options_.table_metadata_bytes, options_.memory->limit_bytes() / 4);
  absl::StatusOr<std::unique_ptr<Table>> table =
      co_await Table::Open(std::move(file), info->size_bytes, options);
  if (table.ok()) {
    statistics_.Count(StoreStatistics::Counter::kTablesOpened);
    statistics_.Count(StoreStatistics::Counter::kBytesReadByOpening,
                      (*table)->metadata_bytes_read());
  }
  co_return table;
}

Task<absl::StatusOr<std::unique_ptr<ValueFile>>> StoreImpl::OpenValueFile(
    const ValueFileInfo* info) {
  AURORA_CO_ASSIGN(std::unique_ptr<File> file,
                   co_await OpenToRead(ValueFileName(info->number), /*direct=*/false));
  ValueFileOptions options;
  options.identity = IdentityOf(info->number);
  options.id = info->id;
  options.cache = block_cache_.get();
  options.memory = options_.memory;
  absl::StatusOr<std::unique_ptr<ValueFile>> values =
      co_await ValueFile::Open(std::move(file), info->size_bytes, options);
  if (values.ok()) {
    statistics_.Count(StoreStatistics::Counter::kBytesReadByOpening,
                      (*values)->metadata_bytes_read());
  }
  co_return values;
}

}  // namespace aurora::lsm
