// What a database refuses to open or to store: each with an error that says what to do, and nothing
// changed.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

using testing::HasSubstr;

class RefusalTest : public testing::Test {
 protected:
  Options In() {
    Options options;
    options.memory_bytes = 8u << 20;
    options.environment =
        std::shared_ptr<Environment>(std::shared_ptr<void>(), &simulation_.environment());
    return options;
  }
  FileSystem& files() { return simulation_.environment().files(); }

  absl::Status Open(const std::string& path, Options options) {
    absl::StatusOr<Database> opened = simulation_.Run(Database::Open(path, std::move(options)));
    if (!opened.ok()) return opened.status();
    return simulation_.Run(opened->Close());
  }
  absl::Status Open(const std::string& path) { return Open(path, In()); }

  void MakeFile(const std::string& path) {
    auto file = simulation_.Run(files().Open(path, {.mode = OpenMode::kCreateNew}));
    ASSERT_TRUE(file.ok()) << file.status();
  }
  void MakeDirectory(const std::string& path) {
    ASSERT_TRUE(simulation_.Run(files().CreateDirectory(path)).ok());
  }
  std::vector<std::string> Names(const std::string& path) {
    std::vector<std::string> names;
    const auto entries = simulation_.Run(files().List(path));
    EXPECT_TRUE(entries.ok()) << entries.status();
    for (const DirectoryEntry& entry : *entries) names.push_back(entry.name);
    return names;
  }

  Simulation simulation_{1};
};

void Expect(const absl::Status& status, absl::StatusCode code, const std::string& text) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

TEST_F(RefusalTest, AFileIsNoDatabase) {
  MakeFile("/letter");
  Expect(Open("/letter"), absl::StatusCode::kFailedPrecondition,
         "/letter is a file; a database is a directory");
}

TEST_F(RefusalTest, ADirectoryOfForeignFilesIsLeftAlone) {
  MakeDirectory("/letters");
  MakeFile("/letters/first");
  Expect(Open("/letters"), absl::StatusCode::kFailedPrecondition,
         "/letters is not a database: it holds \"first\"");
  EXPECT_EQ(Names("/letters"), std::vector<std::string>{"first"});
}

TEST_F(RefusalTest, AnEmptyDirectoryBecomesADatabaseOnlyIfThatIsAsked) {
  MakeDirectory("/empty");
  Options options = In();
  options.create_if_missing = false;
  Expect(Open("/empty", options), absl::StatusCode::kNotFound, "there is no database in /empty");
  EXPECT_TRUE(Names("/empty").empty());
  EXPECT_TRUE(Open("/empty").ok());
  options = In();
  options.error_if_exists = true;
  Expect(Open("/empty", options), absl::StatusCode::kAlreadyExists, "/empty holds a database");
}

TEST_F(RefusalTest, WhatIsMissingIsNamed) {
  Options options = In();
  options.create_if_missing = false;
  Expect(Open("/db", options), absl::StatusCode::kNotFound, "there is no database at /db");
  Expect(Open("/no/parent"), absl::StatusCode::kNotFound,
         "cannot create /no/parent: there is no directory /no");
  EXPECT_TRUE(Names("/").empty());
}

TEST_F(RefusalTest, OptionsThatMakeNoSenseAreNamed) {
  Options options = In();
  options.memory_bytes = 1;
  Expect(Open("/db", options), absl::StatusCode::kInvalidArgument, "Options::memory_bytes is 1");
  options = In();
  options.hot_tier_share = 2;
  Expect(Open("/db", options), absl::StatusCode::kInvalidArgument, "Options::hot_tier_share");
  EXPECT_TRUE(Names("/").empty());
}

Value Nested(int depth) {
  Value value(1);
  for (int i = 0; i < depth; ++i) value = Value(Array{std::move(value)});
  return value;
}

Object WithFields(int count) {
  Object object;
  for (int i = 0; i < count; ++i) object.Set(StrCat("f", i), Value(i));
  return object;
}

TEST_F(RefusalTest, DocumentsBeyondTheLimitsAreRefusedByTheNameOfTheLimit) {
  struct Case {
    Object within;
    Object beyond;
    std::string limit;
  };
  const std::vector<Case> cases = {
      {{{"a", std::string(1'000'000, 'x')}},
       {{"a", std::string(1'100'000, 'x')}},
       "document_bytes"},
      {{{"a", Nested(31)}}, {{"a", Nested(32)}}, "depth_max"},
      {WithFields(999), WithFields(1001), "fields_max"},
      {{{"a", Array(std::vector<Value>(10'000, Value(1)))}},
       {{"a", Array(std::vector<Value>(10'001, Value(1)))}},
       "array_items_max"},
  };
  Options options = In();
  options.limits = DocumentLimits::Strict();
  auto db = simulation_.Run(Database::Open("/db", options));
  ASSERT_TRUE(db.ok()) << db.status();
  ASSERT_TRUE(simulation_.Run(db->CreateCollection("things", Schema().Open())).ok());
  std::uint64_t stored = 0;
  for (const Case& c : cases) {
    const absl::Status within = simulation_.Run(db->Insert("things", c.within)).status();
    EXPECT_TRUE(within.ok()) << within;
    Expect(simulation_.Run(db->Insert("things", c.beyond)).status(),
           absl::StatusCode::kResourceExhausted, c.limit);
    EXPECT_EQ(*simulation_.Run(db->Query("things").Count()), ++stored);
  }
  const std::string long_id(600, 'i');
  EXPECT_EQ(simulation_.Run(db->Insert("things", {{"_id", long_id}})).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(simulation_.Run(db->Close()).ok());
}

}  // namespace
}  // namespace aurora
