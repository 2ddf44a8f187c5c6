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
  explicit LevelDbEngine(const KvOptions& options)
      : cache_(leveldb::NewLRUCache(options.cache_bytes)),
        filter_(leveldb::NewBloomFilterPolicy(10)) {
    leveldb::Options level;
    level.create_if_missing = true;
    level.block_cache = cache_.get();
    level.filter_policy = filter_.get();
    level.write_buffer_size = options.memtable_bytes;
    leveldb::DB* db = nullptr;
    Check(leveldb::DB::Open(level, options.directory, &db), "open");
    db_.reset(db);
  }

  std::string_view name() const override { return "LevelDB"; }
  void Put(std::string_view key, std::string_view value, bool sync) override {
    leveldb::WriteOptions write;
    write.sync = sync;
    Check(db_->Put(write, ToSlice(key), ToSlice(value)), "put");
  }
  void PutBatch(std::span<const KvEntry> entries) override {
    leveldb::WriteBatch batch;
    for (const auto& [key, value] : entries) batch.Put(ToSlice(key), ToSlice(value));
    Check(db_->Write({}, &batch), "write");
  }
  std::int64_t Get(std::string_view key) override {
    static thread_local std::string value;
    const leveldb::Status status = db_->Get({}, ToSlice(key), &value);
    if (status.IsNotFound()) return -1;
    Check(status, "get");
    return static_cast<std::int64_t>(value.size());
  }
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
  const std::unique_ptr<leveldb::Cache> cache_;
  const std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
};

}  // namespace

std::unique_ptr<KvEngine> OpenLevelDb(const KvOptions& options) {
  return std::make_unique<LevelDbEngine>(options);
}

}  // namespace aurora::bench
