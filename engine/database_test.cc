#include "aurora/engine/database.h"
#include "aurora/engine/database_testing.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/engine/query/parser.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

Schema Products() {
  return Schema()
      .String("sku", kUnique | kRequired)
      .String("name")
      .Double("price")
      .String("city", kIndexed)
      .Int64("stock", kIndexed | kNullable)
      .Array("tags", Type::kString, kIndexed);
}

Object Product(int i) {
  return {{"sku", StrCat("S-", i)}, {"name", StrCat("Product ", i)},
          {"price", i * 1.5},       {"city", i % 3 == 0 ? "Bern" : "Basel"},
          {"stock", i % 5},         {"tags", Array{StrCat("t", i % 2), StrCat("u", i % 7)}}};
}

// A database on a simulated machine, with the collection "products".
class DatabaseTest : public SimulatedDatabaseTest {
 protected:
  DatabaseTest() {
    EXPECT_TRUE(simulation_.Run(db_.CreateCollection("products", Products())).ok());
  }

  absl::StatusOr<DocumentId> Insert(Object object) {
    return simulation_.Run(db_.Insert("products", std::move(object)));
  }
  void InsertProducts(int count) {
    std::vector<Object> objects;
    for (int i = 0; i < count; ++i) objects.push_back(Product(i));
    const auto ids = simulation_.Run(db_.InsertMany("products", std::move(objects)));
    ASSERT_TRUE(ids.ok()) << ids.status();
    ids_ = *ids;
  }
  std::optional<Document> Get(const DocumentId& id) {
    const auto got = simulation_.Run(db_.Get("products", id));
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() ? *got : std::nullopt;
  }
  // The skus of the results, joined.
  std::string Skus(const Query& query) {
    const auto documents = simulation_.Run(query.Collect());
    EXPECT_TRUE(documents.ok()) << documents.status();
    std::string text;
    if (!documents.ok()) return text;
    for (const Document& document : *documents)
      StrAppend(&text, text.empty() ? "" : " ", document.Get("sku").AsString());
    return text;
  }
  QueryPlan Explain(const Query& query) {
    const auto plan = simulation_.Run(query.Explain());
    EXPECT_TRUE(plan.ok()) << plan.status();
    return *plan;
  }
  std::vector<DocumentId> ids_;
};

TEST_F(DatabaseTest, WhatIsInsertedIsReadBack) {
  const auto id = Insert(Product(4));
  ASSERT_TRUE(id.ok()) << id.status();
  const std::optional<Document> document = Get(*id);
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->id(), *id);
  EXPECT_EQ(document->Get("sku").AsString(), "S-4");
  EXPECT_EQ(document->Get("price").AsDouble(), 6.0);
  EXPECT_FALSE(Get(DocumentId("nobody")).has_value());
}

TEST_F(DatabaseTest, EverythingSurvivesReopening) {
  InsertProducts(50);
  ASSERT_TRUE(simulation_.Run(db_.Update("products", ids_[7], {{"city", "Chur"}})).ok());
  ASSERT_TRUE(*simulation_.Run(db_.Delete("products", ids_[8])));
  for (const bool flushed : {false, true}) {
    if (flushed) ASSERT_TRUE(simulation_.Run(db_.Flush()).ok());
    Reopen();
    EXPECT_GT(db_.Stats().store.published, 0u);
    EXPECT_EQ(db_.Stats().store.durable, db_.Stats().store.published);
    EXPECT_EQ(Get(ids_[7])->Get("city").AsString(), "Chur");
    EXPECT_FALSE(Get(ids_[8]).has_value());
    EXPECT_EQ(*simulation_.Run(db_.Query("products").Count()), 49u);
    EXPECT_EQ(Skus(db_.Query("products").Where(Field("city") == "Chur")), "S-7");
    EXPECT_TRUE(Insert({{"sku", flushed ? "x" : "y"}}).ok());
    EXPECT_TRUE(*simulation_.Run(db_.Delete("products", *Insert({{"sku", "z"}}))));
    EXPECT_TRUE(*simulation_.Run(
        db_.Delete("products",
                   (*simulation_.Run(
                        db_.Query("products").Where(Field("sku") == (flushed ? "x" : "y")).First()))
                       ->id())));
  }
}

