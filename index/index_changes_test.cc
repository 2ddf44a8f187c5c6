#include "aurora/index/index_changes.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "aurora/index/posting.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::index {
namespace {

using TermKey = std::pair<lsm::KeyspaceId, std::string>;
// Of each row whether it was added last.
using Model = std::map<TermKey, std::map<RowId, bool>>;

void Change(Random& random, int count, IndexChanges* changes, Model* model) {
  for (int i = 0; i < count; ++i) {
    const auto index = static_cast<lsm::KeyspaceId>(1 + random.Below(3));
    const std::string term(1 + random.Below(3), static_cast<char>('a' + random.Below(3)));
    const RowId row = RowAt(static_cast<ChunkId>(random.Below(3)),
                            static_cast<std::uint16_t>(random.Below(random.Below(2) ? 4 : 5000)));
    const bool added = random.Below(2) == 0;
    if (added) {
      changes->Add(index, term, row);
    } else {
      changes->Remove(index, term, row);
    }
    (*model)[{index, term}][row] = added;
  }
}

Model TermsOf(const IndexChanges& changes) {
  Model terms;
  for (const TermChange& change : changes.terms()) {
    auto& rows = terms[{change.index, std::string(change.term)}];
    EXPECT_TRUE(rows.empty()) << "a term twice";
    for (const RowChange& row : change.rows) {
      EXPECT_TRUE(rows.empty() || rows.rbegin()->first < row.row);
      rows[row.row] = row.added;
    }
  }
  return terms;
}

Model Decode(const std::vector<lsm::Mutation>& mutations) {
  Model model;
  for (const lsm::Mutation& mutation : mutations) {
    EXPECT_EQ(mutation.kind, lsm::EntryKind::kMerge);
    const std::string term(mutation.key.substr(0, mutation.key.size() - kChunkKeyBytes));
    const absl::StatusOr<PostingDelta> delta = PostingDelta::Decode(mutation.value);
    EXPECT_TRUE(delta.ok()) << delta.status();
    if (!delta.ok()) continue;
    auto& rows = model[{mutation.keyspace, term}];
    for (ChunkId chunk = 0; chunk < 3; ++chunk) {
      if (ChunkKey(term, chunk) != mutation.key) continue;
      for (const auto place : delta->added)
        rows[RowAt(chunk, static_cast<std::uint16_t>(place))] = true;
      for (const auto place : delta->removed)
        rows[RowAt(chunk, static_cast<std::uint16_t>(place))] = false;
    }
  }
  return model;
}

TEST(IndexChangesTest, OperandsAndTermsSayWhatWasCollected) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 200; ++round) {
    IndexChanges changes;
    Model model;
    Change(random, static_cast<int>(random.Below(random.Below(4) == 0 ? 2000 : 20)), &changes,
           &model);
    std::vector<lsm::Mutation> mutations;
    changes.Seal(&mutations);
    EXPECT_EQ(Decode(mutations), model);
    EXPECT_EQ(TermsOf(changes), model);
    const auto key = [](const lsm::Mutation& m) { return std::pair(m.keyspace, m.key); };
    for (std::size_t i = 1; i < mutations.size(); ++i) {
      EXPECT_LT(key(mutations[i - 1]), key(mutations[i]));
    }
  }
}

TEST(IndexChangesTest, NothingGivesNothing) {
  IndexChanges changes;
  std::vector<lsm::Mutation> mutations;
  changes.Seal(&mutations);
  EXPECT_TRUE(mutations.empty());
  EXPECT_TRUE(changes.terms().empty());
}

}  // namespace
}  // namespace aurora::index
