// The term index over a store, with and without the cache, beside a model.
#include "aurora/index/term_index.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/index/index_changes.h"
#include "aurora/index/posting.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_key.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"
#include "gtest/gtest.h"

namespace aurora::index {
namespace {

constexpr lsm::KeyspaceId kPostings = 1;
constexpr lsm::KeyspaceId kUnique = 2;

using Model = std::map<std::string, std::set<RowId>>;

// Terms that are prefix-free: they end with a byte that none of them holds elsewhere.
std::string TermOf(std::uint64_t number) { return std::string(number, 'x') + "."; }

class TermIndexTest : public testing::TestWithParam<bool> {
 protected:
  TermIndexTest() {
    lsm::StoreOptions options;
    options.directory = "/db";
    options.memtable_bytes = 64u << 10;
    options.log_segment_bytes = 256u << 10;
    options.default_merge_operator = &merge_;
    auto store = simulation_.Run(lsm::KvStore::Open(simulation_.environment(), std::move(options)));
    EXPECT_TRUE(store.ok()) << store.status();
    kv_ = *std::move(store);
  }
  ~TermIndexTest() override { EXPECT_TRUE(simulation_.Run(kv_->Close()).ok()); }

  // A commit of rows that get or lose terms.
  void Commit(int count) {
    IndexChanges changes;
    for (int i = 0; i < count; ++i) {
      const std::string term = TermOf(random_.Below(kTerms));
      const RowId row = random_.Below(3) << 16 | random_.Below(random_.Below(4) ? 30 : 60'000);
      if (random_.Below(3) > 0) {
        changes.Add(kPostings, term, row);
        model_[term].insert(row);
      } else {
        changes.Remove(kPostings, term, row);
        model_[term].erase(row);
      }
      if (model_[term].empty()) model_.erase(term);
    }
    Write(&changes);
  }

  void Write(IndexChanges* changes) {
    std::vector<lsm::Mutation> mutations;
    changes->Seal(&mutations);
    lsm::CommitRequest request;
    const std::string_view record = "not replayed";
    request.record = {&record, 1};
    request.mutations = mutations;
    const auto apply = [&](lsm::Sequence at) { cache_.Apply(at, changes->terms()); };
    const absl::FunctionRef<void(lsm::Sequence)> on_sequenced = apply;
    request.on_sequenced = &on_sequenced;
    request.outlives_call = true;
    ASSERT_TRUE(simulation_.Run(kv_->store().Commit(request)).ok());
  }

  TermIndex IndexAt(lsm::Sequence at) {
    return TermIndex(kv_->store(), GetParam() ? &cache_ : nullptr, kPostings, /*unique=*/false, at);
  }

  // The steps of a walk, as pairs.
  std::vector<std::pair<std::string, RowId>> Steps(const TermIndex& index, const TermRange& range,
                                                   bool descending) {
    std::vector<std::pair<std::string, RowId>> steps;
    const std::unique_ptr<TermCursor> cursor = index.Walk(range, descending);
    for (;;) {
      const absl::StatusOr<bool> more = simulation_.Run(cursor->Next());
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return steps;
      for (const RowId row : cursor->rows()) steps.emplace_back(cursor->term(), row);
    }
  }

  static std::vector<std::pair<std::string, RowId>> Expected(const Model& model,
                                                             const TermRange& range,
                                                             bool descending) {
    std::vector<std::pair<std::string, RowId>> steps;
    std::vector<std::string> terms;
    for (const auto& [term, rows] : model) {
      if (term >= range.begin && (range.end.empty() || term < range.end)) terms.push_back(term);
    }
    if (descending) std::reverse(terms.begin(), terms.end());
    for (const std::string& term : terms) {
      for (const RowId row : model.at(term)) steps.emplace_back(term, row);
    }
    return steps;
  }

  void Check(const Model& model, lsm::Sequence at) {
    const TermIndex index = IndexAt(at);
    for (std::uint64_t i = 0; i < kTerms; ++i) {
      const std::string term = TermOf(i);
      const absl::StatusOr<SharedRows> rows = simulation_.Run(index.Rows(term));
      ASSERT_TRUE(rows.ok()) << rows.status();
      const auto known = model.find(term);
      const std::vector<RowId> expected =
          known == model.end() ? std::vector<RowId>()
                               : std::vector<RowId>(known->second.begin(), known->second.end());
      ASSERT_EQ((*rows)->ToVector(), expected) << term;
    }
    const absl::StatusOr<SharedTerms> terms = simulation_.Run(index.Terms());
    ASSERT_TRUE(terms.ok()) << terms.status();
    ASSERT_EQ(*terms != nullptr, GetParam());
    for (const auto& [term, rows] : model) {
      if (*terms != nullptr) {
        ASSERT_TRUE(std::binary_search((*terms)->begin(), (*terms)->end(), term));
      }
    }
    for (int i = 0; i < 4; ++i) {
      TermRange range;
      if (random_.Below(2) == 0) range.begin = TermOf(random_.Below(kTerms));
      if (random_.Below(2) == 0) range.end = TermOf(random_.Below(kTerms));
      if (!range.end.empty() && range.begin >= range.end) continue;
      for (const bool descending : {false, true}) {
        ASSERT_EQ(Steps(index, range, descending), Expected(model, range, descending));
      }
    }
  }

  static constexpr std::uint64_t kTerms = 12;

  const PostingMergeOperator merge_;
  SeededRandom random_{TestSeed()};
  Simulation simulation_{random_.Next64()};
  MemoryBudget budget_{8u << 20};
  PostingCache cache_{1u << 20, &budget_};
  std::unique_ptr<lsm::KvStore> kv_;
  Model model_;
};

TEST_P(TermIndexTest, AgreesWithAModelAtEverySequence) {
  for (int round = 0; round < 12; ++round) {
    std::vector<std::pair<Model, std::unique_ptr<lsm::Snapshot>>> snapshots;
    for (int commit = 0; commit < 8; ++commit) {
      Commit(static_cast<int>(1 + random_.Below(random_.Below(6) == 0 ? 400 : 8)));
      if (random_.Below(4) == 0) {
        ASSERT_TRUE(simulation_.Run(kv_->store().Flush()).ok());
      }
      if (random_.Below(2) == 0) snapshots.emplace_back(model_, kv_->store().GetSnapshot());
    }
    if (round % 4 == 3) {
      ASSERT_TRUE(simulation_.Run(kv_->store().Compact()).ok());
    }
    Check(model_, kv_->store().published());
    for (const auto& [model, snapshot] : snapshots) Check(model, snapshot->sequence());
  }
}

TEST_P(TermIndexTest, AUniqueIndexHasOneRowForATerm) {
  for (std::uint64_t i = 0; i < kTerms; i += 2) {
    lsm::WriteBatch batch;
    batch.Put(TermOf(i), RowKey(100 + i), kUnique);
    ASSERT_TRUE(simulation_.Run(kv_->Write(batch)).ok());
  }
  const TermIndex index(kv_->store(), &cache_, kUnique, /*unique=*/true, kv_->store().published());
  for (std::uint64_t i = 0; i < kTerms; ++i) {
    const absl::StatusOr<SharedRows> rows = simulation_.Run(index.Rows(TermOf(i)));
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ((*rows)->ToVector(), i % 2 == 0 ? std::vector<RowId>{100 + i} : std::vector<RowId>());
  }
  for (const bool descending : {false, true}) {
    const auto steps = Steps(index, {TermOf(2), TermOf(6)}, descending);
    ASSERT_EQ(steps.size(), 2u);
    EXPECT_EQ(steps[descending ? 1 : 0], (std::pair<std::string, RowId>(TermOf(2), 102)));
    EXPECT_EQ(steps[descending ? 0 : 1], (std::pair<std::string, RowId>(TermOf(4), 104)));
  }
}

TEST_P(TermIndexTest, DamageIsAnError) {
  lsm::WriteBatch batch;
  batch.Put("abc", "", kPostings);
  batch.Put("term", "12345", kUnique);
  ASSERT_TRUE(simulation_.Run(kv_->Write(batch)).ok());
  const lsm::Sequence at = kv_->store().published();
  EXPECT_TRUE(absl::IsDataLoss(simulation_.Run(IndexAt(at).Rows("a")).status()));
  EXPECT_TRUE(absl::IsDataLoss(simulation_.Run(IndexAt(at).Walk({}, false)->Next()).status()));
  EXPECT_TRUE(absl::IsDataLoss(simulation_.Run(IndexAt(at).Walk({}, true)->Next()).status()));
  const TermIndex unique(kv_->store(), nullptr, kUnique, /*unique=*/true, at);
  EXPECT_TRUE(absl::IsDataLoss(simulation_.Run(unique.Rows("term")).status()));
  EXPECT_TRUE(absl::IsDataLoss(simulation_.Run(unique.Walk({}, false)->Next()).status()));
}

INSTANTIATE_TEST_SUITE_P(Cache, TermIndexTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "With" : "Without"; });

}  // namespace
}  // namespace aurora::index
