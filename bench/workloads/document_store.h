// An engine with users in it and the model of what it must answer: what the suites of documents
// run their rows on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/document_engine.h"
#include "aurora/bench/workloads/document_users.h"
#include "aurora/bench/workloads/footprint.h"
#include "aurora/bench/workloads/kv_workload.h"
#include "aurora/bench/workloads/report.h"

namespace aurora::bench {

// How long a row of reads takes, of the full work.
inline constexpr double kReadSeconds = 2;

// The rows that one engine adds to the report, each with the time of processors that it took.
class DocumentRows {
 public:
  // `settings` and `report` must outlive this.
  DocumentRows(const KvSettings& settings, Report* report)
      : settings_(settings), rows_("documents", settings.engine, report) {}

  std::uint64_t Scaled(std::uint64_t count) const { return settings_.Scaled(count); }
  const KvRows& plain() const { return rows_; }
  void Expect(bool good, std::string_view what) const { rows_.Expect(good, what); }

  // As KvRows::TimedFor.
  template <class Operation>
  void Add(const std::string& workload, std::uint64_t count, double seconds, double rows_each,
           Operation operation, const std::string& note = "") const {
    std::uint64_t operations = 0;
    const auto counted = [&](std::uint64_t i) {
      operation(i);
      ++operations;
    };
    const double before = ProcessorSeconds();
    Result result = rows_.TimedFor(workload, count, seconds * settings_.scale, rows_each, counted);
    const double used = ProcessorSeconds() - before;
    result.note = ProcessorNote(used / (static_cast<double>(operations) * rows_each));
    if (!note.empty()) result.note += "; " + note;
    rows_.Add(std::move(result));
  }

  // A query for each of `conditions`: all are asked once, and `expect(condition, answer)` must hold
  // of the answers; then again in turn, the first kWarmUps times untimed, and must be answered the
  // same.
  template <class Condition, class Ask, class Expectation>
  void AddQuery(const std::string& workload, const std::vector<Condition>& conditions, Ask ask,
                Expectation expect, const std::string& note = "") const {
    std::vector<decltype(ask(conditions[0]))> answers;
    for (const Condition& condition : conditions) {
      answers.push_back(ask(condition));
      Expect(expect(condition, answers.back()), workload);
    }
    const auto again = [&](std::uint64_t i) {
      const std::size_t which = i % conditions.size();
      Expect(ask(conditions[which]) == answers[which], workload);
    };
    for (std::uint64_t i = 0; i < kWarmUps * conditions.size(); ++i) again(i);
    Add(workload, UINT64_MAX, kReadSeconds, 1, again, note);
  }

 private:
  static constexpr std::uint64_t kWarmUps = 3;

  static std::string ProcessorNote(double seconds);

  const KvSettings& settings_;
  const KvRows rows_;
};

class DocumentStore {
 public:
  // Opens an empty one; its directory is removed when this dies.
  DocumentStore(DocumentOpener open, DocumentOptions options);
  ~DocumentStore();
  DocumentStore(const DocumentStore&) = delete;
  DocumentStore& operator=(const DocumentStore&) = delete;

  DocumentEngine& engine() { return *engine_; }
  const DocumentOptions& options() const { return options_; }
  UserModel& model() { return model_; }
  const std::vector<Uuid>& ids() const { return ids_; }

  // Inserts the next user.
  void Insert();
  // The next `count` users, in one commit.
  void InsertBatch(std::uint64_t count);
  // By commits of a thousand, until there are so many.
  void GrowTo(std::uint64_t users);
  void Close() { engine_.reset(); }
  // REQUIRES that it is closed. `cold` as in DocumentOptions.
  void Open(bool cold = false);
  // Whether the engine has exactly the users of the model.
  bool HoldsAll();
  // Whether the user is found by id, as the model has him.
  bool Has(std::uint64_t number);

 private:
  const DocumentOpener open_;
  DocumentOptions options_;
  std::unique_ptr<DocumentEngine> engine_;
  UserModel model_;
  std::vector<Uuid> ids_;  // of each user
};

}  // namespace aurora::bench
