// Collections and schemas that change while they hold documents.
#include <cstdint>
#include <memory>
#include <optional>
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

Schema People() {
  return Schema().String("name", kRequired).Int64("age", kIndexed).String("city", kIndexed);
}

class DatabaseSchemaTest : public SimulatedDatabaseTest {
 protected:
  DatabaseSchemaTest() {
    EXPECT_TRUE(simulation_.Run(db_.CreateCollection("people", People())).ok());
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(
          Insert({{"_id", i}, {"name", StrCat("P", i)}, {"age", i}, {"city", "Bern"}}).ok());
    }
  }

  absl::Status Insert(Object object, std::string_view collection = "people") {
    return simulation_.Run(db_.Insert(collection, std::move(object))).status();
  }
  Document Get(std::int64_t id, std::string_view collection = "people") {
    const auto found = simulation_.Run(db_.Get(collection, DocumentId(id)));
    EXPECT_TRUE(found.ok()) << found.status();
    EXPECT_TRUE(found->has_value());
    return **found;
  }
  absl::Status Alter(Schema schema) {
    return simulation_.Run(db_.AlterCollection("people", std::move(schema)));
  }
  std::uint64_t Count(const Expression& where, std::string_view collection = "people") {
    const auto count = simulation_.Run(db_.Query(collection).Where(where).Count());
    EXPECT_TRUE(count.ok()) << count.status();
    return count.value_or(UINT64_MAX);
  }
  std::string Access(const Expression& where) {
    return simulation_.Run(db_.Query("people").Where(where).Explain())->access;
  }
};

TEST_F(DatabaseSchemaTest, ANewFieldShowsItsDefaultInOlderDocumentsAndInItsIndex) {
  EXPECT_EQ(Get(3).Find("state"), std::nullopt);
  ASSERT_TRUE(Alter(People().String("state", kIndexed | Default("new"))).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Get(3).Get("state").AsString(), "new");
    EXPECT_EQ(Count(Field("state") == "new"), 20u);
    EXPECT_NE(Access(Field("state") == "new").find("index"), std::string::npos);
    Reopen();
  }
  EXPECT_EQ(db_.GetSchema("people")->version(), 2u);
}

TEST_F(DatabaseSchemaTest, AChangedDefaultLeavesOlderDocumentsAsTheyWere) {
  ASSERT_TRUE(Alter(People().String("state", kIndexed | Default("new"))).ok());
  ASSERT_TRUE(Insert({{"_id", 100}, {"name", "X"}}).ok());
  ASSERT_TRUE(Alter(People().String("state", kIndexed | Default("old"))).ok());
  ASSERT_TRUE(Insert({{"_id", 101}, {"name", "Y"}}).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Get(3).Get("state").AsString(), "new");
    EXPECT_EQ(Get(101).Get("state").AsString(), "old");
    EXPECT_EQ(Count(Field("state") == "new"), 21u);
    EXPECT_EQ(Count(Field("state") == "old"), 1u);
    Reopen();
  }
  ASSERT_TRUE(Alter(People().String("state", kIndexed)).ok());
  EXPECT_EQ(Get(3).Get("state").AsString(), "new");
  EXPECT_EQ(simulation_.Run(db_.Update("people", DocumentId(std::int64_t{3}), {{"age", 77}})),
            absl::OkStatus());
  EXPECT_EQ(Get(3).Get("state").AsString(), "new");
  EXPECT_EQ(Count(Field("state") == "new"), 21u);
}