TEST_F(DatabaseTest, LargeDocumentsLieInValueFiles) {
  constexpr int kCount = 60;
  InsertProducts(kCount);
  const auto enlarge = [&](int round) {
    for (int i = 0; i < kCount; ++i) {
      if (round > 0 && i % 3 == 0) continue;
      Object change = {{"name", StrCat(round, "-", i, std::string(6000, 'n'))}};
      ASSERT_TRUE(simulation_.Run(db_.Update("products", ids_[i], std::move(change))).ok());
    }
    ASSERT_TRUE(simulation_.Run(db_.Compact()).ok());
  };
  const auto expect = [&](int round) {
    for (int i = 0; i < kCount; ++i) {
      const std::optional<Document> found = Get(ids_[i]);
      ASSERT_TRUE(found.has_value());
      const std::string start = StrCat(i % 3 == 0 ? 0 : round, "-", i, "nnn");
      EXPECT_EQ(found->Get("name").AsString().substr(0, start.size()), start);
    }
    const auto bern =
        simulation_.Run(db_.Query("products").Where(Field("city") == "Bern").Collect());
    ASSERT_TRUE(bern.ok()) << bern.status();
    EXPECT_EQ(bern->size(), std::size_t{kCount / 3});
  };
  for (int round = 0; round < 3; ++round) {
    ASSERT_NO_FATAL_FAILURE(enlarge(round));
    EXPECT_GT(db_.Stats().store.value_file_count, 0);
    expect(round);
    Reopen();
    expect(round);
  }
  for (const DocumentId& id : ids_) {
    ASSERT_TRUE(simulation_.Run(db_.Delete("products", id)).ok());
  }
  ASSERT_TRUE(simulation_.Run(db_.Compact()).ok());
  EXPECT_EQ(db_.Stats().store.value_file_count, 0);
}

TEST_F(DatabaseTest, WhatIsRecoveredIsDurable) {
  InsertProducts(3);
  Reopen();
  const lsm::StoreStats stats = db_.Stats().store;
  EXPECT_GT(stats.durable, 0u);
  EXPECT_EQ(stats.durable, stats.published);
}

// The write that found its work done answered for it all the same.
TEST_F(DatabaseTest, AWriteThatChangesNothingIsAcknowledgedOnceWhatItFoundIsDurable) {
  WriteOptions buffered;
  buffered.durability = Durability::kBuffered;
  const auto kept = Insert(Product(1));
  const auto deleted = Insert(Product(2));
  ASSERT_TRUE(kept.ok() && deleted.ok());
  for (const bool update : {true, false}) {
    Object change = {{"city", "Chur"}};
    ASSERT_TRUE(simulation_.Run(db_.Update("products", *kept, change, buffered)).ok());
    ASSERT_TRUE(simulation_.Run(db_.Delete("products", *deleted, buffered)).ok());
    if (update) {
      ASSERT_TRUE(simulation_.Run(db_.Update("products", *kept, change)).ok());
    } else {
      EXPECT_FALSE(*simulation_.Run(db_.Delete("products", *deleted)));
    }
    simulation_.CrashMachine(CrashMode());
    EXPECT_FALSE(simulation_.Run(db_.Close()).ok());
    ASSERT_TRUE(simulation_.RunUntilIdle());
    ASSERT_TRUE(simulation_.Restart().ok());
    db_ = Open();
    EXPECT_EQ(Get(*kept)->Get("city").AsString(), "Chur");
    EXPECT_FALSE(Get(*deleted).has_value());
    change = {{"city", "Bern"}};
    ASSERT_TRUE(simulation_.Run(db_.Update("products", *kept, change)).ok());
  }
}

