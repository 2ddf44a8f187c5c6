#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/bench/workloads/document_engine.h"
#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/engine/database.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/options.h"
#include "aurora/engine/query.h"
#include "aurora/engine/query/aggregate.h"
#include "aurora/engine/query/expression.h"
#include "aurora/runtime/block_on.h"

namespace aurora::bench {
namespace {

constexpr std::string_view kUsers = "users";
constexpr std::size_t kColdBytes = 16u << 20;

void Check(const absl::Status& status, std::string_view what) {
  if (!status.ok()) KvFail("Aurora", what, status.ToString());
}

template <class T>
T Take(absl::StatusOr<T> result, std::string_view what) {
  Check(result.status(), what);
  return *std::move(result);
}

Options DefaultOptions(const DocumentOptions& options) {
  Options database;
  database.durability = options.synced ? Durability::kSync : Durability::kProcess;
  return database;
}

Options TunedOptions(const DocumentOptions& options) {
  Options database = DefaultOptions(options);
  database.memory_bytes = options.memory_bytes;
  if (options.cold) {
    database.memory_bytes = kColdBytes;
    database.hot_tier_share = 0;
    database.direct_reads = true;
  }
  return database;
}

Schema UserSchema(UserIndices indices) {
  const auto from = [&](UserIndices first) {
    return indices >= first ? FieldAttributes(kIndexed) : FieldAttributes();
  };
  return Schema()
      .String("name", from(UserIndices::kAll))
      .String("email", kUnique)
      .Int64("age", from(UserIndices::kEmailAndAge))
      .String("city", from(UserIndices::kQueried))
      .String("status", from(UserIndices::kQueried))
      .Double("score", from(UserIndices::kQueried))
      .String("bio", from(UserIndices::kAll));
}

Object ToObject(const User& user) {
  const UserFacts& facts = user.facts();
  return {{"name", user.name()},
          {"email", user.email()},
          {"age", facts.age},
          {"city", CityName(facts.city)},
          {"status", StatusName(facts.status)},
          {"score", facts.score},
          {"bio", user.bio()}};
}

Uuid UuidOf(const DocumentId& id) { return id.ToValue().AsUuid(); }

class AuroraDocuments final : public DocumentEngine {
 public:
  AuroraDocuments(const DocumentOptions& options, Options database)
      : db_(Take(BlockOn(Database::Open(options.directory, std::move(database))), "open")) {
    Check(BlockOn(db_.CreateCollection(std::string(kUsers), UserSchema(options.indices))),
          "create the collection");
    const Schema schema = Take(db_.GetSchema(kUsers), "schema");
    score_ = schema.Find("score")->id;
    bio_ = schema.Find("bio")->id;
  }
  ~AuroraDocuments() override { Check(BlockOn(db_.Close()), "close"); }

