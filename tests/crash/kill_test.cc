// Real processes killed while they write to real files: what was acknowledged is there afterwards,
// and nothing of what was under way in part.
//
// A child opens the database and runs some writers side by side. What a writer does in its step k
// depends on k alone, and it reports each step through a pipe once the database has acknowledged
// it. At a random moment, opening included, the child is killed. Then the documents of each writer
// must be those after the steps that it reported, or after one more, which was under way.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/database.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/forked_child.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "aurora/runtime/system_environment.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

using FileBackend = SystemEnvironmentOptions::FileBackend;

constexpr std::uint32_t kWriters = 3;
constexpr std::uint32_t kKinds = 5;
// A document that was inserted lives for so many more.
constexpr std::uint32_t kLifetime = 15;
// A writer of this number reports that something went wrong.
constexpr std::uint32_t kFailure = UINT32_MAX;

struct Report {
  std::uint32_t writer = 0;
  std::uint32_t step = 0;
};
static_assert(sizeof(Report) == 8);  // so a write to a pipe is whole or not at all

// --- What writers do. Of document n: insert, update, then delete an old one. ---

std::string IdOf(std::uint32_t writer, std::uint32_t n) { return StrCat("w", writer, "-", n); }
std::string KindOf(std::uint32_t n, bool updated) {
  return StrCat("kind", (updated ? n + 1 : n) % kKinds);
}
Object NewDocument(std::uint32_t writer, std::uint32_t n) {
  return {{"_id", IdOf(writer, n)},
          {"sku", IdOf(writer, n)},
          {"writer", writer},
          {"kind", KindOf(n, false)},
          {"tags", Array{StrCat("t", n % 3), "all"}},
          {"text", std::string(n * 131 % 5000, 'x')}};
}

// The kinds of the documents, by id, that are there after `steps` steps.
std::map<std::string, std::string> DocumentsAfter(std::uint32_t writer, std::uint32_t steps) {
  std::map<std::string, std::string> documents;
  const std::uint32_t newest = steps / 3;
  for (std::uint32_t n = newest < kLifetime + 1 ? 0 : newest - kLifetime - 1; n <= newest; ++n) {
    const bool deleted = steps >= 3 * (n + kLifetime) + 3;
    if (steps < 3 * n + 1 || deleted) continue;
    documents[IdOf(writer, n)] = KindOf(n, steps >= 3 * n + 2);
  }
  return documents;
}

Task<absl::Status> DoStep(Database database, std::uint32_t writer, std::uint32_t step) {
  const std::uint32_t n = step / 3;
  if (step % 3 == 0) {
    Object document = NewDocument(writer, n);
    const absl::StatusOr<DocumentId> id =
        co_await database.Insert("documents", std::move(document));
    co_return id.status();
  }
  if (step % 3 == 1) {
    Object change = {{"kind", KindOf(n, true)}};
    DocumentId id = IdOf(writer, n);
    co_return co_await database.Update("documents", std::move(id), std::move(change));
  }
  if (n < kLifetime) co_return absl::OkStatus();
  DocumentId id = IdOf(writer, n - kLifetime);
  AURORA_CO_ASSIGN(const bool deleted, co_await database.Delete("documents", std::move(id)));
  if (!deleted) co_return InternalError("a document is missing: ", IdOf(writer, n - kLifetime));
  // Writers meet flushes and compactions.
  if (n % 8 == 1) co_return co_await database.Flush();
  if (n % 32 == 3) co_return co_await database.Compact();
  co_return absl::OkStatus();
}

Task<absl::Status> WriteForEver(Database database, std::uint32_t writer, std::uint32_t step,
                                int pipe) {
  for (;; ++step) {
    AURORA_CO_RETURN_IF_ERROR(co_await DoStep(database, writer, step));
    const Report report{writer, step};
    if (::write(pipe, &report, sizeof(report)) != sizeof(report)) {
      co_return UnavailableError("the parent is gone");
    }
  }
}

Schema DocumentSchema() {
  return Schema()
      .String("sku", kUnique | kRequired)
      .Int64("writer", kIndexed)
      .String("kind", kIndexed)
      .Array("tags", Type::kString, kIndexed)
      .String("text");
}

struct Setting {
  FileBackend backend;
  Durability durability;
};

Task<absl::StatusOr<Database>> OpenDatabase(std::string path, Durability durability,
                                            std::shared_ptr<Environment> environment) {
  Options options;
  options.memory_bytes = 8u << 20;
  options.durability = durability;
  options.environment = std::move(environment);
  AURORA_CO_ASSIGN(Database database, co_await Database::Open(path, std::move(options)));
  AURORA_CO_RETURN_IF_ERROR(co_await database.CreateCollection("documents", DocumentSchema()));
  co_return database;
}

