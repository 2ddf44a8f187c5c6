// Indices that come and go on a collection that holds documents.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/engine/database_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

constexpr int kDocuments = 600;

class DatabaseIndexTest : public SimulatedDatabaseTest {
 protected:
  DatabaseIndexTest() : SimulatedDatabaseTest(Durability::kProcess) {
    const Schema schema =
        Schema().Int64("n", kNullable).Int64("serial").String("text").Array("tags", Type::kString);
    EXPECT_TRUE(simulation_.Run(db_.CreateCollection("c", schema)).ok());
    std::vector<Object> objects;
    for (int i = 0; i < kDocuments; ++i) {
      Object object = {{"_id", i}, {"serial", i}, {"tags", Array{StrCat("t", i % 3)}}};
      if (i % 10 != 0) object.Set("n", i % 10);
      objects.push_back(std::move(object));
    }
    EXPECT_TRUE(simulation_.Run(db_.InsertMany("c", std::move(objects))).ok());
  }

  absl::Status CreateIndex(std::string field, bool unique = false) {
    IndexOptions options;
    options.unique = unique;
    return simulation_.Run(db_.CreateIndex("c", std::move(field), options));
  }
  std::uint64_t Count(const Expression& where) {
    const auto count = simulation_.Run(db_.Query("c").Where(where).Count());
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(UINT64_MAX);
  }
  bool UsesIndex(const Expression& where) {
    const auto plan = simulation_.Run(db_.Query("c").Where(where).Explain());
    return plan.ok() && plan->access.find("index") != std::string::npos;
  }
  std::vector<IndexInfo> List() { return *simulation_.Run(db_.ListIndexes("c")); }
};

TEST_F(DatabaseIndexTest, AnIndexOfACollectionWithDocumentsAnswersForAllOfThem) {
  EXPECT_FALSE(UsesIndex(Field("n") == 3));
  ASSERT_TRUE(CreateIndex("n").ok());
  ASSERT_TRUE(CreateIndex("tags").ok());
  ASSERT_TRUE(CreateIndex("serial", /*unique=*/true).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(UsesIndex(Field("n") == 3));
    EXPECT_EQ(Count(Field("n") == 3), 60u);
    EXPECT_EQ(Count(Field("n").IsNull()), 60u);
    EXPECT_EQ(Count(Field("tags").Any("t1")), 200u);
    EXPECT_TRUE(UsesIndex(Field("serial") == 77));
    EXPECT_EQ(Count(Field("serial") == 77), 1u);
    Reopen();
  }
  EXPECT_EQ(simulation_.Run(db_.Insert("c", {{"serial", 5}})).status().code(),
            absl::StatusCode::kAlreadyExists);
  const std::vector<IndexInfo> indices = List();
  ASSERT_EQ(indices.size(), 3u);
  EXPECT_EQ(indices[0].field, "n");
  EXPECT_EQ(indices[0].kind, IndexKind::kEquality);
  EXPECT_EQ(indices[0].state, IndexState::kReady);
  EXPECT_EQ(indices[0].entries, 10u);
  EXPECT_EQ(indices[1].kind, IndexKind::kUnique);
  EXPECT_EQ(indices[1].entries, static_cast<std::uint64_t>(kDocuments));
  EXPECT_EQ(indices[2].kind, IndexKind::kItems);
}

TEST_F(DatabaseIndexTest, AUniqueIndexThatCannotBeNamesBothDocumentsAndLeavesNothing) {
  ASSERT_TRUE(simulation_.Run(db_.Insert("c", {{"_id", 9000}, {"serial", 41}})).ok());
  const absl::Status refused = CreateIndex("serial", /*unique=*/true);
  EXPECT_EQ(refused.code(), absl::StatusCode::kAlreadyExists) << refused;
  const std::string message(ToStd(refused.message()));
  EXPECT_NE(message.find("documents 41 and 9000 both have the value 41"), std::string::npos)
      << message;
  EXPECT_TRUE(List().empty());
  ASSERT_TRUE(simulation_.Run(db_.Insert("c", {{"_id", 9001}, {"serial", 41}})).ok());
  for (const std::int64_t id : {9000, 9001}) {
    ASSERT_TRUE(simulation_.Run(db_.Delete("c", DocumentId(id))).ok());
  }
  EXPECT_TRUE(CreateIndex("serial", /*unique=*/true).ok());
  EXPECT_EQ(List()[0].entries, static_cast<std::uint64_t>(kDocuments));
}

