#include "aurora/index/posting_cache.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::index {
namespace {

constexpr lsm::KeyspaceId kIndex = 7;

// What a store would have: all commits, in their order.
class Model {
 public:
  // Prepares the next commit: visible to no reader before Publish.
  void Sequence(Random& random, PostingCache* cache, int changes) {
    IndexChanges commit;
    ++sequenced_;
    for (int i = 0; i < changes; ++i) {
      const std::string term = Term(random);
      const RowId row = random.Below(3) << 16 | random.Below(20);
      const bool added = random.Below(3) > 0;
      if (added) {
        commit.Add(kIndex, term, row);
      } else {
        commit.Remove(kIndex, term, row);
      }
      history_[term].push_back({sequenced_, row, added});
    }
    std::vector<lsm::Mutation> mutations;
    commit.Seal(&mutations);
    cache->Apply(sequenced_, commit.terms());
  }
  void Publish() { published_ = std::min(published_ + 1, sequenced_); }

  SharedRows RowsAt(const std::string& term, lsm::Sequence at) const {
    RowSet rows;
    const auto found = history_.find(term);
    if (found == history_.end()) return std::make_shared<const RowSet>();
    for (const auto& [sequence, row, added] : found->second) {
      if (sequence > at) break;
      if (added) {
        rows.Add(row);
      } else {
        rows.Remove(row);
      }
    }
    return std::make_shared<const RowSet>(std::move(rows));
  }
  std::vector<std::string> TermsAt(lsm::Sequence at) const {
    std::vector<std::string> terms;
    for (const auto& [term, changes] : history_) {
      if (!RowsAt(term, at)->empty()) terms.push_back(term);
    }
    return terms;
  }
  static std::string Term(Random& random) {
    return std::string(1 + random.Below(2), static_cast<char>('a' + random.Below(4)));
  }
  lsm::Sequence published() const { return published_; }

