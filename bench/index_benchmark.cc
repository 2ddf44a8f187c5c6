// Sets of rows, postings and the term index. Sets are of a million rows, one in `spread` of
// them, at random.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/index/index_changes.h"
#include "aurora/index/posting.h"
#include "aurora/index/posting_cache.h"
#include "aurora/index/row_set.h"
#include "aurora/index/term_index.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/system_environment.h"
#include "benchmark/benchmark.h"

namespace aurora::index {
namespace {

constexpr RowId kRows = 1'000'000;

RowSet RandomRows(std::uint64_t spread, std::uint64_t seed) {
  SeededRandom random(seed);
  RowSet rows;
  for (RowId row = 0; row < kRows; ++row) {
    if (random.Below(spread) == 0) rows.Add(row);
  }
  return rows;
}

// Both sets have one row in `range(0)`.
template <class Operation>
void RunAlgebra(benchmark::State& state, Operation operation) {
  const auto spread = static_cast<std::uint64_t>(state.range(0));
  const RowSet a = RandomRows(spread, 1);
  const RowSet b = RandomRows(spread, 2);
  for (auto _ : state) benchmark::DoNotOptimize(operation(a, b));
}
void RowSetAnd(benchmark::State& state) {
  RunAlgebra(state, [](const RowSet& a, const RowSet& b) { return a & b; });
}
void RowSetOr(benchmark::State& state) {
  RunAlgebra(state, [](const RowSet& a, const RowSet& b) { return a | b; });
}
void RowSetMinus(benchmark::State& state) {
  RunAlgebra(state, [](const RowSet& a, const RowSet& b) { return a - b; });
}
void RowSetCountAnd(benchmark::State& state) {
  RunAlgebra(state,
             [](const RowSet& a, const RowSet& b) { return RowSet::CountIntersection(a, b); });
}
BENCHMARK(RowSetAnd)->Arg(2)->Arg(100)->Unit(benchmark::kMicrosecond);
BENCHMARK(RowSetOr)->Arg(2)->Arg(100)->Unit(benchmark::kMicrosecond);
BENCHMARK(RowSetMinus)->Arg(2)->Arg(100)->Unit(benchmark::kMicrosecond);
BENCHMARK(RowSetCountAnd)->Arg(2)->Arg(100)->Unit(benchmark::kMicrosecond);

void RowSetFirst10(benchmark::State& state) {
  const RowSet rows = RandomRows(static_cast<std::uint64_t>(state.range(0)), 1);
  for (auto _ : state) benchmark::DoNotOptimize(rows.ToVector(0, 10));
}
BENCHMARK(RowSetFirst10)->Arg(2)->Arg(100);

// A posting of one chunk with `range(0)` rows.
PostingDelta Posting(std::int64_t rows) {
  SeededRandom random(3);
  PostingDelta delta;
  while (static_cast<std::int64_t>(delta.added.cardinality()) < rows) {
    delta.added.add(static_cast<std::uint32_t>(random.Below(kRowsPerChunk)));
  }
  return delta;
}

void PostingEncode(benchmark::State& state) {
  const PostingDelta posting = Posting(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(posting.Encode());
}
BENCHMARK(PostingEncode)->Arg(1)->Arg(100)->Arg(10000);

void PostingDecode(benchmark::State& state) {
  const std::string bytes = Posting(state.range(0)).Encode();
  for (auto _ : state) benchmark::DoNotOptimize(PostingDelta::Decode(bytes).ok());
}
BENCHMARK(PostingDecode)->Arg(1)->Arg(100)->Arg(10000);

// `range(0)` commits that each added one row, folded into a posting of 1000.
void PostingFold(benchmark::State& state) {
  const std::string base = Posting(1000).Encode();
  std::vector<std::string> operands;
  for (std::uint32_t place = 0; place < static_cast<std::uint32_t>(state.range(0)); ++place) {
    PostingDelta delta;
    delta.added.add(place);
    operands.push_back(delta.Encode());
  }
  const std::vector<std::string_view> views(operands.begin(), operands.end());
  const PostingMergeOperator fold;
  for (auto _ : state) {
    std::string value;
    AURORA_CHECK(fold.Fold("", base, views, &value).ok());
    benchmark::DoNotOptimize(value);
  }
}
BENCHMARK(PostingFold)->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

// What a commit of one document with three indexed fields pays to know its index entries.
void IndexChangesOfADocument(benchmark::State& state) {
  const std::string terms[] = {"berlin", "active", "age 42"};
  RowId row = 0;
  std::vector<lsm::Mutation> mutations;
  for (auto _ : state) {
    IndexChanges changes;
    lsm::KeyspaceId index = 1;
    for (const std::string& term : terms) changes.Add(index++, term, row);
    mutations.clear();
    changes.Seal(&mutations);
    benchmark::DoNotOptimize(mutations.data());
    ++row;
  }
}
BENCHMARK(IndexChangesOfADocument);

// 100 terms over 200,000 rows, folded into tables.
class IndexedStore {
 public:
  static constexpr std::uint64_t kTerms = 100;

  IndexedStore() {
    const char* parent = std::getenv("TEST_TMPDIR");
    directory_ = std::string(parent != nullptr ? parent : "/tmp") + "/aurora_index_benchmark";
    std::filesystem::remove_all(directory_);
    environment_ = *MakeSystemEnvironment();
    lsm::StoreOptions options;
    options.directory = directory_;
    options.durability = lsm::Durability::kProcess;
    options.default_merge_operator = &merge_;
    kv_ = *BlockOn(lsm::KvStore::Open(*environment_, std::move(options)));
    for (RowId row = 0; row < 200'000;) {
      IndexChanges changes;
      for (int n = 0; n < 10'000; ++n, ++row) changes.Add(kIndex, Term(row % kTerms), row);
      Commit(&changes);
    }
    AURORA_CHECK(BlockOn(kv_->store().Compact()).ok());
  }
  ~IndexedStore() {
    AURORA_CHECK(BlockOn(kv_->Close()).ok());
    std::filesystem::remove_all(directory_);
  }

  static std::string Term(std::uint64_t i) { return "term " + std::to_string(i); }
  TermIndex index(PostingCache* cache) {
    return TermIndex(kv_->store(), cache, kIndex, /*unique=*/false, kv_->store().published());
  }

 private:
  static constexpr lsm::KeyspaceId kIndex = 1;

  void Commit(IndexChanges* changes) {
    std::vector<lsm::Mutation> mutations;
    changes->Seal(&mutations);
    lsm::WriteBatch batch;
    for (const lsm::Mutation& mutation : mutations) {
      batch.Merge(mutation.key, mutation.value, mutation.keyspace);
    }
    AURORA_CHECK(BlockOn(kv_->Write(batch)).ok());
  }

  const PostingMergeOperator merge_;
  std::string directory_;
  std::shared_ptr<Environment> environment_;
  std::unique_ptr<lsm::KvStore> kv_;
};

// The 2000 rows of a term, in four chunks: folded from cached blocks, or known already.
void TermIndexRows(benchmark::State& state) {
  IndexedStore store;
  MemoryBudget budget(64u << 20);
  PostingCache cache(8u << 20, &budget);
  const TermIndex index = store.index(state.range(0) != 0 ? &cache : nullptr);
  SeededRandom random(4);
  for (auto _ : state) {
    const std::string term = IndexedStore::Term(random.Below(IndexedStore::kTerms));
    const auto rows = BlockOn(index.Rows(term));
    AURORA_CHECK(rows.ok() && (*rows)->Count() == 2000);
  }
}
BENCHMARK(TermIndexRows)->ArgName("cached")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

// 1000 rows in the order of their terms.
void TermIndexWalk(benchmark::State& state) {
  IndexedStore store;
  const TermIndex index = store.index(nullptr);
  for (auto _ : state) {
    const std::unique_ptr<TermCursor> cursor = index.Walk({}, state.range(0) != 0);
    std::size_t rows = 0;
    while (rows < 1000 && *BlockOn(cursor->Next())) rows += cursor->rows().size();
    benchmark::DoNotOptimize(rows);
  }
}
BENCHMARK(TermIndexWalk)->ArgName("descending")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace aurora::index