TEST_F(DatabaseIndexTest, ADroppedIndexIsUsedNoMoreAndCanBeMadeAnew) {
  ASSERT_TRUE(CreateIndex("n").ok());
  ASSERT_TRUE(simulation_.Run(db_.DropIndex("c", "n")).ok());
  EXPECT_EQ(simulation_.Run(db_.DropIndex("c", "n")).code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(UsesIndex(Field("n") == 3));
  EXPECT_EQ(Count(Field("n") == 3), 60u);
  ASSERT_TRUE(simulation_.Run(db_.Delete("c", DocumentId(std::int64_t{3}))).ok());
  Reopen();
  ASSERT_TRUE(CreateIndex("n").ok());
  EXPECT_EQ(Count(Field("n") == 3), 59u);
}

TEST_F(DatabaseIndexTest, WhatCannotBeIndexedIsRefused) {
  EXPECT_EQ(CreateIndex("nothing").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(CreateIndex("tags", /*unique=*/true).code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(CreateIndex("n").ok());
  EXPECT_TRUE(CreateIndex("n").ok());
  EXPECT_EQ(CreateIndex("n", /*unique=*/true).code(), absl::StatusCode::kAlreadyExists);
  const std::string long_text(8000, 'x');
  ASSERT_TRUE(simulation_.Run(db_.Insert("c", {{"_id", 9000}, {"text", long_text}})).ok());
  const absl::Status refused = CreateIndex("text");
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(ToStd(refused.message()).find("document 9000"), std::string::npos) << refused;
  EXPECT_EQ(List().size(), 1u);
}

TEST_F(DatabaseIndexTest, ABuildThatACloseInterruptsGoesOnAtTheNextOpen) {
  Task<absl::Status> create = db_.CreateIndex("c", "n");
  absl::Status created;
  const auto run = [](Task<absl::Status> task, absl::Status* result) -> Task<void> {
    *result = co_await std::move(task);
  };
  std::vector<Task<void>> tasks;
  tasks.push_back(run(std::move(create), &created));
  absl::Status closed;
  tasks.push_back([](Environment* environment, Database db, absl::Status* result) -> Task<void> {
    while (!db.GetSchema("c")->Find("n")->attributes.Has(kIndexed)) {
      (co_await environment->Sleep(absl::Microseconds(1))).IgnoreError();
    }
    *result = co_await db.Close();
  }(&simulation_.environment(), db_, &closed));
  simulation_.RunAll(std::move(tasks));
  EXPECT_TRUE(closed.ok());
  EXPECT_TRUE(absl::IsCancelled(created)) << created;
  db_ = Open();
  const std::vector<IndexInfo> first = List();
  ASSERT_EQ(first.size(), 1u);
  ASSERT_TRUE(CreateIndex("n").ok());
  EXPECT_EQ(List()[0].state, IndexState::kReady);
  EXPECT_EQ(Count(Field("n") == 3), 60u);
}

TEST_F(DatabaseIndexTest, AlteringMakesAndDropsIndices) {
  const auto schema = [](FieldAttributes n, FieldAttributes serial) {
    return Schema()
        .Int64("n", kNullable | n)
        .Int64("serial", serial)
        .String("text")
        .Array("tags", Type::kString);
  };
  ASSERT_TRUE(simulation_.Run(db_.AlterCollection("c", schema(kIndexed, kUnique))).ok());
  EXPECT_EQ(Count(Field("n") == 3), 60u);
  EXPECT_EQ(Count(Field("serial") == 3), 1u);
  ASSERT_TRUE(simulation_.Run(db_.AlterCollection("c", schema({}, {}))).ok());
  EXPECT_TRUE(List().empty());
  ASSERT_TRUE(simulation_.Run(db_.Insert("c", {{"_id", 9000}, {"serial", 41}})).ok());
  EXPECT_EQ(simulation_.Run(db_.AlterCollection("c", schema(kIndexed, kUnique))).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(List().empty());
}

}  // namespace
}  // namespace aurora
