#include "aurora/bench/workloads/document_original.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/document_store.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kInserted = 20'000;
constexpr std::uint64_t kHotUsers = 1000;
constexpr std::uint64_t kQueriedUsers = 500;
constexpr double kSeconds = 10;

constexpr const char* kHotRead = "original: hot read";
constexpr const char* kOneIndex = "original: insert, 1 index";
constexpr const char* kTwoIndices = "original: insert, 2 indices";
constexpr const char* kBulk = "original: bulk 100";
constexpr const char* kTransaction = "original: transaction of 3 inserts";
constexpr const char* kQuery = "original: indexed query";
constexpr const char* kQueriedFields = "original: insert, queried fields indexed";
constexpr const char* kAllFields = "original: insert, all fields indexed";

DocumentOptions WithIndices(const KvSettings& settings, UserIndices indices) {
  DocumentOptions options;
  options.directory = settings.directory;
  options.indices = indices;
  return options;
}

class Original {
 public:
  Original(const KvSettings& settings, DocumentOpener open, Report* report)
      : settings_(settings), open_(open), rows_(settings, report) {}

  void Run() {
    AddHotReads();
    AddInserts(kOneIndex, UserIndices::kEmail, 1);
    AddInserts(kTwoIndices, UserIndices::kEmailAndAge, 1);
    AddInserts(kBulk, UserIndices::kEmail, 100);
    AddInserts(kTransaction, UserIndices::kEmail, 3);
    AddQueries();
    AddInserts(kQueriedFields, UserIndices::kEmailAndAge, 1);
    AddInserts(kAllFields, UserIndices::kAll, 1);
  }

 private:
  void AddHotReads() {
    DocumentStore store(open_, WithIndices(settings_, UserIndices::kEmail));
    const std::uint64_t users = rows_.Scaled(kHotUsers);
    store.GrowTo(users);
    const auto get = [&](std::uint64_t i) { rows_.Expect(store.Has(i % users), "get"); };
    for (std::uint64_t i = 0; i < users; ++i) get(i);
    rows_.Add(kHotRead, UINT64_MAX, kReadSeconds, 1, get);
  }

  // `each` in a commit; the rate is in users.
  void AddInserts(const char* workload, UserIndices indices, std::uint64_t each) {
    DocumentStore store(open_, WithIndices(settings_, indices));
    const std::uint64_t commits = std::max<std::uint64_t>(1, rows_.Scaled(kInserted) / each);
    rows_.Add(workload, commits, kSeconds, static_cast<double>(each), [&](std::uint64_t) {
      if (each == 1) {
        store.Insert();
      } else {
        store.InsertBatch(each);
      }
    });
    rows_.Expect(store.HoldsAll(), "scan");
  }

  // A hundred of five hundred users.
  void AddQueries() {
    DocumentStore store(open_, WithIndices(settings_, UserIndices::kQueried));
    store.GrowTo(rows_.Scaled(kQueriedUsers));
    std::vector<UserCondition> conditions(kStatuses);
    for (std::uint32_t i = 0; i < kStatuses; ++i) {
      conditions[i] = {.status = i, .age_low = 0, .age_high = UINT8_MAX};
    }
    rows_.AddQuery(
        kQuery, conditions,
        [&](const UserCondition& condition) {
          return store.engine().FindByStatus(condition.status);
        },
        [&](const UserCondition& condition, std::vector<double> scores) {
          std::sort(scores.begin(), scores.end(), std::greater<>());
          return scores == store.model().Best(condition, SIZE_MAX);
        });
  }

  const KvSettings& settings_;
  const DocumentOpener open_;
  const DocumentRows rows_;
};

}  // namespace

void RunOriginalWorkloads(const KvSettings& settings, DocumentOpener open, Report* report) {
  Original(settings, open, report).Run();
}

void AddOriginalFigures(Report* report) {
  constexpr std::pair<const char*, double> kPublished[] = {
      {kHotRead, 200'000},      {kOneIndex, 17'000},    {kTwoIndices, 14'000},
      {kBulk, 15'000},          {kTransaction, 24'000}, {kQuery, 50'000},
      {kQueriedFields, 17'000}, {kAllFields, 5'000},    {"get by id, from the device", 10'000},
  };
  for (const auto& [workload, rate] : kPublished) {
    Result result;
    result.suite = "documents";
    result.workload = workload;
    result.engine = "original (published)";
    result.ops_per_second = rate;
    result.note = "published with version 0.3.0, on other hardware: Intel i7, SSD";
    report->Add(std::move(result));
  }
}

}  // namespace aurora::bench
