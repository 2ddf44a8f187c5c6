#include "aurora/bench/workloads/document_suite.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/document_store.h"
#include "aurora/bench/workloads/footprint.h"
#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kUsers = 500'000;
constexpr double kInsertSeconds = 60;
constexpr std::uint64_t kSyncedInserts = 2000;
constexpr std::uint64_t kBatch = 1000;
constexpr std::uint64_t kGetsFromDevice = 2000;
constexpr std::size_t kLimit = 10;
constexpr std::size_t kConditions = 50;
constexpr std::uint64_t kThousand = 1000;
constexpr std::uint64_t kGrowthThousands[] = {10, 100, 1000, 10'000};
// As large as the message of a user in Aurora.
constexpr std::size_t kRawValueBytes = 272;

constexpr const char* kHottest = "get by id, hottest 1%";
constexpr const char* kAllHot = "get by id, all hot";

// The numbers below `count` in disorder.
std::vector<std::uint64_t> Shuffled(std::uint64_t count) {
  std::vector<std::uint64_t> numbers(count);
  SeededRandom random(7);
  for (std::uint64_t i = 0; i < count; ++i) {
    numbers[i] = i;
    std::swap(numbers[i], numbers[random.Below(i + 1)]);
  }
  return numbers;
}

std::uint64_t HotOf(std::uint64_t users) { return std::max<std::uint64_t>(1, users / 100); }

std::vector<UserCondition> RandomConditions() {
  SeededRandom random(3);
  std::vector<UserCondition> conditions(kConditions);
  for (UserCondition& condition : conditions) {
    condition.city = static_cast<std::uint32_t>(random.Below(kCities));
    condition.status = static_cast<std::uint32_t>(random.Below(kStatuses));
    condition.age_low = kAgeMin + static_cast<std::uint32_t>(random.Below(kAges - 20));
    condition.age_high = condition.age_low + 19;
  }
  return conditions;
}

// The rows on one store, with `suffix` behind their names.
class UserRows {
 public:
  UserRows(const DocumentRows* rows, DocumentStore* store, std::string suffix = "")
      : rows_(*rows), store_(*store), suffix_(std::move(suffix)), conditions_(RandomConditions()) {}

  // What the store costs that was closed and opened.
  void AddFootprint() {
    const auto users = static_cast<double>(store_.model().size());
    rows_.plain().AddAmount("size on disk, a user" + suffix_,
                            static_cast<double>(DiskBytes(store_.options().directory)) / users,
                            "bytes");
    store_.Close();
    ReturnFreeMemory();
    const auto before = static_cast<double>(ResidentBytes());
    const Clock::time_point start = Clock::now();
    store_.Open();
    rows_.Expect(store_.Has(0), "get");
    rows_.plain().AddDuration("open" + suffix_, SecondsSince(start));
    GetAll();
    const double more = std::max(0.0, static_cast<double>(ResidentBytes()) - before);
    rows_.plain().AddAmount("memory, a user, all read" + suffix_, more / users, "bytes");
  }

  // Gets of the first `hot` users, in disorder.
  void AddGets(const std::string& workload, std::uint64_t hot) {
    struct Wanted {
      Uuid id;
      double score;
    };
    std::vector<Wanted> wanted;
    for (const std::uint64_t number : Shuffled(hot)) {
      wanted.push_back({store_.ids()[number], store_.model()[number].score});
    }
    std::size_t next = 0;
    const auto get = [&](std::uint64_t) {
      const Wanted& user = wanted[next];
      next = next + 1 < wanted.size() ? next + 1 : 0;
      const std::optional<FoundUser> found = store_.engine().Get(user.id);
      rows_.Expect(found.has_value() && found->score == user.score && found->bio_bytes == kBioBytes,
                   "get");
    };
    for (std::uint64_t i = 0; i < hot; ++i) get(i);
    rows_.Add(workload + suffix_, UINT64_MAX, kReadSeconds, 1, get);
  }

  void AddGetsByEmail() {
    const std::vector<std::uint64_t> numbers = Shuffled(store_.model().size());
    rows_.Add("get by unique email" + suffix_, UINT64_MAX, kReadSeconds, 1, [&](std::uint64_t i) {
      const std::uint64_t number = numbers[i % numbers.size()];
      const auto found = store_.engine().FindByEmail(UserEmail(number).view());
      rows_.Expect(found.has_value() && found->score == store_.model()[number].score, "get");
    });
  }

  void AddByCity() {
    const auto of_city = [&](const UserCondition& condition, std::vector<double> scores) {
      return store_.model().AreOfCity(std::move(scores), condition.city, kLimit);
    };
    rows_.AddQuery(
        "city = ?, limit 10, prepared" + suffix_, conditions_,
        [&](const UserCondition& condition) {
          return store_.engine().FindByCity(condition.city, kLimit);
        },
        of_city);
    rows_.AddQuery(
        "city = ?, limit 10, made for the call" + suffix_, conditions_,
        [&](const UserCondition& condition) {
          return store_.engine().FindByCityAnew(condition.city, kLimit);
        },
        of_city);
  }

  void AddCountsAndBest() {
    rows_.AddQuery(
        "count: city, status, age" + suffix_, conditions_,
        [&](const UserCondition& condition) { return store_.engine().Count(condition); },
        [&](const UserCondition& condition, std::uint64_t count) {
          return count == store_.model().Count(condition);
        });
    rows_.AddQuery(
        "best 10 by score: status, age" + suffix_, conditions_,
        [&](const UserCondition& condition) { return store_.engine().Best(condition, kLimit); },
        [&](const UserCondition& condition, const std::vector<double>& scores) {
          return scores == store_.model().Best(condition, kLimit);
        });
  }

  void AddAverages() {
    rows_.AddQuery(
        "group by status, average score" + suffix_, conditions_,
        [&](const UserCondition& condition) { return store_.engine().Averages(condition.city); },
        [&](const UserCondition& condition, const std::vector<StatusAverage>& averages) {
          return SameAverages(averages, store_.model().Averages(condition.city));
        });
  }

  void AddScans() {
    const auto users = static_cast<double>(store_.model().live());
    constexpr std::string_view kText = "copper doctor";
    std::uint64_t expected = 0;
    for (std::uint64_t i = 0; i < store_.model().size(); ++i) {
      if (User(i).bio().find(kText) != std::string_view::npos) ++expected;
    }
    rows_.Add("count: text in bio, no index" + suffix_, UINT64_MAX, kReadSeconds, users,
              [&](std::uint64_t) {
                rows_.Expect(store_.engine().CountInBios(kText) == expected, "count");
              });
    rows_.Expect(store_.HoldsAll(), "scan");
    std::uint64_t seen = 0;
    const double sum = store_.engine().Scan(&seen);
    rows_.Add("full scan" + suffix_, UINT64_MAX, kReadSeconds, users, [&](std::uint64_t) {
      rows_.Expect(store_.engine().Scan(&seen) == sum && seen == store_.model().live(), "scan");
    });
  }

  void AddUpdates() {
    const std::vector<std::uint64_t> numbers = Shuffled(store_.model().size());
    UserModel& model = store_.model();
    rows_.Add("update an indexed field, by email" + suffix_, UINT64_MAX, kReadSeconds, 1,
              [&](std::uint64_t i) {
                const std::uint64_t number = numbers[i % numbers.size()];
                const std::uint32_t age = kAgeMin + (model[number].age + 1u - kAgeMin) % kAges;
                rows_.Expect(store_.engine().UpdateAge(UserEmail(number).view(), age), "update");
                model.SetAge(number, static_cast<std::uint8_t>(age));
              });
    ExpectCounts();
  }

  void AddDeletes() {
    const std::vector<std::uint64_t> numbers = Shuffled(store_.model().size());
    rows_.Add("delete, by email" + suffix_, numbers.size(), kReadSeconds, 1, [&](std::uint64_t i) {
      rows_.Expect(store_.engine().Delete(UserEmail(numbers[i]).view()), "delete");
      store_.model().Delete(numbers[i]);
    });
    rows_.Expect(!store_.engine().FindByEmail(UserEmail(numbers[0]).view()).has_value(),
                 "get of a deleted user");
    rows_.Expect(store_.HoldsAll(), "scan after deletes");
    ExpectCounts();
  }

  // Of users that share no page; REQUIRES that their store is settled.
  void AddGetsFromDevice() {
    store_.Close();
    DropPageCache(store_.options().directory);
    store_.Open(/*cold=*/true);
    std::vector<std::uint64_t> numbers = Shuffled(
        std::min<std::uint64_t>(kGetsFromDevice + kGetsFromDevice / 4, store_.model().size()));
    const std::uint64_t apart = store_.model().size() / numbers.size();
    const std::uint64_t warming = numbers.size() / 5;
    const auto get = [&](std::uint64_t i) { rows_.Expect(store_.Has(numbers[i] * apart), "get"); };
    for (std::uint64_t i = 0; i < warming; ++i) get(i);
    rows_.Add("get by id, from the device" + suffix_, numbers.size() - warming, kInsertSeconds, 1,
              [&](std::uint64_t i) { get(warming + i); });
    store_.Close();
    store_.Open();
    GetAll();
  }

 private:
  // Fills the caches.
  void GetAll() {
    for (std::uint64_t i = 0; i < store_.model().size(); ++i) {
      rows_.Expect(store_.Has(i), "get");
    }
  }
  void ExpectCounts() {
    for (const UserCondition& condition : conditions_) {
      rows_.Expect(store_.engine().Count(condition) == store_.model().Count(condition), "count");
    }
  }

  const DocumentRows& rows_;
  DocumentStore& store_;
  const std::string suffix_;
  const std::vector<UserCondition> conditions_;
};

DocumentOptions OptionsOf(const KvSettings& settings) {
  DocumentOptions options;
  options.directory = settings.directory;
  return options;
}

void RunInserts(const KvSettings& settings, DocumentOpener open, const DocumentRows& rows) {
  {
    DocumentStore store(open, OptionsOf(settings));
    const std::uint64_t batches = std::max<std::uint64_t>(1, rows.Scaled(kUsers) / kBatch);
    rows.Add("insert, batches of 1000", batches, kInsertSeconds, kBatch,
             [&](std::uint64_t) { store.InsertBatch(kBatch); });
    rows.Expect(store.HoldsAll(), "scan");
  }
  DocumentOptions options = OptionsOf(settings);
  options.synced = true;
  DocumentStore store(open, options);
  rows.Add("insert, a synced commit each", rows.Scaled(kSyncedInserts), kInsertSeconds, 1,
           [&](std::uint64_t) { store.Insert(); });
  rows.Expect(store.HoldsAll(), "scan");
}

}  // namespace

