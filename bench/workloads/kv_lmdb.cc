#include <filesystem>
#include <memory>
#include <string>

#include "aurora/bench/workloads/kv_engine.h"
#include "lmdb.h"

namespace aurora::bench {
namespace {

void Check(int error, std::string_view what) {
  if (error != 0) KvFail("LMDB", what, mdb_strerror(error));
}

MDB_val ToVal(std::string_view s) { return {s.size(), const_cast<char*>(s.data())}; }

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
  }
  ~LmdbEngine() override {
    if (reader_ != nullptr) mdb_txn_abort(reader_);
    mdb_env_close(env_);
  }

  std::string_view name() const override { return "LMDB"; }
  void Put(std::string_view key, std::string_view value, bool /*sync*/) override {
    MDB_txn* txn = Begin(0);
    PutOne(txn, key, value);
    Check(mdb_txn_commit(txn), "commit");
  }
  void PutBatch(std::span<const KvEntry> entries) override {
    MDB_txn* txn = Begin(0);
    for (const auto& [key, value] : entries) PutOne(txn, key, value);
    Check(mdb_txn_commit(txn), "commit");
  }
  std::int64_t Get(std::string_view key) override {
    MDB_txn* txn = Reader();
    MDB_val k = ToVal(key), v;
    const int error = mdb_get(txn, dbi_, &k, &v);
    mdb_txn_reset(txn);
    if (error == MDB_NOTFOUND) return -1;
    Check(error, "get");
    return static_cast<std::int64_t>(v.mv_size);
  }
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
  // The reading transaction of the one reading thread, renewed: a new one for each get costs more.
  MDB_txn* Reader() {
    if (reader_ == nullptr) {
      reader_ = Begin(MDB_RDONLY);
    } else {
      Check(mdb_txn_renew(reader_), "renew");
    }
    return reader_;
  }
  void PutOne(MDB_txn* txn, std::string_view key, std::string_view value) {
    MDB_val k = ToVal(key), v = ToVal(value);
    Check(mdb_put(txn, dbi_, &k, &v, 0), "put");
  }
  void Walk(std::string_view key, MDB_cursor_op first, std::uint64_t limit, std::uint64_t* rows,
            std::uint64_t* bytes) {
    MDB_txn* txn = Reader();
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
  MDB_txn* reader_ = nullptr;
};

}  // namespace

std::unique_ptr<KvEngine> OpenLmdb(const KvOptions& options) {
  return std::make_unique<LmdbEngine>(options);
}

}  // namespace aurora::bench
