#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/kv_engine.h"
#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/filter_policy.h"
#include "rocksdb/iterator.h"
#include "rocksdb/options.h"
#include "rocksdb/table.h"
#include "rocksdb/write_batch.h"

namespace aurora::bench {
namespace {

void Check(const rocksdb::Status& status, std::string_view what) {
  if (!status.ok()) KvFail("RocksDB", what, status.ToString());
}

rocksdb::Slice ToSlice(std::string_view s) { return rocksdb::Slice(s.data(), s.size()); }

rocksdb::Options TunedOptions(const KvOptions& options) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(options.cache_bytes);
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  rocksdb::Options rocks;
  rocks.compression = rocksdb::kLZ4Compression;
  rocks.write_buffer_size = options.memtable_bytes;
  rocks.max_background_jobs = 2;
  rocks.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return rocks;
}

class RocksDbEngine final : public KvEngine {
 public:
  RocksDbEngine(std::string_view name, const KvOptions& options, rocksdb::Options rocks)
      : name_(name) {
    rocks.create_if_missing = true;
    rocks.use_direct_reads = options.direct_reads;
    rocksdb::DB* db = nullptr;
    Check(rocksdb::DB::Open(rocks, options.directory, &db), "open");
    db_.reset(db);
  }
  ~RocksDbEngine() override { Check(db_->Close(), "close"); }

  std::string_view name() const override { return name_; }
  void Put(std::string_view key, std::string_view value, bool sync) override {
    rocksdb::WriteOptions write;
    write.sync = sync;
    Check(db_->Put(write, ToSlice(key), ToSlice(value)), "put");
  }
  void PutBatch(std::span<const KvEntry> entries, bool sync) override {
    rocksdb::WriteBatch batch;
    for (const auto& [key, value] : entries) batch.Put(ToSlice(key), ToSlice(value));
    Commit(&batch, sync);
  }
  void DeleteBatch(std::span<const std::string_view> keys, bool sync) override {
    rocksdb::WriteBatch batch;
    for (const std::string_view key : keys) batch.Delete(ToSlice(key));
    Commit(&batch, sync);
  }
  std::int64_t Get(std::string_view key) override {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = db_->Get({}, db_->DefaultColumnFamily(), ToSlice(key), &value);
    if (status.IsNotFound()) return -1;
    Check(status, "get");
    return static_cast<std::int64_t>(value.size());
  }
  bool Read(std::string_view key, std::string* value) override {
    const rocksdb::Status status = db_->Get({}, ToSlice(key), value);
    if (status.IsNotFound()) return false;
    Check(status, "get");
    return true;
  }
  std::uint64_t GetMany(std::span<const KvKey> keys) override {
    std::vector<rocksdb::Slice> slices;
    for (const KvKey& key : keys) slices.push_back(ToSlice(key));
    std::vector<rocksdb::PinnableSlice> values(keys.size());
    std::vector<rocksdb::Status> statuses(keys.size());
    rocksdb::ReadOptions read;
    read.async_io = true;
    db_->MultiGet(read, db_->DefaultColumnFamily(), keys.size(), slices.data(), values.data(),
                  statuses.data());
    std::uint64_t found = 0;
    for (const rocksdb::Status& status : statuses) {
      if (status.IsNotFound()) continue;
      Check(status, "get of many");
      ++found;
    }
    return found;
  }
  bool HasGetMany() const override { return true; }
  std::string_view DeviceReads() const override { return "direct reads"; }
  std::pair<std::uint64_t, std::uint64_t> Scan() override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    std::uint64_t rows = 0, bytes = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      ++rows;
      bytes += it->key().size() + it->value().size();
    }
    Check(it->status(), "scan");
    return {rows, bytes};
  }
  std::uint64_t SeekAndNext(std::string_view key, int count) override {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator({}));
    std::uint64_t bytes = 0;
    std::uint64_t rows = 0;
    for (it->Seek(ToSlice(key)); it->Valid() && rows < static_cast<std::uint64_t>(count);
         it->Next()) {
      bytes += it->value().size();
      ++rows;
    }
    Check(it->status(), "seek");
    return bytes == 0 ? 0 : rows;
  }
  void Settle() override {
    Check(db_->Flush({}), "flush");
    Check(db_->CompactRange({}, nullptr, nullptr), "compact");
  }

 private:
  void Commit(rocksdb::WriteBatch* batch, bool sync) {
    rocksdb::WriteOptions write;
    write.sync = sync;
    Check(db_->Write(write, batch), "write");
  }

  const std::string_view name_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace

std::unique_ptr<KvEngine> OpenRocksDb(const KvOptions& options) {
  return std::make_unique<RocksDbEngine>("RocksDB", options, TunedOptions(options));
}

std::unique_ptr<KvEngine> OpenRocksDbAtDefaults(const KvOptions& options) {
  return std::make_unique<RocksDbEngine>("RocksDB-default", options, rocksdb::Options());
}

}  // namespace aurora::bench