// However long a read takes, and whatever is written, flushed and compacted meanwhile.
TEST(DatabaseReadTest, AGetFindsADocumentThatIsReplacedAndCompactedMeanwhile) {
  for (std::uint64_t slow = 1; slow <= 12; ++slow) {
    Simulation simulation(slow);
    Options options = OptionsIn(simulation);
    options.hot_tier_share = 0;
    Database db = *simulation.Run(Database::Open("/db", options));
    ASSERT_TRUE(simulation.Run(db.CreateCollection("products", Products())).ok());
    Object product = Product(1);
    product.Set("_id", Value("own"));
    ASSERT_TRUE(simulation.Run(db.Insert("products", product)).ok());
    ASSERT_TRUE(simulation.Run(db.Flush()).ok());
    ASSERT_TRUE(simulation.Run(db.Close()).ok());
    db = *simulation.Run(Database::Open("/db", options));
    const auto get = [](Database database,
                        absl::StatusOr<std::optional<Document>>* got) -> Task<void> {
      *got = co_await database.Get("products", "own");
    };
    const auto replace = [](Database database) -> Task<void> {
      Object change = {{"city", "Chur"}};
      EXPECT_TRUE((co_await database.Update("products", "own", std::move(change))).ok());
      EXPECT_TRUE((co_await database.Compact()).ok());
    };
    FaultRule delay;
    delay.fault = Fault::Delay(absl::Seconds(1));
    delay.kinds = {OperationKind::kRead};
    delay.first = slow;
    simulation.faults().Add(delay);
    absl::StatusOr<std::optional<Document>> got;
    std::vector<Task<void>> tasks;
    tasks.push_back(get(db, &got));
    tasks.push_back(replace(db));
    simulation.RunAll(std::move(tasks));
    ASSERT_TRUE(got.ok()) << got.status() << ", slow read " << slow;
    EXPECT_TRUE(got->has_value()) << "slow read " << slow;
    got = std::nullopt;
    EXPECT_TRUE(simulation.Run(db.Close()).ok());
  }
}

