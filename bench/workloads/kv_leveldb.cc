#include <memory>
#include <string>

#include "aurora/bench/workloads/kv_engine.h"
#include "leveldb/cache.h"
#include "leveldb/db.h"
#include "leveldb/filter_policy.h"
#include "leveldb/write_batch.h"

namespace aurora::bench {
namespace {

void Check(const leveldb::Status& status, std::string_view what) {
  if (!status.ok()) KvFail("LevelDB", what, status.ToString());
}

leveldb::Slice ToSlice(std::string_view s) { return leveldb::Slice(s.data(), s.size()); }

class LevelDbEngine final : public KvEngine {
 public:
  LevelDbEngine(const KvOptions& options, bool at_defaults) : at_defaults_(at_defaults) {
    leveldb::Options level;
    level.create_if_missing = true;
    if (!at_defaults) {
      cache_.reset(leveldb::NewLRUCache(options.cache_bytes));
      filter_.reset(leveldb::NewBloomFilterPolicy(10));
      level.block_cache = cache_.get();
      level.filter_policy = filter_.get();
      level.write_buffer_size = options.memtable_bytes;
      level.max_open_files = 50'000;  // all
    }
    leveldb::DB* db = nullptr;
    Check(leveldb::DB::Open(level, options.directory, &db), "open");
    db_.reset(db);
  }

  std::string_view name() const override { return at_defaults_ ? "LevelDB-default" : "LevelDB"; }
  void Put(std::string_view key, std::string_view value, bool sync) override {
    leveldb::WriteOptions write;
    write.sync = sync;
    Check(db_->Put(write, ToSlice(key), ToSlice(value)), "put");
  }
  void PutBatch(std::span<const KvEntry> entries, bool sync) override {
    leveldb::WriteBatch batch;
    for (const auto& [key, value] : entries) batch.Put(ToSlice(key), ToSlice(value));
    Commit(&batch, sync);
  }
  void DeleteBatch(std::span<const std::string_view> keys, bool sync) override {
    leveldb::WriteBatch batch;
    for (const std::string_view key : keys) batch.Delete(ToSlice(key));
    Commit(&batch, sync);
  }
  std::int64_t Get(std::string_view key) override {
    static thread_local std::string value;
    return Read(key, &value) ? static_cast<std::int64_t>(value.size()) : -1;
  }
  bool Read(std::string_view key, std::string* value) override {
    const leveldb::Status status = db_->Get({}, ToSlice(key), value);
    if (status.IsNotFound()) return false;
    Check(status, "get");
    return true;
  }
  std::string_view DeviceReads() const override { return "through its maps, emptied before"; }
  std::pair<std::uint64_t, std::uint64_t> Scan() override {
    const std::unique_ptr<leveldb::Iterator> it(db_->NewIterator({}));
    std::uint64_t rows = 0, bytes = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      ++rows;
      bytes += it->key().size() + it->value().size();
    }
    Check(it->status(), "scan");
    return {rows, bytes};
  }
  std::uint64_t SeekAndNext(std::string_view key, int count) override {
    const std::unique_ptr<leveldb::Iterator> it(db_->NewIterator({}));
    std::uint64_t bytes = 0, rows = 0;
    for (it->Seek(ToSlice(key)); it->Valid() && rows < static_cast<std::uint64_t>(count);
         it->Next()) {
      bytes += it->value().size();
      ++rows;
    }
    Check(it->status(), "seek");
    return bytes == 0 ? 0 : rows;
  }
  void Settle() override { db_->CompactRange(nullptr, nullptr); }

 private:
  void Commit(leveldb::WriteBatch* batch, bool sync) {
    leveldb::WriteOptions write;
    write.sync = sync;
    Check(db_->Write(write, batch), "write");
  }

  const bool at_defaults_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

std::unique_ptr<KvEngine> OpenLevelDb(const KvOptions& options) {
  return std::make_unique<LevelDbEngine>(options, false);
}

std::unique_ptr<KvEngine> OpenLevelDbAtDefaults(const KvOptions& options) {
  return std::make_unique<LevelDbEngine>(options, true);
}

}  // namespace aurora::bench