TEST_F(DatabaseSchemaTest, ADroppedFieldIsGoneAndItsNameIsFree) {
  ASSERT_TRUE(Alter(Schema().String("name", kRequired).Int64("age", kIndexed)).ok());
  EXPECT_EQ(Get(3).Find("city"), std::nullopt);
  EXPECT_EQ(Insert({{"_id", 50}, {"name", "X"}, {"city", "Bern"}}).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(Alter(Schema().String("name", kRequired).Int64("age", kIndexed).Int64("city")).ok());
  EXPECT_EQ(Get(3).Find("city"), std::nullopt) << "another field of that name";
  ASSERT_TRUE(Insert({{"_id", 50}, {"name", "X"}, {"city", 8}}).ok());
  Reopen();
  EXPECT_EQ(Get(50).Get("city").AsInt64(), 8);
}

TEST_F(DatabaseSchemaTest, StricterRulesAreCheckedAgainstEveryDocument) {
  Schema strict = Schema()
                      .String("name", kRequired)
                      .Int64("age", kIndexed | AtMost(10))
                      .String("city", kIndexed);
  const absl::Status refused = Alter(strict);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(ToStd(refused.message()).find("document 11"), std::string::npos) << refused;
  EXPECT_NE(ToStd(refused.message()).find("\"age\""), std::string::npos) << refused;
  ASSERT_TRUE(Insert({{"_id", 200}, {"name", "X"}, {"age", 99}}).ok()) << "nothing has changed";
  strict = Schema()
               .String("name", kRequired)
               .Int64("age", kIndexed | AtMost(99))
               .String("city", kIndexed);
  ASSERT_TRUE(Alter(strict).ok());
  EXPECT_EQ(Insert({{"_id", 201}, {"name", "X"}, {"age", 100}}).code(),
            absl::StatusCode::kInvalidArgument);
  Reopen();
  EXPECT_EQ(Insert({{"_id", 201}, {"name", "X"}, {"age", 100}}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DatabaseSchemaTest, AFieldBecomesRequiredOnlyIfEveryDocumentHasIt) {
  const auto with_city = [](FieldAttributes attributes) {
    return Schema()
        .String("name", kRequired)
        .Int64("age", kIndexed)
        .String("city", kIndexed | attributes);
  };
  ASSERT_TRUE(Insert({{"_id", 300}, {"name", "X"}, {"age", 1}}).ok());
  EXPECT_EQ(Alter(with_city(kRequired | Default("?"))).code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(simulation_.Run(db_.Delete("people", DocumentId(std::int64_t{300}))).ok());
  EXPECT_TRUE(Alter(with_city(kRequired)).ok());
  EXPECT_EQ(Insert({{"_id", 300}, {"name", "X"}, {"age", 1}}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(DatabaseSchemaTest, ASchemaClosesOnlyIfNoDocumentHasUndeclaredFields) {
  ASSERT_TRUE(Alter(People().Open()).ok());
  ASSERT_TRUE(Insert({{"_id", 400}, {"name", "X"}, {"extra", 1}}).ok());
  EXPECT_EQ(Alter(People()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Alter(People().Int64("extra").Open()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(simulation_.Run(db_.RenameField("people", "city", "extra")).code(),
            absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(simulation_.Run(db_.Delete("people", DocumentId(std::int64_t{400}))).ok());
  EXPECT_TRUE(Alter(People()).ok());
  EXPECT_FALSE(Insert({{"_id", 400}, {"name", "X"}, {"extra", 1}}).ok());
}

TEST_F(DatabaseSchemaTest, ARenamedFieldKeepsItsValuesAndItsIndex) {
  ASSERT_TRUE(simulation_.Run(db_.RenameField("people", "city", "town")).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Get(3).Get("town").AsString(), "Bern");
    EXPECT_EQ(Get(3).Find("city"), std::nullopt);
    EXPECT_EQ(Count(Field("town") == "Bern"), 20u);
    EXPECT_NE(Access(Field("town") == "Bern").find("index"), std::string::npos);
    Reopen();
  }
  EXPECT_EQ(simulation_.Run(db_.RenameField("people", "city", "x")).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(simulation_.Run(db_.RenameField("people", "town", "age")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(simulation_.Run(db_.RenameField("people", "town", "a.b")).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(
      simulation_.Run(db_.Update("people", DocumentId(std::int64_t{3}), {{"town", "Basel"}})).ok());
  EXPECT_EQ(Count(Field("town") == "Basel"), 1u);
}

// A reader beside the change: from the moment on that the schema has the new name, so has every
// document, also one that the hot tier has from before.
TEST_F(DatabaseSchemaTest, AHotDocumentShowsTheSchemaOfNow) {
  const auto id = simulation_.Run(db_.Insert("people", {{"name", "Hot"}}));
  ASSERT_TRUE(id.ok()) << id.status();
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ((*simulation_.Run(db_.Get("people", *id)))->Get("name").AsString(), "Hot");
  }
  bool renamed = false;
  int looks = 0;
  const auto rename = [&]() -> Task<void> {
    EXPECT_TRUE((co_await db_.RenameField("people", "name", "called")).ok());
    renamed = true;
  };
  const auto read = [&]() -> Task<void> {
    while (!renamed) {
      const absl::StatusOr<Schema> schema = db_.GetSchema("people");
      const absl::StatusOr<std::optional<Document>> found = co_await db_.Get("people", *id);
      EXPECT_TRUE(found.ok() && found->has_value());
      if (schema.ok() && schema->Find("called") != nullptr) {
        ++looks;
        EXPECT_EQ((*found)->Get("called").type(), Type::kString);
      }
      EXPECT_TRUE((co_await simulation_.environment().Sleep(absl::Microseconds(1))).ok());
    }
  };
  std::vector<Task<void>> both;
  both.push_back(read());
  both.push_back(rename());
  simulation_.RunAll(std::move(both));
  EXPECT_GT(looks, 0);
}

TEST_F(DatabaseSchemaTest, ATypeDoesNotChangeByAltering) {
  EXPECT_EQ(Alter(Schema().String("name", kRequired).String("age").String("city")).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Alter(People().Int64("new", kRequired)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(db_.GetSchema("people")->version(), 1u);
}

TEST_F(DatabaseSchemaTest, ADroppedCollectionLeavesNothingAndItsNameIsFree) {
  ASSERT_TRUE(simulation_.Run(db_.Flush()).ok());
  ASSERT_TRUE(simulation_.Run(db_.DropCollection("people")).ok());
  EXPECT_EQ(simulation_.Run(db_.Get("people", DocumentId(std::int64_t{3}))).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(simulation_.Run(db_.DropCollection("people")).code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(simulation_.Run(db_.CreateCollection("people", Schema().Int64("x", kUnique))).ok());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Count(Expression()), static_cast<std::uint64_t>(i));
    ASSERT_TRUE(Insert({{"_id", i}, {"x", i}}).ok());
    if (i == 1) ASSERT_TRUE(simulation_.Run(db_.Compact()).ok());
    Reopen();
  }
  EXPECT_EQ(db_.Collections().size(), 1u);
}

TEST_F(DatabaseSchemaTest, ARenamedCollectionIsTheSameUnderAnotherName) {
  ASSERT_TRUE(simulation_.Run(db_.CreateCollection("other", Schema())).ok());
  EXPECT_EQ(simulation_.Run(db_.RenameCollection("people", "other")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(simulation_.Run(db_.RenameCollection("people", "a b")).code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(simulation_.Run(db_.RenameCollection("people", "persons")).ok());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Count(Field("city") == "Bern", "persons"), 20u);
    EXPECT_EQ(simulation_.Run(db_.Get("people", DocumentId(std::int64_t{3}))).status().code(),
              absl::StatusCode::kNotFound);
    Reopen();
  }
  ASSERT_TRUE(simulation_.Run(db_.CreateCollection("people", People())).ok());
  EXPECT_EQ(Count(Expression()), 0u);
}

TEST_F(DatabaseSchemaTest, AQueryGoesOnWithWhatItSees) {
  // The runs of a query take their snapshot when they start.
  Task<absl::StatusOr<std::vector<Document>>> before =
      db_.Query("people").Where(Field("city") == "Bern").Collect();
  ASSERT_TRUE(simulation_.Run(db_.RenameField("people", "city", "town")).ok());
  const auto found = simulation_.Run(std::move(before));
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->empty()) << "it starts when it is awaited, with the schema of then";
}

}  // namespace
}  // namespace aurora
