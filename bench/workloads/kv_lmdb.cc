#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "aurora/bench/workloads/kv_engine.h"
#include "lmdb.h"

namespace aurora::bench {
namespace {

void Check(int error, std::string_view what) {
  if (error != 0) KvFail("LMDB", what, mdb_strerror(error));
}

MDB_val ToVal(std::string_view s) { return {s.size(), const_cast<char*>(s.data())}; }

// The reading transactions of the threads: one for each, renewed for each read, because a new one
// costs more.
class LmdbReaders {
 public:
  explicit LmdbReaders(MDB_env* env) : env_(env) {}

  // The calling thread's, as of now. mdb_txn_reset it.
  static MDB_txn* Renewed(const std::shared_ptr<LmdbReaders>& readers) {
    static thread_local Lease lease;
    if (lease.readers == readers) {
      Check(mdb_txn_renew(lease.txn), "renew");
    } else {
      lease.Return();
      lease.readers = readers;
      lease.txn = readers->Take();
    }
    return lease.txn;
  }
  // Nothing is read any more.
  void Close() {
    const std::lock_guard lock(mutex_);
    for (MDB_txn* txn : all_) mdb_txn_abort(txn);
    closed_ = true;
  }

 private:
  // A thread's, until it ends.
  struct Lease {
    ~Lease() { Return(); }
    void Return() {
      if (readers != nullptr) readers->Free(txn);
    }
    std::shared_ptr<LmdbReaders> readers;
    MDB_txn* txn = nullptr;
  };

  MDB_txn* Take() {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      MDB_txn* txn = free_.back();
      free_.pop_back();
      Check(mdb_txn_renew(txn), "renew");
      return txn;
    }
    MDB_txn* txn = nullptr;
    Check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn), "begin");
    all_.push_back(txn);
    return txn;
  }
  void Free(MDB_txn* txn) {
    const std::lock_guard lock(mutex_);
    if (!closed_) free_.push_back(txn);
  }

  MDB_env* const env_;
  std::mutex mutex_;
  std::vector<MDB_txn*> all_;   // guarded by mutex_
  std::vector<MDB_txn*> free_;  // guarded by mutex_
  bool closed_ = false;         // guarded by mutex_
};

// A commit without a sync leaves its pages in the page cache, so it survives the process, like the
// others' puts. Opened for synced puts, LMDB does its own two syncs for each commit: one sync after
// the fact would be quicker, but a crash before it could damage the tree.
class LmdbEngine final : public KvEngine {
 public:
  explicit LmdbEngine(const KvOptions& options) {
    std::filesystem::create_directories(options.directory);
    Check(mdb_env_create(&env_), "create");
    Check(mdb_env_set_mapsize(env_, std::size_t{64} << 30), "map size");
    const unsigned sync = options.for_synced_puts ? 0 : MDB_NOSYNC;
    const unsigned flags = MDB_NORDAHEAD | MDB_NOTLS | sync;
    Check(mdb_env_open(env_, options.directory.c_str(), flags, 0600), "open");
    MDB_txn* txn = Begin(0);
    Check(mdb_dbi_open(txn, nullptr, 0, &dbi_), "open table");
    Check(mdb_txn_commit(txn), "commit");
    readers_ = std::make_shared<LmdbReaders>(env_);
  }
  ~LmdbEngine() override {
    readers_->Close();
    mdb_env_close(env_);
  }

  std::string_view name() const override { return "LMDB"; }
  void Put(std::string_view key, std::string_view value, bool /*sync*/) override {
    MDB_txn* txn = Begin(0);
    PutOne(txn, key, value);
    Check(mdb_txn_commit(txn), "commit");
  }
  void PutBatch(std::span<const KvEntry> entries, bool /*sync*/) override {
    MDB_txn* txn = Begin(0);
    for (const auto& [key, value] : entries) PutOne(txn, key, value);
    Check(mdb_txn_commit(txn), "commit");
  }
  void DeleteBatch(std::span<const std::string_view> keys, bool /*sync*/) override {
    MDB_txn* txn = Begin(0);
    for (const std::string_view key : keys) {
      MDB_val k = ToVal(key);
      Check(mdb_del(txn, dbi_, &k, nullptr), "delete");
    }
    Check(mdb_txn_commit(txn), "commit");
  }
  std::int64_t Get(std::string_view key) override {
    MDB_txn* txn = LmdbReaders::Renewed(readers_);
    MDB_val v;
    const bool found = Find(txn, key, &v);
    mdb_txn_reset(txn);
    return found ? static_cast<std::int64_t>(v.mv_size) : -1;
  }
  bool Read(std::string_view key, std::string* value) override {
    MDB_txn* txn = LmdbReaders::Renewed(readers_);
    MDB_val v;
    const bool found = Find(txn, key, &v);
    if (found) value->assign(static_cast<const char*>(v.mv_data), v.mv_size);
    mdb_txn_reset(txn);
    return found;
  }
  std::string_view DeviceReads() const override { return "through its map, emptied before"; }
  std::uint64_t Count() override {
    MDB_txn* txn = LmdbReaders::Renewed(readers_);
    MDB_stat stat;
    Check(mdb_stat(txn, dbi_, &stat), "stat");
    mdb_txn_reset(txn);
    return stat.ms_entries;
  }
  const char* HowItCounts() const override { return "it keeps the number"; }
  std::pair<std::uint64_t, std::uint64_t> Scan() override {
    std::uint64_t rows = 0, bytes = 0;
    Walk("", MDB_FIRST, UINT64_MAX, &rows, &bytes);
    return {rows, bytes};
  }
  std::uint64_t SeekAndNext(std::string_view key, int count) override {
    std::uint64_t rows = 0, bytes = 0;
    Walk(key, MDB_SET_RANGE, static_cast<std::uint64_t>(count), &rows, &bytes);
    return bytes == 0 ? 0 : rows;
  }
  void Settle() override { Check(mdb_env_sync(env_, 1), "sync"); }

 private:
  MDB_txn* Begin(unsigned flags) {
    MDB_txn* txn = nullptr;
    Check(mdb_txn_begin(env_, nullptr, flags, &txn), "begin");
    return txn;
  }
  bool Find(MDB_txn* txn, std::string_view key, MDB_val* value) {
    MDB_val k = ToVal(key);
    const int error = mdb_get(txn, dbi_, &k, value);
    if (error != MDB_NOTFOUND) Check(error, "get");
    return error == 0;
  }
  void PutOne(MDB_txn* txn, std::string_view key, std::string_view value) {
    MDB_val k = ToVal(key), v = ToVal(value);
    Check(mdb_put(txn, dbi_, &k, &v, 0), "put");
  }
  void Walk(std::string_view key, MDB_cursor_op first, std::uint64_t limit, std::uint64_t* rows,
            std::uint64_t* bytes) {
    MDB_txn* txn = LmdbReaders::Renewed(readers_);
    MDB_cursor* cursor = nullptr;
    Check(mdb_cursor_open(txn, dbi_, &cursor), "cursor");
    MDB_val k = ToVal(key), v;
    int error = mdb_cursor_get(cursor, &k, &v, first);
    while (error == 0 && *rows < limit) {
      ++*rows;
      *bytes += k.mv_size + v.mv_size;
      error = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    if (error != MDB_NOTFOUND) Check(error, "next");
    mdb_cursor_close(cursor);
    mdb_txn_reset(txn);
  }

  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
  std::shared_ptr<LmdbReaders> readers_;
};

}  // namespace

std::unique_ptr<KvEngine> OpenLmdb(const KvOptions& options) {
  return std::make_unique<LmdbEngine>(options);
}

}  // namespace aurora::bench
