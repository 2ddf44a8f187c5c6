#include "aurora/bench/workloads/kv_workload.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/latency_histogram.h"
#include "aurora/bench/workloads/report.h"
#include "gtest/gtest.h"

namespace aurora::bench {
namespace {

// Has what is put, and counts the gets of each key.
class FakeEngine final : public KvEngine {
 public:
  std::string_view name() const override { return "Fake"; }
  void Put(std::string_view key, std::string_view value, bool /*sync*/) override {
    values_[std::string(key)] = value;
  }
  void PutBatch(std::span<const KvEntry> entries, bool sync) override {
    for (const auto& [key, value] : entries) Put(key, value, sync);
  }
  void DeleteBatch(std::span<const std::string_view> keys, bool /*sync*/) override {
    for (const std::string_view key : keys) values_.erase(std::string(key));
  }
  std::int64_t Get(std::string_view key) override {
    const std::lock_guard lock(mutex_);
    ++gets_[std::string(key)];
    const auto found = values_.find(std::string(key));
    return found == values_.end() ? -1 : static_cast<std::int64_t>(found->second.size());
  }
  bool Read(std::string_view key, std::string* value) override {
    *value = values_[std::string(key)];
    return true;
  }
  std::string_view DeviceReads() const override { return "none"; }
  std::pair<std::uint64_t, std::uint64_t> Scan() override { return {values_.size(), 0}; }
  std::uint64_t SeekAndNext(std::string_view /*key*/, int /*count*/) override { return 0; }
  void Settle() override {}

  const std::map<std::string, int>& gets() const { return gets_; }

 private:
  std::map<std::string, std::string> values_;
  std::mutex mutex_;
  std::map<std::string, int> gets_;  // guarded by mutex_
};

TEST(KvKeyTest, KeysAreUniqueAndThoseInOrderAre) {
  std::set<std::string> scattered;
  std::string last;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    scattered.insert(std::string(KvKey(i)));
    const std::string next(KvKey::InOrder(i));
    EXPECT_LT(last, next);
    last = next;
  }
  EXPECT_EQ(scattered.size(), 10'000u);
}

TEST(KvEngineTest, GetsOfAnyNumberOfThreadsAreEveryKeyOnce) {
  for (const int threads : {1, 3, 32}) {
    FakeEngine engine;
    std::vector<KvKey> keys;
    for (std::uint64_t i = 0; i < 100; ++i) keys.emplace_back(i);
    for (std::uint64_t i = 0; i < 60; ++i) engine.Put(keys[i], "v", false);
    LatencyHistogram latencies;
    EXPECT_EQ(engine.GetsOnThreads(threads, keys, &latencies), 60u);
    EXPECT_EQ(latencies.count(), 100u);
    EXPECT_EQ(engine.gets().size(), 100u);
    for (const auto& [key, times] : engine.gets()) EXPECT_EQ(times, 1) << key;
    EXPECT_EQ(engine.GetMany(keys), 60u);
  }
}

TEST(KvRowsTest, ThreadsShareTheWork) {
  Report report;
  const KvRows rows("suite", "engine", &report);
  std::atomic<int> seen[4][25] = {};
  const Result result =
      rows.OnThreads("work", 4, 100, [&](int thread, std::uint64_t i) { ++seen[thread][i]; });
  for (const auto& thread : seen) {
    for (const std::atomic<int>& times : thread) EXPECT_EQ(times, 1);
  }
  EXPECT_EQ(result.suite, "suite");
  EXPECT_EQ(result.engine, "engine");
  EXPECT_EQ(result.workload, "work");
  EXPECT_GT(result.ops_per_second.value_or(0), 0);
  EXPECT_TRUE(result.p99_us.has_value());
}

TEST(KvRowsTest, OfAHandfulThereAreNoQuantiles) {
  Report report;
  const KvRows rows("suite", "engine", &report);
  EXPECT_FALSE(rows.Timed("few", 99, 1, [](std::uint64_t) {}).p50_us.has_value());
  EXPECT_TRUE(rows.Timed("many", 100, 1, [](std::uint64_t) {}).p50_us.has_value());
}

TEST(KvRowsTest, AWrongAnswerEndsTheProgram) {
  Report report;
  const KvRows rows("suite", "engine", &report);
  rows.Expect(true, "get");
  EXPECT_EXIT(rows.Expect(false, "get"), testing::ExitedWithCode(1), "engine: get: wrong answer");
}

TEST(KvSettingsTest, SomethingIsDoneAtAnyScale) {
  KvSettings settings;
  EXPECT_EQ(settings.Scaled(1000), 1000u);
  settings.scale = 0.01;
  EXPECT_EQ(settings.Scaled(1000), 10u);
  EXPECT_EQ(settings.Scaled(5), 1u);
}

}  // namespace
}  // namespace aurora::bench
