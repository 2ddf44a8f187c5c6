#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/document_engine.h"
#include "aurora/bench/workloads/kv_engine.h"
#include "sqlite3.h"

namespace aurora::bench {
namespace {

constexpr std::size_t kColdBytes = 16u << 20;

void Check(sqlite3* db, int error, std::string_view what) {
  if (error != SQLITE_OK && error != SQLITE_ROW && error != SQLITE_DONE) {
    KvFail("SQLite", what, sqlite3_errmsg(db));
  }
}

// Prepared once. What is bound must live until the next Reset.
class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql) : db_(db) {
    Check(db, sqlite3_prepare_v2(db, sql.c_str(), -1, &statement_, nullptr), sql);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement() { sqlite3_finalize(statement_); }

  void Bind(int column, std::string_view text) {
    Bound(sqlite3_bind_text(statement_, column, text.data(), static_cast<int>(text.size()),
                            SQLITE_STATIC));
  }
  void Bind(int column, const Uuid& id) {
    Bound(sqlite3_bind_blob(statement_, column, id.bytes.data(), static_cast<int>(id.bytes.size()),
                            SQLITE_STATIC));
  }
  void Bind(int column, std::uint64_t number) {
    Bound(sqlite3_bind_int64(statement_, column, static_cast<sqlite3_int64>(number)));
  }
  void Bind(int column, double number) { Bound(sqlite3_bind_double(statement_, column, number)); }

