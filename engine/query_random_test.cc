// Random queries over a few thousand documents, whatever way they are answered, beside what a plain
// look at all documents gives. Indices with few terms and with many, orders that are walked and
// sorted, groups that are counted and added up.
#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/engine/database.h"
#include "aurora/engine/database_testing.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/query/evaluator.h"
#include "aurora/index/row_set.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

constexpr int kDocuments = 5'000;  // more than a narrow index has terms

// city: few values, some missing. score: many, some null. rank: unique, of every document. tags: an
// array. plain: without an index.
Schema Things() {
  return Schema()
      .String("city", kIndexed)
      .Double("score", kIndexed | kNullable)
      .Int64("rank", kUnique | kRequired)
      .Array("tags", Type::kString, kIndexed)
      .Int64("plain");
}

class QueryRandomTest : public SimulatedDatabaseTest {
 protected:
  // With room for columns of numbers.
  QueryRandomTest() : QueryRandomTest(TestSeed()) {}
  explicit QueryRandomTest(std::uint64_t seed)
      : SimulatedDatabaseTest(Durability::kProcess, 64u << 20, seed), random_(seed) {
    EXPECT_TRUE(simulation_.Run(db_.CreateCollection("things", Things())).ok());
  }

  std::string City() { return StrCat("city", random_.Below(7)); }
  double Score() { return static_cast<double>(random_.Below(15'000)) / 2; }

  Object Thing() {
    Object thing{{"rank", next_rank_++}};
    if (random_.Below(10) > 0) thing.Set("city", City());
    if (random_.Below(10) > 0) thing.Set("score", random_.Below(8) > 0 ? Value(Score()) : Value());
    if (random_.Below(2) > 0) {
      thing.Set("tags", Array{StrCat("t", random_.Below(4)), StrCat("u", random_.Below(50))});
    }
    thing.Set("plain", static_cast<std::int64_t>(random_.Below(9)));
    return thing;
  }

  void Insert(int count) {
    std::vector<Object> things;
    for (int i = 0; i < count; ++i) things.push_back(Thing());
    const auto ids = simulation_.Run(db_.InsertMany("things", std::move(things)));
    ASSERT_TRUE(ids.ok()) << ids.status();
    ids_.insert(ids_.end(), ids->begin(), ids->end());
  }

  // The next document is in another chunk of rows: those that a failed insert took are lost.
  void SkipChunk() {
    std::vector<Object> refused(index::kRowsPerChunk, Object{{"rank", 0}});
    const auto ids = simulation_.Run(db_.InsertMany("things", std::move(refused)));
    ASSERT_TRUE(absl::IsAlreadyExists(ids.status())) << ids.status();
  }

  void Change(int count) {
    for (int i = 0; i < count; ++i) {
      const DocumentId id = ids_[random_.Below(ids_.size())];
      if (random_.Below(3) == 0) {
        ASSERT_TRUE(simulation_.Run(db_.Delete("things", id)).ok());
        continue;
      }
      const Object changes = random_.Below(2) == 0 ? Object{{"city", City()}}
                                                   : Object{{"score", Score()}, {"plain", 1}};
      const absl::Status changed = simulation_.Run(db_.Update("things", id, changes));
      ASSERT_TRUE(changed.ok() || absl::IsNotFound(changed)) << changed;
    }
  }

  Expression Leaf() {
    switch (random_.Below(12)) {
      case 0:
        return Field("city") == Value(City());
      case 1:
        return Field("city").In({City(), City(), Value()});
      case 2:
        return Field("city") >= Value(City());
      case 3:
        return Field("city").StartsWith(random_.Below(3) == 0 ? "nowhere" : "cit");
      case 4:
        return Field("city").IsNull();
      case 5:
        return Field("score").Between(Score() / 2, Score());
      case 6:
        return Field("score") < Value(Score() / 20);
      case 7:
        return Field("score") == Value(Score());
      case 8:
        return Field("rank") > static_cast<std::int64_t>(random_.Below(kDocuments));
      case 9:
        return Field("tags").Any(StrCat("t", random_.Below(5)));
      case 10:
        return Field("plain") == static_cast<std::int64_t>(random_.Below(9));
      default:
        return Field("city") != Value(City());
    }
  }
  Expression Condition(int depth) {
    const std::uint64_t kind = random_.Below(depth > 2 ? 2 : 6);
    if (kind < 2) return Leaf();
    if (kind == 2) return Condition(depth + 1) || Condition(depth + 1);
    if (kind == 3 && random_.Below(3) == 0) return !Condition(depth + 1);
    return Condition(depth + 1) && Condition(depth + 1);
  }

  QuerySpec Spec() {
    QuerySpec spec;
    spec.collection = "things";
    if (random_.Below(5) > 0) spec.where = Condition(0);
    constexpr std::string_view kFields[] = {"score", "rank", "city", "plain", "tags"};
    for (std::uint64_t i = random_.Below(3); i > 0; --i) {
      spec.order_by.push_back(
          {{std::string(kFields[random_.Below(std::size(kFields))])},
           random_.Below(2) == 0 ? Direction::kAscending : Direction::kDescending});
    }
    if (random_.Below(3) == 0) spec.offset = random_.Below(random_.Below(2) == 0 ? 10 : 3000);
    if (random_.Below(4) > 0) spec.limit = random_.Below(random_.Below(3) == 0 ? 2000 : 12);
    return spec;
  }

  // What a plain look gives, of all documents in the order of insertion.
  std::vector<DocumentId> Expected(const QuerySpec& spec) const {
    std::vector<std::pair<std::string, const Document*>> matches;
    for (const Document& document : all_) {
      if (!Matches(spec.where, document.fields())) continue;
      std::string key;
      for (const SortKey& by : spec.order_by) {
        AppendKey(
            ValueAt(document.fields(), by.path).value_or(ValueView()), &key,
            by.direction == Direction::kDescending ? KeyOrder::kDescending : KeyOrder::kAscending);
      }
      matches.emplace_back(std::move(key), &document);
    }
    std::vector<std::size_t> order(matches.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(matches[a].first, a) < std::pair(matches[b].first, b);
    });
    std::vector<DocumentId> ids;
    for (std::size_t i = spec.offset; i < order.size() && ids.size() < spec.limit; ++i) {
      ids.push_back(matches[order[i]].second->id());
    }
    return ids;
  }

  void CheckPage(const QuerySpec& spec) {
    const Query query = db_.Query(spec);
    const auto documents = simulation_.Run(query.Collect());
    ASSERT_TRUE(documents.ok()) << documents.status();
    std::vector<DocumentId> ids;
    for (const Document& document : *documents) ids.push_back(document.id());
    const std::vector<DocumentId> expected = Expected(spec);
    ASSERT_TRUE(ids == expected) << ToString(spec) << "\n"
                                 << simulation_.Run(query.Explain())->ToString() << "gave "
                                 << ids.size() << " of " << expected.size();
    QuerySpec whole = spec;
    whole.offset = 0;
    whole.limit = QuerySpec().limit;
    const auto count = simulation_.Run(query.Count());
    ASSERT_TRUE(count.ok()) << count.status();
    ASSERT_EQ(*count, Expected(whole).size()) << ToString(spec);
    ASSERT_EQ(*simulation_.Run(query.Exists()), *count > 0 && spec.limit > 0) << ToString(spec);
  }

  // All pages of a query are its result, also while other documents come and go.
  void CheckPages(QuerySpec spec) {
    spec.offset = 0;
    spec.limit = QuerySpec().limit;
    const std::vector<DocumentId> expected = Expected(spec);
    spec.limit = 1 + random_.Below(1 + expected.size() / 3);
    std::vector<DocumentId> ids;
    do {
      const auto page = simulation_.Run(db_.Query(spec).Page());
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_EQ(*simulation_.Run(db_.Query(spec).Count()), expected.size()) << ToString(spec);
      ASSERT_LE(page->documents.size(), spec.limit);
      for (const Document& document : page->documents) ids.push_back(document.id());
      spec.after = page->next;
    } while (!spec.after.empty());
    ASSERT_TRUE(ids == expected) << ToString(spec) << " gave " << ids.size() << " of "
                                 << expected.size();
  }

  void CheckGroups(QuerySpec spec) {
    constexpr std::string_view kFields[] = {"city", "plain", "score"};
    const std::string field(kFields[random_.Below(std::size(kFields))]);
    const bool adds_up = random_.Below(2) == 0;
    if (random_.Below(5) > 0) spec.group_by = {{field}};
    spec.aggregates = {Count()};
    if (adds_up) {
      spec.aggregates.push_back(Sum("plain"));
      spec.aggregates.push_back(Max("score"));
      spec.aggregates.push_back(Min("score"));
      spec.aggregates.push_back(Average("score").As("mean"));
    }
    spec.order_by.clear();
    struct Group {
      Value key;
      std::int64_t count = 0;
      std::int64_t sum = 0;
      Value max;
      Value min;
      double scores = 0;
      int score_count = 0;
    };
    std::map<std::string, Group> model;
    for (const Document& document : all_) {
      if (!Matches(spec.where, document.fields())) continue;
      Group& group = model[spec.group_by.empty() ? "" : EncodeKey(document.Get(field))];
      group.key = Value(document.Get(field));
      ++group.count;
      group.sum += document.Get("plain").AsInt64();
      const ValueView score = document.Get("score");
      if (score.is_null()) continue;
      if (group.max.is_null() || Compare(score, group.max) > 0) group.max = Value(score);
      if (group.min.is_null() || Compare(score, group.min) < 0) group.min = Value(score);
      group.scores += score.ToDouble();  // exact: halves
      ++group.score_count;
    }
    if (spec.group_by.empty()) model[""];  // of nothing too
    const auto groups = simulation_.Run(db_.Query(spec).Aggregate());
    ASSERT_TRUE(groups.ok()) << groups.status();
    std::size_t skipped = 0;
    std::size_t at = 0;
    for (const auto& [key, group] : model) {
      if (skipped++ < spec.offset || at >= spec.limit) continue;
      Object expected;
      if (!spec.group_by.empty()) expected.Set(field, group.key);
      expected.Set("count", group.count);
      if (adds_up) {
        expected.Set("sum(plain)", group.count == 0 ? Value() : Value(group.sum));
        expected.Set("max(score)", group.max);
        expected.Set("min(score)", group.min);
        const bool none = group.score_count == 0;
        expected.Set("mean", none ? Value() : Value(group.scores / group.score_count));
      }
      ASSERT_LT(at, groups->size()) << ToString(spec);
      ASSERT_EQ(Value((*groups)[at]), Value(expected)) << ToString(spec);
      ++at;
    }
    ASSERT_EQ(at, groups->size()) << ToString(spec);
  }

  void Check(int queries) {
    const auto all = simulation_.Run(db_.Query("things").Collect());
    ASSERT_TRUE(all.ok()) << all.status();
    all_ = *all;
    for (int i = 0; i < queries; ++i) {
      CheckPage(Spec());
      CheckGroups(Spec());
      if (i % 4 == 0) CheckPages(Spec());
      if (HasFatalFailure()) return;
    }
  }

  SeededRandom random_;
  std::int64_t next_rank_ = 0;
  std::vector<DocumentId> ids_;
  std::vector<Document> all_;
};

TEST_F(QueryRandomTest, AnswersAreThoseOfAPlainLook) {
  Insert(20);
  Check(30);
  for (int i = 0; i < 5; ++i) Insert(kDocuments / 5);
  Check(40);
  Change(600);
  Check(40);
  ASSERT_TRUE(simulation_.Run(db_.Flush()).ok());
  Change(100);
  Check(30);
  Reopen();
  Check(30);
  ASSERT_TRUE(simulation_.Run(db_.Compact()).ok());
  Check(20);
}

TEST_F(QueryRandomTest, ColumnsFollowEveryWrite) {
  Insert(2000);
  const Query sum = db_.Query("things").GroupBy({"city"});
  const auto documents_read = [&] {
    OperationProfile profile;
    const auto groups = simulation_.Run(Query(sum).Profile(&profile).Aggregate({Sum("plain")}));
    EXPECT_TRUE(groups.ok()) << groups.status();
    return profile.documents_read;
  };
  for (int i = 0; i < 20 && documents_read() > 0; ++i) {
  }
  ASSERT_EQ(documents_read(), 0u) << "the column is not in memory";
  const auto check = [&] {
    const auto all = simulation_.Run(db_.Query("things").Collect());
    ASSERT_TRUE(all.ok()) << all.status();
    std::map<std::string, std::int64_t> model;
    for (const Document& document : *all) {
      model[EncodeKey(document.Get("city"))] += document.Get("plain").AsInt64();
    }
    const auto groups = simulation_.Run(sum.Aggregate({Sum("plain").As("sum")}));
    ASSERT_TRUE(groups.ok()) << groups.status();
    ASSERT_EQ(groups->size(), model.size());
    auto expected = model.begin();
    for (const Object& group : *groups) {
      EXPECT_EQ(group.Find("sum")->AsInt64(), expected++->second);
    }
    EXPECT_EQ(documents_read(), 0u);
  };
  check();
  Change(100);
  check();
  Insert(50);
  check();
  const MigrationStep step = MigrationStep::ChangeDocuments(
      "things", [](const Document& document) -> absl::StatusOr<std::optional<Object>> {
        if (document.Get("rank").AsInt64() % 3 != 0) return std::optional<Object>();
        return std::optional<Object>(Object{{"plain", document.Get("plain").AsInt64() + 1}});
      });
  const auto migrated = simulation_.Run(db_.Migrate({{1, "one more", {step}}}, {}));
  ASSERT_TRUE(migrated.ok()) << migrated.status();
  check();
}

TEST_F(QueryRandomTest, PagesStayTrueWhileDocumentsComeAndGo) {
  Insert(400);
  QuerySpec spec;
  spec.collection = "things";
  spec.order_by = {{{"rank"}, Direction::kDescending}};
  spec.limit = 20;
  std::int64_t last = std::numeric_limits<std::int64_t>::max();
  std::size_t seen = 0;
  do {
    const auto page = simulation_.Run(db_.Query(spec).Page());
    ASSERT_TRUE(page.ok()) << page.status();
    for (const Document& document : page->documents) {
      ASSERT_LT(document.Get("rank").AsInt64(), last);
      last = document.Get("rank").AsInt64();
      ++seen;
      // Also the one at which the page ended.
      if (seen % 20 == 0) {
        ASSERT_TRUE(*simulation_.Run(db_.Delete("things", document.id())));
      }
    }
    Insert(7);  // all before what is yet to come
    spec.after = page->next;
  } while (!spec.after.empty());
  EXPECT_EQ(seen, 400u);
}

TEST_F(QueryRandomTest, ACursorIsOfOneQuery) {
  Insert(10);
  const Query query = db_.Query("things").OrderBy("rank").Limit(3);
  const auto page = simulation_.Run(query.Page());
  ASSERT_TRUE(page.ok()) << page.status();
  const auto refused = [&](Query other, const std::string& cursor) {
    const absl::Status status = simulation_.Run(other.After(cursor).Page()).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  };
  refused(db_.Query("things").OrderBy("score").Limit(3), page->next);
  refused(db_.Query("things").OrderBy("rank", Direction::kDescending).Limit(3), page->next);
  refused(db_.Query("things").Limit(3), page->next);
  refused(query, "no cursor");
  refused(query, page->next.substr(0, page->next.size() - 2));
  EXPECT_TRUE(simulation_.Run(Query(query).After(page->next).Page()).ok());
}

// Terms whose rows are in several chunks, of indices with few terms and with many.
TEST_F(QueryRandomTest, AnswersAreThoseOfAPlainLookOverSeveralChunks) {
  for (int chunk = 0; chunk < 3; ++chunk) {
    for (int i = 0; i < 2; ++i) Insert(1100);
    SkipChunk();
  }
  Check(30);
  Change(200);
  ASSERT_TRUE(simulation_.Run(db_.Compact()).ok());
  Check(30);
}

// A walk goes on through all chunks of the term in which the page is full: the second key decides.
TEST_F(QueryRandomTest, TheSecondKeyDecidesWithinATermOfSeveralChunks) {
  const auto insert = [&](std::int64_t plain) {
    std::vector<Object> things;
    for (int i = 0; i < kDocuments; ++i) {
      things.push_back(
          {{"rank", next_rank_++}, {"score", static_cast<double>(i)}, {"plain", plain}});
    }
    ASSERT_TRUE(simulation_.Run(db_.InsertMany("things", std::move(things))).ok());
  };
  insert(9);
  SkipChunk();
  insert(1);
  for (const Direction direction : {Direction::kAscending, Direction::kDescending}) {
    const Query query = db_.Query("things").OrderBy("score", direction).OrderBy("plain").Limit(3);
    const auto plan = simulation_.Run(query.Explain());
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_EQ(plan->documents_read, 4u) << plan->ToString();
    const auto found = simulation_.Run(query.Collect());
    ASSERT_TRUE(found.ok()) << found.status();
    std::vector<std::int64_t> plain;
    for (const Document& document : *found) plain.push_back(document.Get("plain").AsInt64());
    EXPECT_EQ(plain, (std::vector<std::int64_t>{1, 9, 1}));
  }
}

// Most of what a walk or a count needs is never read.
TEST_F(QueryRandomTest, WhatNeedNotBeReadIsNot) {
  for (int i = 0; i < 5; ++i) Insert(kDocuments / 5);
  const auto explain = [&](const Query& query) {
    const auto plan = simulation_.Run(query.Explain());
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *plan : QueryPlan();
  };
  QueryPlan plan = explain(db_.Query("things").OrderBy("score", Direction::kDescending).Limit(10));
  EXPECT_EQ(plan.documents_read, 10u) << plan.ToString();
  plan = explain(db_.Query("things").OrderBy("rank").Offset(2000).Limit(10));
  EXPECT_EQ(plan.documents_read, 10u) << plan.ToString();
  plan = explain(db_.Query("things").Where(Field("city") == "city1").OrderBy("score").Limit(10));
  EXPECT_EQ(plan.documents_read, 10u) << plan.ToString();
  plan = explain(db_.Query("things").Where(Field("city") >= "city3").Limit(10));
  EXPECT_EQ(plan.documents_read, 10u) << plan.ToString();
  plan = explain(db_.Query("things").Where(Field("score") < 1000.0).GroupBy({"city"}));
  EXPECT_EQ(plan.documents_read, 0u) << plan.ToString();
  // Few rows of a city are checked rather than a wide range read for them.
  plan = explain(db_.Query("things").Where(Field("city") == "city1" && Field("score") > 10.0));
  EXPECT_LT(plan.documents_read, 1000u) << plan.ToString();
}

}  // namespace
}  // namespace aurora
