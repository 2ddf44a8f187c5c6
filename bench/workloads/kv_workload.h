// What the suites of key-value workloads have in common: their settings, values and timed rows.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/kv_engine.h"
#include "aurora/bench/workloads/latency_histogram.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

using Clock = std::chrono::steady_clock;

inline double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct KvSettings {
  std::string engine;
  KvOpener open = nullptr;  // null: `engine` is none that can be opened (a device, say)
  std::string directory;    // made, used and removed
  // Of everything, what share is done: 1 for figures, less to see that it runs.
  double scale = 1;
  // The long rows too.
  bool full = false;

  // At least 1.
  std::uint64_t Scaled(std::uint64_t count) const;
};

// A thousand values of `bytes` bytes: made before, because making one costs more than many an
// operation.
class KvValues {
 public:
  explicit KvValues(std::size_t bytes);
  const std::string& operator[](std::uint64_t i) const { return values_[i % values_.size()]; }
  std::size_t size_bytes() const { return values_[0].size(); }

 private:
  std::vector<std::string> values_;
};

// The rows that one engine adds to the report. What goes wrong ends the program.
class KvRows {
 public:
  // `report` must outlive this.
  KvRows(std::string suite, std::string engine, Report* report)
      : suite_(std::move(suite)), engine_(std::move(engine)), report_(report) {}

  Result New(std::string workload) const;
  void Add(Result result) const { report_->Add(std::move(result)); }
  void AddAmount(std::string workload, double amount, std::string unit,
                 std::string note = "") const;
  // The time of a single operation.
  void AddDuration(std::string workload, double seconds, std::string note = "") const;
  void Expect(bool good, std::string_view what) const {
    if (!good) KvFail(engine_, what, "wrong answer");
  }

  // Does `operation(i)` for i in [0, count) and times each. Of `rows_each` rows in an operation,
  // the rate counts each; latencies are of the whole operation.
  template <class Operation>
  Result Timed(std::string workload, std::uint64_t count, double rows_each,
               Operation operation) const {
    Result result = New(std::move(workload));
    LatencyHistogram latencies;
    const double seconds = TimeEach(count, operation, &latencies);
    SetTimes(static_cast<double>(count) * rows_each, seconds, latencies, &result);
    return result;
  }

  // The same for no longer than so many seconds, but at least once.
  template <class Operation>
  Result TimedFor(std::string workload, std::uint64_t count, double seconds, double rows_each,
                  Operation operation) const {
    Result result = New(std::move(workload));
    LatencyHistogram latencies;
    const auto end =
        Clock::now() + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
    const double taken = TimeEach(count, operation, &latencies, end);
    SetTimes(static_cast<double>(latencies.count()) * rows_each, taken, latencies, &result);
    return result;
  }

  // Does `operation(thread, i)` on `threads` threads that begin together, for i in
  // [0, count / threads) on each.
  template <class Operation>
  Result OnThreads(std::string workload, int threads, std::uint64_t count,
                   Operation operation) const;

 private:
  template <class Operation>
  static double TimeEach(std::uint64_t count, Operation& operation, LatencyHistogram* latencies,
                         Clock::time_point end = Clock::time_point::max()) {
    const Clock::time_point start = Clock::now();
    Clock::time_point before = start;
    for (std::uint64_t i = 0; i < count && (i == 0 || before < end); ++i) {
      operation(i);
      const Clock::time_point after = Clock::now();
      latencies->Record((after - before).count());
      before = after;
    }
    return SecondsSince(start);
  }
  static void SetTimes(double operations, double seconds, const LatencyHistogram& latencies,
                       Result* result);

  const std::string suite_;
  const std::string engine_;
  Report* const report_;
};

template <class Operation>
Result KvRows::OnThreads(std::string workload, int threads, std::uint64_t count,
                         Operation operation) const {
  struct Worker {
    LatencyHistogram latencies;
    std::thread thread;
  };
  std::vector<Worker> workers(static_cast<std::size_t>(threads));
  const std::uint64_t each = std::max<std::uint64_t>(1, count / workers.size());
  std::atomic<bool> go{false};
  for (int number = 0; number < threads; ++number) {
    Worker& worker = workers[static_cast<std::size_t>(number)];
    worker.thread = std::thread([&worker, &go, &operation, number, each] {
      go.wait(false);
      auto mine = [&](std::uint64_t i) { operation(number, i); };
      TimeEach(each, mine, &worker.latencies);
    });
  }
  const Clock::time_point start = Clock::now();
  go = true;
  go.notify_all();
  LatencyHistogram latencies;
  for (Worker& worker : workers) {
    worker.thread.join();
    latencies.Merge(worker.latencies);
  }
  Result result = New(std::move(workload));
  SetTimes(static_cast<double>(latencies.count()), SecondsSince(start), latencies, &result);
  return result;
}

}  // namespace aurora::bench