Task<absl::Status> RunWriters(std::string path, Durability durability,
                              std::shared_ptr<Environment> environment,
                              std::vector<std::uint32_t> steps, int pipe) {
  AURORA_CO_ASSIGN(const Database database,
                   co_await OpenDatabase(std::move(path), durability, environment));
  TaskGroup group;
  for (std::uint32_t writer = 0; writer < kWriters; ++writer) {
    group.Spawn(environment->background(), WriteForEver(database, writer, steps[writer], pipe));
  }
  co_return co_await group.Join();
}

// --- What must be there. ---

// The documents of a writer are those after `*step` steps, or after one more: `*step` becomes what
// it is.
absl::Status CheckWriter(std::uint32_t writer, const std::map<std::string, std::string>& found,
                         std::uint32_t* step) {
  if (found == DocumentsAfter(writer, *step)) return absl::OkStatus();
  if (found == DocumentsAfter(writer, *step + 1)) {
    ++*step;
    return absl::OkStatus();
  }
  std::string text;
  for (const auto& [id, kind] : found) StrAppend(&text, " ", id, "=", kind);
  return InternalError("writer ", writer, " had ", *step, " steps acknowledged; found:", text);
}

Task<absl::Status> CheckIndices(Database database, std::vector<Document> documents) {
  std::map<std::string, std::uint64_t> kinds;
  for (const Document& document : documents) {
    ++kinds[std::string(document.Get("kind").AsString())];
    const std::string sku(document.Get("sku").AsString());
    Query by_sku = database.Query("documents");
    by_sku.Where(Field("sku") == sku);
    AURORA_CO_ASSIGN(const std::optional<Document> same, co_await by_sku.First());
    AURORA_CO_ASSIGN(const std::optional<Document> by_id,
                     co_await database.Get("documents", DocumentId(sku)));
    if (!same.has_value() || !by_id.has_value() || same->bytes() != document.bytes() ||
        by_id->bytes() != document.bytes()) {
      co_return InternalError("document ", sku, " is not found by its sku or id as by a scan");
    }
    const Object written = document.ToObject();
    const std::size_t n = std::stoul(sku.substr(sku.find('-') + 1));
    if (written.Find("text")->AsString() != std::string(n * 131 % 5000, 'x')) {
      co_return InternalError("document ", sku, " has another text than was written");
    }
  }
  for (std::uint32_t kind = 0; kind < kKinds; ++kind) {
    const std::string name = StrCat("kind", kind);
    Query by_kind = database.Query("documents");
    by_kind.Where(Field("kind") == name);
    AURORA_CO_ASSIGN(const std::uint64_t count, co_await by_kind.Count());
    if (count != kinds[name]) {
      co_return InternalError("the index counts ", count, " documents of ", name, ", a scan finds ",
                              kinds[name]);
    }
  }
  Query tagged = database.Query("documents");
  tagged.Where(Field("tags").Any("all"));
  AURORA_CO_ASSIGN(const std::uint64_t count, co_await tagged.Count());
  if (count != documents.size()) co_return InternalError("the index of tags counts ", count);
  co_return absl::OkStatus();
}

Task<absl::Status> Verify(Database database, std::vector<std::uint32_t>* steps) {
  AURORA_CO_ASSIGN(const std::vector<Document> documents,
                   co_await database.Query("documents").Collect());
  std::vector<std::map<std::string, std::string>> found(kWriters);
  for (const Document& document : documents) {
    const auto writer = static_cast<std::size_t>(document.Get("writer").AsInt64());
    found[writer][std::string(document.Get("_id").AsString())] = document.Get("kind").AsString();
  }
  for (std::uint32_t writer = 0; writer < kWriters; ++writer) {
    AURORA_CO_RETURN_IF_ERROR(CheckWriter(writer, found[writer], &(*steps)[writer]));
  }
  co_return co_await CheckIndices(database, documents);
}

Task<absl::Status> OpenAndVerify(std::string path, Durability durability,
                                 std::shared_ptr<Environment> environment,
                                 std::vector<std::uint32_t>* steps) {
  AURORA_CO_ASSIGN(Database database,
                   co_await OpenDatabase(std::move(path), durability, std::move(environment)));
  const absl::Status verified = co_await Verify(database, steps);
  const absl::Status closed = co_await database.Close();
  AURORA_CO_RETURN_IF_ERROR(verified);
  co_return closed;
}

// --- Killing. ---

void SleepMicros(std::uint64_t micros) {
  std::this_thread::sleep_for(std::chrono::microseconds(micros));
}

class KillTest : public testing::TestWithParam<Setting> {
 protected:
  absl::StatusOr<std::shared_ptr<Environment>> MakeEnvironment() {
    SystemEnvironmentOptions options;
    options.file_backend = GetParam().backend;
    options.background_threads = 2;
    return MakeSystemEnvironment(options);
  }