TEST_F(DatabaseTest, UniqueValuesAreTakenOnce) {
  const auto first = Insert(Product(1));
  ASSERT_TRUE(first.ok());
  const absl::Status taken = Insert(Product(1)).status();
  EXPECT_EQ(taken.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      taken.message(),
      "collection \"products\": field \"sku\": the value \"S-1\" is taken by another document");
  const auto second = Insert(Product(2));
  EXPECT_EQ(simulation_.Run(db_.Update("products", *second, {{"sku", "S-1"}})).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(simulation_.Run(db_.Update("products", *second, {{"sku", "S-2"}})).ok());
  EXPECT_TRUE(*simulation_.Run(db_.Delete("products", *first)));
  EXPECT_TRUE(simulation_.Run(db_.Update("products", *second, {{"sku", "S-1"}})).ok());
  EXPECT_TRUE(Insert(Product(2)).ok());
}

TEST_F(DatabaseTest, ManyWritersOfOneUniqueValueLeaveOneWinner) {
  int winners = 0;
  const auto write = [](Database db, int i, int* won) -> Task<void> {
    Object object = {{"sku", "same"}, {"stock", i}};
    const absl::StatusOr<DocumentId> id = co_await db.Insert("products", std::move(object));
    if (id.ok()) ++*won;
    if (!id.ok()) EXPECT_EQ(id.status().code(), absl::StatusCode::kAlreadyExists) << id.status();
  };
  std::vector<Task<void>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(write(db_, i, &winners));
  simulation_.RunAll(std::move(tasks));
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(*simulation_.Run(db_.Query("products").Where(Field("sku") == "same").Count()), 1u);
}

TEST_F(DatabaseTest, ConcurrentUpdatesOfOneDocumentAreAllKept) {
  const DocumentId id = *Insert({{"sku", "s"}});
  const auto update = [](Database db, DocumentId document, std::string field,
                         Value value) -> Task<void> {
    Object changes;
    changes.Set(field, std::move(value));
    EXPECT_TRUE((co_await db.Update("products", document, std::move(changes))).ok());
  };
  std::vector<Task<void>> tasks;
  tasks.push_back(update(db_, id, "name", Value("n")));
  tasks.push_back(update(db_, id, "price", Value(2.5)));
  tasks.push_back(update(db_, id, "city", Value("Bern")));
  tasks.push_back(update(db_, id, "stock", Value(9)));
  simulation_.RunAll(std::move(tasks));
  EXPECT_EQ(Get(id)->fields().size(), 6u);
}

TEST_F(DatabaseTest, ABatchIsAllOrNothing) {
  std::vector<Object> objects;
  for (int i = 0; i < 10; ++i) objects.push_back(Product(i));
  objects.push_back({{"sku", "bad"}, {"price", "expensive"}});
  const absl::Status bad = simulation_.Run(db_.InsertMany("products", objects)).status();
  EXPECT_EQ(bad.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(bad.message().find("object 10"), absl::string_view::npos) << bad;
  objects[10] = Product(3);
  EXPECT_EQ(simulation_.Run(db_.InsertMany("products", objects)).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*simulation_.Run(db_.Query("products").Count()), 0u);
}

TEST_F(DatabaseTest, UsersMayBringTheirOwnIds) {
  EXPECT_EQ(*Insert({{"_id", "lamp"}, {"sku", "1"}}), DocumentId("lamp"));
  EXPECT_EQ(*Insert({{"_id", 42}, {"sku", "2"}}), DocumentId(42));
  EXPECT_EQ(Get(DocumentId(42))->Get("sku").AsString(), "2");
  EXPECT_EQ(Insert({{"_id", "lamp"}, {"sku", "3"}}).status().code(),
            absl::StatusCode::kAlreadyExists);
  const DocumentId given = *Insert({{"sku", "4"}});
  Object again = {{"sku", "5"}};
  again.Set("_id", Value(given.ToValue()));
  EXPECT_EQ(Insert(again).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(*simulation_.Run(db_.Delete("products", DocumentId("lamp"))));
  EXPECT_TRUE(Insert({{"_id", "lamp"}, {"sku", "6"}}).ok());
}

TEST_F(DatabaseTest, UpdateReplaceUpsertAndDelete) {
  const DocumentId id = *Insert(Product(1));
  ASSERT_TRUE(simulation_.Run(db_.Update("products", id, {{"price", 9}})).ok());
  EXPECT_EQ(Get(id)->Get("price").AsDouble(), 9.0);
  EXPECT_EQ(Get(id)->Get("name").AsString(), "Product 1");
  ASSERT_TRUE(simulation_.Run(db_.Replace("products", id, {{"sku", "r"}})).ok());
  EXPECT_FALSE(Get(id)->Find("name").has_value());
  EXPECT_EQ(simulation_.Run(db_.Update("products", DocumentId("no"), {{"price", 1}})).code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(
      *simulation_.Run(db_.Upsert("products", DocumentId("u"), {{"sku", "u"}, {"price", 1}})));
  EXPECT_FALSE(*simulation_.Run(db_.Upsert("products", DocumentId("u"), {{"price", 2}})));
  EXPECT_EQ(Get(DocumentId("u"))->Get("price").AsDouble(), 2.0);
  EXPECT_TRUE(*simulation_.Run(db_.Delete("products", id)));
  EXPECT_FALSE(*simulation_.Run(db_.Delete("products", id)));
}

TEST_F(DatabaseTest, BadDocumentsNameTheFieldAndLeaveNothing) {
  for (const Object& object : std::vector<Object>{{{"name", "no sku"}},
                                                  {{"sku", 5}},
                                                  {{"sku", "s"}, {"price", "x"}},
                                                  {{"sku", "s"}, {"color", "red"}},
                                                  {{"sku", "s"}, {"tags", Array{1}}},
                                                  {{"sku", nullptr}}}) {
    const absl::Status status = Insert(object).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_NE(status.message().find("\"products\""), absl::string_view::npos) << status;
  }
  EXPECT_EQ(Insert({{"sku", std::string(5000, 'x')}}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(simulation_.Run(db_.Insert("nothing", {{"a", 1}})).status().message(),
            "there is no collection \"nothing\"; there are \"products\"");
  EXPECT_EQ(*simulation_.Run(db_.Query("products").Count()), 0u);
}

TEST_F(DatabaseTest, AnErrorOfAnObjectTellsWhichOne) {
  const auto insert = [&](std::vector<Object> objects) {
    return RefusedObject(simulation_.Run(db_.InsertMany("products", std::move(objects))).status());
  };
  EXPECT_EQ(insert({Product(0), Product(1), {{"sku", 5}}, Product(3)}), 2u);
  EXPECT_EQ(insert({Product(0), Product(1), Product(2), Product(1)}), 3u);
  EXPECT_EQ(insert({Product(0), {{"sku", std::string(5000, 'x')}}}), 1u);
  EXPECT_EQ(*simulation_.Run(db_.Query("products").Count()), 0u);
  EXPECT_EQ(RefusedObject(simulation_.Run(db_.Insert("nothing", {{"a", 1}})).status()),
            std::nullopt);
  const auto id = Insert(Product(7));
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(RefusedObject(simulation_.Run(db_.Update("products", *id, {{"price", "x"}}))), 0u);
}

TEST_F(DatabaseTest, TheSameSchemaAgainIsFineAnotherIsNot) {
  EXPECT_TRUE(simulation_.Run(db_.CreateCollection("products", Products())).ok());
  const absl::Status other =
      simulation_.Run(db_.CreateCollection("products", Schema().Int64("sku")));
  EXPECT_EQ(other.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_NE(other.message().find("\"sku\""), absl::string_view::npos) << other;
  EXPECT_FALSE(simulation_.Run(db_.CreateCollection("_x", Schema().Int64("a"))).ok());
  Reopen();
  EXPECT_TRUE(simulation_.Run(db_.CreateCollection("products", Products())).ok());
  ASSERT_EQ(db_.Collections().size(), 1u);
}

TEST_F(DatabaseTest, QueriesFilterSortPageAndProject) {
  InsertProducts(20);
  EXPECT_EQ(Skus(db_.Query("products").Where(Field("price") < 4)), "S-0 S-1 S-2");
  EXPECT_EQ(Skus(db_.Query("products")
                     .Where(Field("city") == "Bern")
                     .OrderBy("price", Direction::kDescending)
                     .Limit(3)),
            "S-18 S-15 S-12");
  EXPECT_EQ(Skus(db_.Query("products")
                     .OrderBy("stock")
                     .OrderBy("price", Direction::kDescending)
                     .Offset(1)
                     .Limit(4)),
            "S-10 S-5 S-0 S-16");
  EXPECT_EQ(Skus(db_.Query("products").Offset(18)), "S-18 S-19");
  EXPECT_EQ(Skus(db_.Query("products").Where(Field("city") == "Bern").Offset(2).Limit(2)),
            "S-6 S-9");
  EXPECT_EQ(Skus(db_.Query("products").Limit(0)), "");
  const auto projected =
      simulation_.Run(db_.Query("products").Limit(1).Select({"price", "tags.1"}).Collect());
  ASSERT_TRUE(projected.ok()) << projected.status();
  EXPECT_EQ((*projected)[0].fields().size(), 3u);
  EXPECT_EQ((*projected)[0].id(), ids_[0]);
  EXPECT_EQ(*simulation_.Run(db_.Query("products").Where(Field("stock") == 3).Count()), 4u);
  EXPECT_TRUE(*simulation_.Run(db_.Query("products").Where(Field("stock") == 3).Exists()));
  EXPECT_FALSE(*simulation_.Run(db_.Query("products").Where(Field("stock") == 7).Exists()));
  EXPECT_EQ(simulation_.Run(db_.Query("none").Count()).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(
      simulation_.Run(db_.Query("products").Where(Field("name").Matches("(")).Count()).ok());
}

TEST_F(DatabaseTest, IndicesAnswerWhatTheyCan) {
  InsertProducts(60);
  const QueryPlan plan =
      Explain(db_.Query("products")
                  .Where(Field("city") == "Bern" && Field("stock") == 0 && Field("price") > 1));
  EXPECT_EQ(plan.access, "index: city == \"Bern\" & stock == 0");
  EXPECT_EQ(plan.filter, "price > 1");
  EXPECT_EQ(plan.candidate_rows, 4u);
  EXPECT_EQ(plan.returned_rows, 3u);
  EXPECT_EQ(Skus(db_.Query("products").Where(Field("tags").Any("u3"))),
            "S-3 S-10 S-17 S-24 S-31 S-38 S-45 S-52 S-59");
  EXPECT_EQ(Explain(db_.Query("products").Where(Field("sku") == "S-7")).documents_read, 1u);
  EXPECT_EQ(Explain(db_.Query("products").Where(Field("price") > 80)).access, "scan of products");
  // A page of an exact answer reads only the page; a count reads nothing.
  EXPECT_EQ(Explain(db_.Query("products").Where(Field("city") == "Bern").Limit(2)).documents_read,
            2u);
}

TEST_F(DatabaseTest, TheHotTierServesWhatWasReadAndNeverWhatIsOld) {
  InsertProducts(5);
  ASSERT_TRUE(Get(ids_[2]).has_value());
  const std::uint64_t hits = db_.Stats().hot_tier.hits;
  ASSERT_TRUE(Get(ids_[2]).has_value());
  EXPECT_EQ(db_.Stats().hot_tier.hits, hits + 1);
  ASSERT_TRUE(simulation_.Run(db_.Update("products", ids_[2], {{"name", "new"}})).ok());
  EXPECT_EQ(Get(ids_[2])->Get("name").AsString(), "new");
  ASSERT_TRUE(*simulation_.Run(db_.Delete("products", ids_[2])));
  EXPECT_FALSE(Get(ids_[2]).has_value());
}

TEST_F(DatabaseTest, AHotDocumentIsThereWithoutACoroutine) {
  InsertProducts(5);
  EXPECT_FALSE(db_.Get("products", ids_[2]).IsReady());
  ASSERT_TRUE(Get(ids_[2]).has_value());
  const HotTierStats before = db_.Stats().hot_tier;
  auto hot = db_.Get("products", ids_[2]);
  ASSERT_TRUE(hot.IsReady());
  EXPECT_EQ((**std::move(hot).TakeReady()).Get("sku").AsString(), "S-2");
  EXPECT_EQ(db_.Stats().hot_tier.hits, before.hits + 1);
  ASSERT_TRUE(Get(ids_[3]).has_value());
  EXPECT_EQ(db_.Stats().hot_tier.misses, before.misses + 1);
  Database closed = db_;
  ASSERT_TRUE(simulation_.Run(closed.Close()).ok());
  EXPECT_EQ(simulation_.Run(closed.Get("products", ids_[2])).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(DatabaseTest, AnIdThatOnlyBearsTheRowOfAHotDocumentIsNotItsId) {
  InsertProducts(5);
  ASSERT_TRUE(Get(ids_[2]).has_value());
  Uuid other = ids_[2].ToValue().AsUuid();
  other.bytes.back() ^= 1;
  ASSERT_EQ(DocumentId(other).EmbeddedRowId(), ids_[2].EmbeddedRowId());
  EXPECT_FALSE(Get(other).has_value());
  ASSERT_TRUE(Insert({{"_id", other}, {"sku", "his own"}}).ok());
  EXPECT_EQ(Get(other)->Get("sku").AsString(), "his own");
  EXPECT_EQ(Get(ids_[2])->Get("sku").AsString(), "S-2");
}

TEST_F(DatabaseTest, TheTextFormRunsAsTheBuilderDoes) {
  InsertProducts(20);
  const auto spec =
      ParseQuery("products where city == 'Bern' and price < 20 order by price desc limit 2");
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(Skus(db_.Query(*spec)), "S-12 S-9");
}

TEST_F(DatabaseTest, AClosedDatabaseRefusesEverything) {
  Database closed = db_;
  ASSERT_TRUE(simulation_.Run(closed.Close()).ok());
  EXPECT_EQ(Insert(Product(1)).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(simulation_.Run(closed.Query("products").Count()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(simulation_.Run(closed.Close()).ok());
}

TEST_F(DatabaseTest, ASecondOpenIsRefused) {
  const auto second = simulation_.Run(Database::Open("/db", options_));
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition) << second.status();
  EXPECT_TRUE(Insert(Product(1)).ok());
}

}  // namespace
}  // namespace aurora