void RunDocumentSuite(const KvSettings& settings, DocumentOpener open, Report* report) {
  const DocumentRows rows(settings, report);
  RunInserts(settings, open, rows);
  DocumentStore store(open, OptionsOf(settings));
  const std::uint64_t users = rows.Scaled(kUsers);
  rows.Add("insert, a commit each", users, kInsertSeconds, 1,
           [&](std::uint64_t) { store.Insert(); });
  store.GrowTo(users);
  store.engine().Settle();
  UserRows user_rows(&rows, &store);
  user_rows.AddFootprint();
  user_rows.AddGets(kHottest, HotOf(users));
  user_rows.AddGets(kAllHot, users);
  user_rows.AddGetsByEmail();
  user_rows.AddByCity();
  user_rows.AddCountsAndBest();
  user_rows.AddAverages();
  user_rows.AddScans();
  user_rows.AddGetsFromDevice();
  user_rows.AddUpdates();
  user_rows.AddDeletes();
}

void RunDocumentGrowth(const KvSettings& settings, DocumentOpener open, Report* report) {
  const DocumentRows rows(settings, report);
  DocumentStore store(open, OptionsOf(settings));
  for (const std::uint64_t thousands : kGrowthThousands) {
    const std::string suffix = ", " + std::to_string(thousands) + " K users";
    const std::uint64_t users = rows.Scaled(thousands * kThousand);
    const std::uint64_t more = users - store.model().size();
    const std::uint64_t batch = std::min(kBatch, more);
    rows.Add("insert, batches of 1000" + suffix, more / batch, 1e6, static_cast<double>(batch),
             [&](std::uint64_t) { store.InsertBatch(batch); });
    store.GrowTo(users);
    store.engine().Settle();
    UserRows user_rows(&rows, &store, suffix);
    user_rows.AddFootprint();
    user_rows.AddGets(kHottest, HotOf(users));
    user_rows.AddGetsByEmail();
    user_rows.AddByCity();
    user_rows.AddCountsAndBest();
    user_rows.AddUpdates();
  }
}

void RunRawGets(const KvSettings& settings, Report* report) {
  const DocumentRows rows(settings, report);
  const std::uint64_t users = rows.Scaled(kUsers);
  std::filesystem::remove_all(settings.directory);
  KvOptions options;
  options.directory = settings.directory;
  {
    const std::unique_ptr<KvEngine> engine = settings.open(options);
    const KvValues values(kRawValueBytes);
    for (std::uint64_t i = 0; i < users; ++i) engine->Put(KvKey(i), values[i], false);
    const auto add = [&](const char* workload, std::uint64_t hot) {
      const std::vector<std::uint64_t> numbers = Shuffled(hot);
      rows.Add(workload, UINT64_MAX, kReadSeconds, 1, [&](std::uint64_t i) {
        rows.Expect(engine->Get(KvKey(numbers[i % hot])) == kRawValueBytes, "get");
      });
    };
    add(kHottest, HotOf(users));
    add(kAllHot, users);
  }
  std::filesystem::remove_all(settings.directory);
}

}  // namespace aurora::bench