 private:
  struct Change {
    lsm::Sequence sequence;
    RowId row;
    bool added;
  };
  std::map<std::string, std::vector<Change>> history_;
  lsm::Sequence sequenced_ = 0;
  lsm::Sequence published_ = 0;
};

// A reader between its look into the cache and its fill.
struct Reader {
  std::string term;
  lsm::Sequence at = 0;
};

// Commits and readers in any order. The first answer that is wrong, empty if there is none.
std::string RunReaders(Random& random, std::uint64_t* hits) {
  MemoryBudget budget(1u << 20);
  PostingCache cache(random.Below(4) == 0 ? 4096 : 1u << 20, &budget);
  Model model;
  std::vector<Reader> readers;
  for (int step = 0; step < 600; ++step) {
    const std::uint64_t action = random.Below(10);
    if (action < 3) {
      model.Sequence(random, &cache, static_cast<int>(random.Below(random.Below(5) ? 4 : 200)));
    } else if (action < 6) {
      model.Publish();
    } else if (action < 9 || readers.empty()) {
      const lsm::Sequence age = random.Below(random.Below(3) == 0 ? 5 : 1);
      const Reader reader{Model::Term(random),
                          model.published() - std::min(age, model.published())};
      const SharedRows rows = cache.Find(kIndex, reader.term, reader.at);
      if (rows == nullptr) {
        readers.push_back(reader);
      } else if (rows->ToVector() != model.RowsAt(reader.term, reader.at)->ToVector()) {
        return "step " + std::to_string(step) + ", at " + std::to_string(reader.at);
      }
    } else {
      const std::size_t i = random.Below(readers.size());
      cache.Fill(kIndex, readers[i].term, readers[i].at,
                 model.RowsAt(readers[i].term, readers[i].at));
      readers.erase(readers.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  *hits += cache.GetStats().hits;
  EXPECT_EQ(budget.used_bytes(MemoryUse::kIndexCache), cache.GetStats().charged_bytes);
  return {};
}

TEST(PostingCacheTest, ReadersSeeTheRowsOfTheirSequence) {
  SeededRandom random(TestSeed());
  std::uint64_t hits = 0;
  for (int round = 0; round < 60; ++round) {
    ASSERT_EQ(RunReaders(random, &hits), "") << "round " << round;
  }
  EXPECT_GT(hits, 60u * 50);
}

TEST(PostingCacheTest, BugsAreFound) {
  for (const char* const name : {"followed-late-fill", "posting-cache-misses-commit"}) {
    const ScopedPlantedBug bug(name);
    SeededRandom random(TestSeed());
    bool found = false;
    for (int round = 0; round < 100 && !found; ++round) {
      std::uint64_t hits = 0;
      found = !RunReaders(random, &hits).empty();
    }
    EXPECT_TRUE(found) << name;
  }
}

TEST(PostingCacheTest, NoTermThatHasRowsIsMissing) {
  SeededRandom random(TestSeed());
  int known = 0;
  for (int round = 0; round < 60; ++round) {
    MemoryBudget budget(1u << 20);
    PostingCache cache(1u << 20, &budget);
    Model model;
    std::vector<lsm::Sequence> readers;
    for (int step = 0; step < 200; ++step) {
      const std::uint64_t action = random.Below(10);
      if (action < 3) {
        model.Sequence(random, &cache, 1);
      } else if (action < 6) {
        model.Publish();
      } else if (action < 9 || readers.empty()) {
        const lsm::Sequence at =
            model.published() - std::min<lsm::Sequence>(random.Below(2), model.published());
        const PostingCache::Directory directory = cache.FindTerms(kIndex, at);
        ASSERT_FALSE(directory.wide);
        if (directory.terms == nullptr) {
          readers.push_back(at);
          continue;
        }
        ++known;
        ASSERT_TRUE(std::is_sorted(directory.terms->begin(), directory.terms->end()));
        const std::vector<std::string> terms = model.TermsAt(at);
        ASSERT_TRUE(std::includes(directory.terms->begin(), directory.terms->end(), terms.begin(),
                                  terms.end()));
      } else {
        cache.FillTerms(kIndex, readers.back(), model.TermsAt(readers.back()));
        readers.pop_back();
      }
    }
  }
  EXPECT_GT(known, 60 * 20);
}

TEST(PostingCacheTest, AnIndexWithManyTermsIsWide) {
  MemoryBudget budget(16u << 20);
  PostingCache cache(1u << 20, &budget);
  EXPECT_EQ(cache.FindTerms(kIndex, 0).terms, nullptr);
  cache.FillTerms(kIndex, 0, std::vector<std::string>{"first"});
  ASSERT_NE(cache.FindTerms(kIndex, 0).terms, nullptr);
  for (lsm::Sequence i = 1; !cache.FindTerms(kIndex, i).wide; ++i) {
    ASSERT_LE(i, PostingCache::kNarrowTermsMax);
    IndexChanges commit;
    commit.Add(kIndex, "term" + std::to_string(i), i);
    std::vector<lsm::Mutation> mutations;
    commit.Seal(&mutations);
    cache.Apply(i, commit.terms());
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(PostingCacheTest, ASetThatNobodyAsksForDoesNotGrowForEver) {
  MemoryBudget budget(64u << 20);
  PostingCache cache(8u << 20, &budget);
  EXPECT_EQ(cache.Find(kIndex, "t", 0), nullptr);
  cache.Fill(kIndex, "t", 0, std::make_shared<const RowSet>());
  ASSERT_NE(cache.Find(kIndex, "t", 0), nullptr);
  for (lsm::Sequence i = 1; i <= PostingCache::kWaitingMax + 1; ++i) {
    IndexChanges commit;
    commit.Add(kIndex, "t", i);
    std::vector<lsm::Mutation> mutations;
    commit.Seal(&mutations);
    cache.Apply(i, commit.terms());
  }
  EXPECT_EQ(cache.GetStats().term_count, 0u);
  EXPECT_EQ(budget.used_bytes(), 0u);
}

}  // namespace
}  // namespace aurora::index
