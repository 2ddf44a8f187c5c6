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

TableBuilderOptions StoreImpl::BuilderOptions(std::uint64_t number, const Output& output) const {
  TableBuilderOptions options;
  options.identity = IdentityOf(identity_, number);
  options.memory = options_.memory;
  // What was written last is read soon, but is not to push everything else out.
  const bool fits_cache = options_.memtable_bytes <= options_.block_cache_bytes / 4;
  if (output.sources != nullptr || fits_cache) options.cache = block_cache_.get();
  options.sources = output.sources;
  // The last level holds most of the data, which is read least; a key that is found there costs a
  // read with or without a filter.
  options.compression = output.is_last_level ? Compression::kZstd : Compression::kLz4;
  options.filter_bits_per_key = output.level <= 1 ? 14 : 10;
  return options;
}

Task<absl::StatusOr<std::unique_ptr<TableBuilder>>> StoreImpl::BeginTable(TableInfo* info,
                                                                          Output output) {
  AURORA_CO_ASSIGN(info->number, NewFileNumber());
  OpenOptions open;
  open.mode = OpenMode::kCreateNew;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file,
                   co_await environment_.files().Open(
                       JoinPath(options_.directory, TableFileName(info->number)), open));
  const TableBuilderOptions options = BuilderOptions(info->number, output);
  co_return std::make_unique<TableBuilder>(std::move(file), options);
}

Task<absl::Status> StoreImpl::FinishTable(TableBuilder* builder, TableInfo* info) {
  AURORA_CO_ASSIGN(TableSummary summary, co_await builder->Finish());
  info->size_bytes = summary.file_bytes;
  info->hash = summary.file_hash;
  info->entry_count = summary.properties.entry_count;
  info->smallest_key = std::move(summary.properties.smallest_key);
  info->largest_key = std::move(summary.properties.largest_key);
  info->smallest_sequence = summary.properties.smallest_sequence;
  info->largest_sequence = summary.properties.largest_sequence;
  info->range_delete_count = summary.properties.range_delete_count;
  info->largest_is_exclusive = summary.properties.largest_is_exclusive;
  co_return absl::OkStatus();
}

// Fills `tables` as files are begun, so that the caller can remove them after a failure.
Task<absl::Status> StoreImpl::WriteEntries(EntryFilter* entries,
                                           CompactionRangeDeletes* range_deletes, Output output,
                                           std::vector<TableInfo>* tables) {
  // A flush makes one table, so that level 0 counts flushes; other tables are cut, but never
  // between two versions of a key.
  const std::uint64_t cut_bytes = output.level == 0 ? UINT64_MAX : options_.table_bytes;
  std::unique_ptr<TableBuilder> builder;
  std::string last_key;
  std::uint64_t slice_entries = 0;
  std::uint64_t slice_bytes = 0;
  AURORA_CO_RETURN_IF_ERROR(co_await entries->Start());
  while (entries->Valid()) {
    const EntryKey key = entries->key();
    if (builder != nullptr && builder->file_bytes() >= cut_bytes && key.key != last_key) {
      AURORA_CO_RETURN_IF_ERROR(range_deletes->Cut(key.key, builder.get()));
      AURORA_CO_RETURN_IF_ERROR(co_await FinishTable(builder.get(), &tables->back()));
      builder = nullptr;
    }
    if (builder == nullptr) {
      tables->emplace_back();
      tables->back().level = output.level;
      AURORA_CO_ASSIGN(builder, co_await BeginTable(&tables->back(), output));
    }
    if (cut_bytes != UINT64_MAX) last_key.assign(key.key);
    slice_bytes += key.key.size() + entries->value().size();
    AURORA_CO_RETURN_IF_ERROR(co_await builder->Add(key, entries->value()));
    absl::Status moved = co_await entries->Next();
    if (!moved.ok() && AURORA_PLANTED_BUG("compaction-ends-at-read-error")) break;
    AURORA_CO_RETURN_IF_ERROR(std::move(moved));
    if (++slice_entries >= kEntriesPerSlice || slice_bytes >= kBytesPerSlice) {
      slice_entries = slice_bytes = 0;
      if (poisoned()) co_return status();
      if (closing()) co_return CancelledError("the store is being closed");
      co_await Yield();
    }
  }
  if (builder == nullptr && !range_deletes->empty()) {
    tables->emplace_back();
    tables->back().level = output.level;
    AURORA_CO_ASSIGN(builder, co_await BeginTable(&tables->back(), output));
  }
  if (builder != nullptr) {
    AURORA_CO_RETURN_IF_ERROR(range_deletes->Cut(std::nullopt, builder.get()));
    AURORA_CO_RETURN_IF_ERROR(co_await FinishTable(builder.get(), &tables->back()));
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<TableInfo>>> StoreImpl::WriteTables(
    std::unique_ptr<EntryIterator> source, EntryFilter::Options filter,
    CompactionRangeDeletes range_deletes, Output output) {
  filter.range_deletes = range_deletes.all();
  EntryFilter entries(std::move(source), std::move(filter));
  std::vector<TableInfo> tables;
  absl::Status written = co_await WriteEntries(&entries, &range_deletes, output, &tables);
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
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await environment_.files().Open(path, open));
  TableOptions options;
  options.identity = IdentityOf(identity_, info->number);
  options.cache = block_cache_.get();
  options.memory = options_.memory;
  absl::StatusOr<std::unique_ptr<Table>> table =
      co_await Table::Open(std::move(file), info->size_bytes, options);
  co_return table;
}

}  // namespace aurora::lsm