  // Lets a child write until it has reported `reports` steps, and then for `micros`; kills it, and
  // takes in what else it has reported.
  void WriteAndKill(int reports, std::uint64_t micros) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    {
      ForkedChild child([&](ForkedChild&) {
        ::close(pipe[0]);
        absl::StatusOr<std::shared_ptr<Environment>> environment = MakeEnvironment();
        absl::Status status = environment.status();
        if (status.ok()) {
          status = BlockOn(RunWriters(path_, GetParam().durability, *environment, steps_, pipe[1]));
        }
        std::fprintf(stderr, "a writer ended: %s\n", status.ToString().c_str());
        const Report failure{kFailure, 0};
        EXPECT_EQ(::write(pipe[1], &failure, sizeof(failure)), ssize_t{sizeof(failure)});
        ::_exit(1);
      });
      ::close(pipe[1]);
      while (reports > 0 && TakeReport(pipe[0])) --reports;
      SleepMicros(micros);
      child.Kill();
    }
    while (TakeReport(pipe[0])) continue;
    ::close(pipe[0]);
  }

  // Waits for a report. False if there is none, since the child is gone or has failed.
  bool TakeReport(int pipe) {
    Report report;
    if (::read(pipe, &report, sizeof(report)) != ssize_t{sizeof(report)}) return false;
    Take(report);
    return !HasFatalFailure();
  }
  void Take(const Report& report) {
    ASSERT_NE(report.writer, kFailure);
    ASSERT_EQ(report.step, steps_[report.writer]);
    ++steps_[report.writer];
    ++acknowledged_;
  }

  // Lets a child begin to recover, and kills it.
  void RecoverAndKill(std::uint64_t micros) {
    ForkedChild child([&](ForkedChild&) {
      absl::StatusOr<std::shared_ptr<Environment>> environment = MakeEnvironment();
      if (!environment.ok()) ::_exit(1);
      std::vector<std::uint32_t> steps = steps_;
      const absl::Status status =
          BlockOn(OpenAndVerify(path_, GetParam().durability, *environment, &steps));
      if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
      ::_exit(status.ok() ? 0 : 1);
    });
    SleepMicros(micros);
    child.Kill();
  }

  void Check() {
    absl::StatusOr<std::shared_ptr<Environment>> environment = MakeEnvironment();
    ASSERT_TRUE(environment.ok()) << environment.status();
    const absl::Status status =
        BlockOn(OpenAndVerify(path_, GetParam().durability, *environment, &steps_));
    ASSERT_TRUE(status.ok()) << status;
  }

  std::string path_;
  std::vector<std::uint32_t> steps_ = std::vector<std::uint32_t>(kWriters, 0);
  std::uint64_t acknowledged_ = 0;
};

TEST_P(KillTest, WhatWasAcknowledgedIsThereAndNothingInPart) {
  constexpr int kCycles = 75;
  if (GetParam().backend == FileBackend::kIoUring && !MakeEnvironment().ok()) {
    GTEST_SKIP() << "this machine has no io_uring";
  }
  SeededRandom random(TestSeed());
  path_ = testing::TempDir() + "/kill.XXXXXX";
  ASSERT_NE(::mkdtemp(path_.data()), nullptr);
  path_ += "/db";
  for (int cycle = 0; cycle < kCycles && !HasFatalFailure(); ++cycle) {
    // One in four while it opens the database, whatever the speed of the machine.
    if (random.Below(4) == 0) {
      WriteAndKill(0, random.Below(20'000));
    } else {
      WriteAndKill(1 + static_cast<int>(random.Below(12)), random.Below(3000));
    }
    if (!HasFatalFailure() && random.Below(3) == 0) RecoverAndKill(random.Below(6000));
    if (!HasFatalFailure()) Check();
  }
  std::printf("%llu steps acknowledged\n", static_cast<unsigned long long>(acknowledged_));
  EXPECT_GT(acknowledged_, 100u);
}

std::string NameOf(const testing::TestParamInfo<Setting>& info) {
  const bool ring = info.param.backend == FileBackend::kIoUring;
  const bool sync = info.param.durability == Durability::kSync;
  return StrCat(ring ? "IoUring" : "Threads", sync ? "Sync" : "Process");
}

INSTANTIATE_TEST_SUITE_P(All, KillTest,
                         testing::Values(Setting{FileBackend::kIoUring, Durability::kSync},
                                         Setting{FileBackend::kIoUring, Durability::kProcess},
                                         Setting{FileBackend::kThreads, Durability::kSync},
                                         Setting{FileBackend::kThreads, Durability::kProcess}),
                         NameOf);

}  // namespace
}  // namespace aurora