  Uuid Insert(const User& user) override {
    return UuidOf(Take(BlockOn(db_.Insert(kUsers, ToObject(user))), "insert"));
  }
  void InsertBatch(std::span<const User> users, std::vector<Uuid>* ids) override {
    std::vector<Object> objects;
    objects.reserve(users.size());
    for (const User& user : users) objects.push_back(ToObject(user));
    for (const DocumentId& id :
         Take(BlockOn(db_.InsertMany(kUsers, std::move(objects))), "insert")) {
      ids->push_back(UuidOf(id));
    }
  }
  std::optional<FoundUser> Get(const Uuid& id) override {
    return Facts(Take(BlockOn(db_.Get(kUsers, id)), "get"));
  }
  std::optional<FoundUser> FindByEmail(std::string_view email) override {
    return Facts(FindOne(email));
  }
  std::vector<double> FindByCity(std::uint32_t city, std::size_t limit) override {
    for (auto other = static_cast<std::uint32_t>(by_city_.size()); other < kCities; ++other) {
      by_city_.push_back(ByCity(other, limit));
    }
    return Scores(by_city_[city]);
  }
  std::vector<double> FindByCityAnew(std::uint32_t city, std::size_t limit) override {
    return Scores(ByCity(city, limit));
  }
  std::vector<double> FindByStatus(std::uint32_t status) override {
    return Scores(db_.Query(kUsers).Where(Field("status") == StatusName(status)));
  }
  std::uint64_t Count(const UserCondition& condition) override {
    const Query query = db_.Query(kUsers).Where(Field("city") == CityName(condition.city) &&
                                                OfStatusAndAge(condition));
    return Take(BlockOn(query.Count()), "count");
  }
  std::vector<double> Best(const UserCondition& condition, std::size_t limit) override {
    return Scores(db_.Query(kUsers)
                      .Where(OfStatusAndAge(condition))
                      .OrderBy("score", Direction::kDescending)
                      .Limit(limit));
  }
  std::vector<StatusAverage> Averages(std::uint32_t city) override {
    const Query query =
        db_.Query(kUsers).Where(Field("city") == CityName(city)).GroupBy({"status"});
    std::vector<StatusAverage> averages;
    const auto groups =
        BlockOn(query.Aggregate({aurora::Count().As("n"), Average("score").As("mean")}));
    for (const Object& group : Take(groups, "aggregate")) {
      std::uint32_t status = 0;
      while (StatusName(status) != group.Find("status")->AsString()) ++status;
      averages.push_back({status, static_cast<std::uint64_t>(group.Find("n")->AsInt64()),
                          group.Find("mean")->AsDouble()});
    }
    return averages;
  }
  std::uint64_t CountInBios(std::string_view text) override {
    return Take(BlockOn(db_.Query(kUsers).Where(Field("bio").Contains(text)).Count()), "count");
  }
  double Scan(std::uint64_t* users) override {
    const std::vector<Document> all = Take(BlockOn(db_.Query(kUsers).Collect()), "scan");
    double sum = 0;
    for (const Document& user : all) {
      sum += user.Get(score_).AsDouble();
      if (user.Get(bio_).AsString().size() != kBioBytes) KvFail("Aurora", "scan", "wrong answer");
    }
    *users = all.size();
    return sum;
  }
  bool UpdateAge(std::string_view email, std::uint32_t age) override {
    const std::optional<Document> user = FindOne(email);
    if (!user.has_value()) return false;
    Check(BlockOn(db_.Update(kUsers, user->id(), {{"age", age}})), "update");
    return true;
  }
  bool Delete(std::string_view email) override {
    const std::optional<Document> user = FindOne(email);
    return user.has_value() && Take(BlockOn(db_.Delete(kUsers, user->id())), "delete");
  }
  void Settle() override { Check(BlockOn(db_.Compact()), "compact"); }

 private:
  std::optional<FoundUser> Facts(const std::optional<Document>& user) const {
    if (!user.has_value()) return std::nullopt;
    return FoundUser{user->Get(score_).AsDouble(), user->Get(bio_).AsString().size()};
  }
  std::optional<Document> FindOne(std::string_view email) const {
    return Take(BlockOn(db_.Query(kUsers).Where(Field("email") == email).First()), "first");
  }
  Query ByCity(std::uint32_t city, std::size_t limit) const {
    return db_.Query(kUsers).Where(Field("city") == CityName(city)).Limit(limit);
  }
  static Expression OfStatusAndAge(const UserCondition& condition) {
    return Field("status") == StatusName(condition.status) &&
           Field("age").Between(condition.age_low, condition.age_high);
  }
  std::vector<double> Scores(const Query& query) const {
    std::vector<double> scores;
    for (const Document& user : Take(BlockOn(query.Collect()), "collect")) {
      scores.push_back(user.Get(score_).AsDouble());
    }
    return scores;
  }

  Database db_;
  FieldSlot score_ = 0, bio_ = 0;
  std::vector<Query> by_city_;  // one for each city: a query has no parameters
};

}  // namespace

std::unique_ptr<DocumentEngine> OpenAuroraDocuments(const DocumentOptions& options) {
  return std::make_unique<AuroraDocuments>(options, TunedOptions(options));
}

std::unique_ptr<DocumentEngine> OpenAuroraDocumentsAtDefaults(const DocumentOptions& options) {
  return std::make_unique<AuroraDocuments>(options, DefaultOptions(options));
}

}  // namespace aurora::bench