  // False if there is no further row.
  bool Step() {
    const int result = sqlite3_step(statement_);
    Check(db_, result, "step");
    return result == SQLITE_ROW;
  }
  void Reset() { sqlite3_reset(statement_); }
  void Run() {
    while (Step()) continue;
    Reset();
  }
  double Double(int column) { return sqlite3_column_double(statement_, column); }
  std::uint64_t Integer(int column) {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
  }
  std::string_view Text(int column) {
    const unsigned char* const text = sqlite3_column_text(statement_, column);
    return {reinterpret_cast<const char*>(text),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  void Bound(int error) { Check(db_, error, "bind"); }

  sqlite3* const db_;
  sqlite3_stmt* statement_ = nullptr;
};

struct SqliteSetup {
  bool at_defaults = false;
  bool compound = false;
};

constexpr std::string_view kSelect =
    "SELECT id, name, email, age, city, status, score, bio FROM users";
constexpr int kScoreColumn = 6;
constexpr int kBioColumn = 7;

std::vector<std::string> IndexedColumns(UserIndices indices, bool compound) {
  switch (indices) {
    case UserIndices::kEmail:
      return {};
    case UserIndices::kEmailAndAge:
      return {"age"};
    case UserIndices::kQueried:
      if (compound)
        return {"age", "city, status, age", "status, score, age", "city, status, score"};
      return {"age", "city", "status", "score"};
    case UserIndices::kAll:
      return {"age", "city", "status", "score", "name", "bio"};
  }
  return {};
}

class SqliteDocuments final : public DocumentEngine {
 public:
  SqliteDocuments(const DocumentOptions& options, SqliteSetup setup) {
    std::filesystem::create_directories(options.directory);
    const std::string path = options.directory + "/users.sqlite";
    constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    Check(db_, sqlite3_open_v2(path.c_str(), &db_, kFlags, nullptr), "open");
    if (!setup.at_defaults) Tune(options);
    CreateTable(options.indices, setup.compound);
    Prepare();
    next_ = Count("SELECT count(*) FROM users");
  }
  ~SqliteDocuments() override {
    statements_.reset();
    Check(db_, sqlite3_close(db_), "close");
  }

  Uuid Insert(const User& user) override {
    // Ids that ascend, as Aurora's do: what SQLite likes best of 16 bytes.
    const Uuid id = Uuid::FromHalves(next_, ~next_ * 0x9E3779B97F4A7C15u);
    ++next_;
    const UserFacts& facts = user.facts();
    Statement& insert = statements_->insert;
    insert.Bind(1, id);
    insert.Bind(2, user.name());
    insert.Bind(3, user.email());
    insert.Bind(4, std::uint64_t{facts.age});
    insert.Bind(5, CityName(facts.city));
    insert.Bind(6, StatusName(facts.status));
    insert.Bind(7, facts.score);
    insert.Bind(8, user.bio());
    insert.Run();
    return id;
  }
  void InsertBatch(std::span<const User> users, std::vector<Uuid>* ids) override {
    statements_->begin.Run();
    for (const User& user : users) ids->push_back(Insert(user));
    statements_->commit.Run();
  }
  std::optional<FoundUser> Get(const Uuid& id) override {
    statements_->get.Bind(1, id);
    return One(statements_->get);
  }
  std::optional<FoundUser> FindByEmail(std::string_view email) override {
    statements_->by_email.Bind(1, email);
    return One(statements_->by_email);
  }
  std::vector<double> FindByCity(std::uint32_t city, std::size_t limit) override {
    return ByCity(statements_->by_city, city, limit);
  }
  std::vector<double> FindByCityAnew(std::uint32_t city, std::size_t limit) override {
    Statement by_city(db_, std::string(kSelect) + " WHERE city = ? LIMIT ?");
    return ByCity(by_city, city, limit);
  }
  std::vector<double> FindByStatus(std::uint32_t status) override {
    statements_->by_status.Bind(1, StatusName(status));
    return Scores(statements_->by_status);
  }
  std::uint64_t Count(const UserCondition& condition) override {
    Statement& count = statements_->count;
    count.Bind(1, CityName(condition.city));
    count.Bind(2, StatusName(condition.status));
    count.Bind(3, std::uint64_t{condition.age_low});
    count.Bind(4, std::uint64_t{condition.age_high});
    return Number(count);
  }
  std::vector<double> Best(const UserCondition& condition, std::size_t limit) override {
    Statement& best = statements_->best;
    best.Bind(1, StatusName(condition.status));
    best.Bind(2, std::uint64_t{condition.age_low});
    best.Bind(3, std::uint64_t{condition.age_high});
    best.Bind(4, std::uint64_t{limit});
    return Scores(best);
  }
  std::vector<StatusAverage> Averages(std::uint32_t city) override {
    Statement& averages = statements_->averages;
    averages.Bind(1, CityName(city));
    std::vector<StatusAverage> found;
    while (averages.Step()) {
      std::uint32_t status = 0;
      while (StatusName(status) != averages.Text(0)) ++status;
      found.push_back({status, averages.Integer(1), averages.Double(2)});
    }
    averages.Reset();
    return found;
  }
  std::uint64_t CountInBios(std::string_view text) override {
    statements_->in_bios.Bind(1, text);
    return Number(statements_->in_bios);
  }
  double Scan(std::uint64_t* users) override {
    Statement& all = statements_->all;
    double sum = 0;
    for (*users = 0; all.Step(); ++*users) {
      sum += all.Double(kScoreColumn);
      if (all.Text(kBioColumn).size() != kBioBytes) KvFail("SQLite", "scan", "wrong answer");
    }
    all.Reset();
    return sum;
  }
  bool UpdateAge(std::string_view email, std::uint32_t age) override {
    statements_->update.Bind(1, std::uint64_t{age});
    statements_->update.Bind(2, email);
    statements_->update.Run();
    return sqlite3_changes(db_) == 1;
  }
  bool Delete(std::string_view email) override {
    statements_->remove.Bind(1, email);
    statements_->remove.Run();
    return sqlite3_changes(db_) == 1;
  }
  void Settle() override {
    Execute("ANALYZE");
    Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }

 private:
  struct Statements {
    explicit Statements(sqlite3* db)
        : begin(db, "BEGIN IMMEDIATE"),
          commit(db, "COMMIT"),
          insert(db, "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)"),
          get(db, std::string(kSelect) + " WHERE id = ?"),
          by_email(db, std::string(kSelect) + " WHERE email = ?"),
          by_city(db, std::string(kSelect) + " WHERE city = ? LIMIT ?"),
          by_status(db, std::string(kSelect) + " WHERE status = ?"),
          count(db,
                "SELECT count(*) FROM users WHERE city = ? AND status = ? AND age BETWEEN ? AND ?"),
          best(db, std::string(kSelect) +
                       " WHERE status = ? AND age BETWEEN ? AND ? ORDER BY score DESC LIMIT ?"),
          averages(db,
                   "SELECT status, count(*), avg(score) FROM users WHERE city = ?"
                   " GROUP BY status ORDER BY status"),
          in_bios(db, "SELECT count(*) FROM users WHERE instr(bio, ?) > 0"),
          all(db, std::string(kSelect)),
          update(db, "UPDATE users SET age = ? WHERE email = ?"),
          remove(db, "DELETE FROM users WHERE email = ?") {}
    Statement begin, commit, insert, get, by_email, by_city, by_status, count, best, averages,
        in_bios, all, update, remove;
  };

  void Execute(const std::string& sql) {
    Check(db_, sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr), sql);
  }
  // A commit without a sync is handed to the kernel, so it survives the process, as Aurora's does.
  void Tune(const DocumentOptions& options) {
    Execute("PRAGMA journal_mode = WAL");
    Execute(options.synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    const std::size_t cache = options.cold ? kColdBytes : options.memory_bytes;
    Execute("PRAGMA cache_size = -" + std::to_string(cache >> 10));
    Execute("PRAGMA temp_store = MEMORY");
  }
  void CreateTable(UserIndices indices, bool compound) {
    Execute(
        "CREATE TABLE IF NOT EXISTS users (id BLOB PRIMARY KEY NOT NULL, name TEXT,"
        " email TEXT UNIQUE, age INTEGER, city TEXT, status TEXT, score REAL, bio TEXT)");
    int number = 0;
    for (const std::string& columns : IndexedColumns(indices, compound)) {
      Execute("CREATE INDEX IF NOT EXISTS users_" + std::to_string(number++) + " ON users (" +
              columns + ")");
    }
  }
  void Prepare() { statements_ = std::make_unique<Statements>(db_); }
  std::uint64_t Count(const std::string& sql) {
    Statement statement(db_, sql);
    return Number(statement);
  }

  static std::optional<FoundUser> One(Statement& statement) {
    std::optional<FoundUser> found;
    if (statement.Step()) {
      found = FoundUser{statement.Double(kScoreColumn), statement.Text(kBioColumn).size()};
    }
    statement.Reset();
    return found;
  }
  static std::vector<double> Scores(Statement& statement) {
    std::vector<double> scores;
    while (statement.Step()) scores.push_back(statement.Double(kScoreColumn));
    statement.Reset();
    return scores;
  }
  static std::vector<double> ByCity(Statement& statement, std::uint32_t city, std::size_t limit) {
    statement.Bind(1, CityName(city));
    statement.Bind(2, std::uint64_t{limit});
    return Scores(statement);
  }
  static std::uint64_t Number(Statement& statement) {
    if (!statement.Step()) KvFail("SQLite", "count", "no row");
    const std::uint64_t number = statement.Integer(0);
    statement.Reset();
    return number;
  }

  sqlite3* db_ = nullptr;
  std::unique_ptr<Statements> statements_;
  std::uint64_t next_ = 0;
};

}  // namespace

std::unique_ptr<DocumentEngine> OpenSqliteDocuments(const DocumentOptions& options) {
  return std::make_unique<SqliteDocuments>(options, SqliteSetup());
}

std::unique_ptr<DocumentEngine> OpenSqliteDocumentsAtDefaults(const DocumentOptions& options) {
  return std::make_unique<SqliteDocuments>(options, SqliteSetup{.at_defaults = true});
}

std::unique_ptr<DocumentEngine> OpenSqliteDocumentsCompound(const DocumentOptions& options) {
  return std::make_unique<SqliteDocuments>(options, SqliteSetup{.compound = true});
}

}  // namespace aurora::bench
