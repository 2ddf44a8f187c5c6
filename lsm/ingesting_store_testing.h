// A store in the simulator, and tables to ingest into it: for tests of ingestion.
#pragma once

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {

class IngestingStoreTest : public testing::Test {
 public:
  using Tables = std::vector<std::unique_ptr<TableFile>>;

  static std::string Key(int number) { return StrCat("key", 1000 + number); }

 protected:
  IngestingStoreTest() : options_(SmallStoreOptions("/db", Durability::kProcess)) { Open(); }
  ~IngestingStoreTest() override {
    if (store_ != nullptr) Close();
  }
  void Open() {
    absl::StatusOr<std::unique_ptr<KvStore>> store =
        simulation_.Run(KvStore::Open(simulation_.environment(), options_));
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Close() {
    const absl::Status closed = simulation_.Run(store_->Close());
    EXPECT_TRUE(closed.ok()) << closed;
    store_ = nullptr;
  }
  void Kill(const CrashMode& mode = CrashMode::Process()) {
    simulation_.CrashMachine(mode);
    EXPECT_FALSE(simulation_.Run(store_->Close()).ok());
    store_ = nullptr;
    ASSERT_TRUE(simulation_.RunUntilIdle());
    ASSERT_TRUE(simulation_.Restart().ok());
  }
  Store& store() { return store_->store(); }
  void Put(std::string_view key, std::string_view value) {
    EXPECT_TRUE(simulation_.Run(store_->Put(key, value)).ok());
  }
  // Keys `from` to `to` - 1, every `step`-th.
  std::unique_ptr<TableFile> Table(int from, int to, std::string_view value, int step = 1,
                                   KeyspaceId keyspace = 0) {
    absl::StatusOr<std::unique_ptr<TableFile>> table = simulation_.Run(store().NewTable(keyspace));
    EXPECT_TRUE(table.ok()) << table.status();
    for (int i = from; i < to; i += step) {
      EXPECT_TRUE(simulation_.Run((*table)->Add(Key(i), value)).ok());
    }
    const absl::Status finished = simulation_.Run((*table)->Finish());
    EXPECT_TRUE(finished.ok()) << finished;
    return *std::move(table);
  }
  // The same, in place of what is in the range of keys `from` to `to` - 1.
  std::unique_ptr<TableFile> Replacement(int from, int to, std::string_view value, int step) {
    absl::StatusOr<std::unique_ptr<TableFile>> table = simulation_.Run(store().NewTable(0));
    EXPECT_TRUE(table.ok()) << table.status();
    for (int i = from + 1; i < to && step > 0; i += step) {
      EXPECT_TRUE(simulation_.Run((*table)->Add(Key(i), value)).ok());
    }
    (*table)->ReplaceRange(Key(from), Key(to));
    const absl::Status finished = simulation_.Run((*table)->Finish());
    EXPECT_TRUE(finished.ok()) << finished;
    return *std::move(table);
  }
  absl::Status Ingest(std::unique_ptr<TableFile> table) {
    Tables tables;
    tables.push_back(std::move(table));
    return simulation_.Run(store_->Ingest(tables)).status();
  }
  std::string Get(std::string_view key, Sequence at = kMaxSequence) {
    const auto got = simulation_.Run(store_->Get(key, at));
    EXPECT_TRUE(got.ok()) << got.status();
    return got.ok() && got->has_value() ? std::string((*got)->view()) : "(none)";
  }
  int Count(Sequence at = kMaxSequence) {
    IterateOptions options;
    options.at = at;
    const std::unique_ptr<Iterator> it = store().NewIterator(0, options);
    EXPECT_TRUE(simulation_.Run(it->SeekToFirst()).ok());
    int count = 0;
    for (; it->Valid(); ++count) EXPECT_TRUE(simulation_.Run(it->Next()).ok());
    return count;
  }
  std::vector<std::string> FilesLike(std::string_view ending) {
    std::vector<std::string> names;
    const auto entries = simulation_.Run(simulation_.environment().files().List("/db"));
    for (const DirectoryEntry& entry : *entries) {
      if (entry.name.ends_with(ending)) names.push_back(entry.name);
    }
    return names;
  }
  int TableFiles() { return static_cast<int>(FilesLike(".table").size()); }
  // From here on the manifest takes nothing.
  void FailManifest(int error = EIO) {
    FaultRule rule;
    rule.fault = Fault::Error(error);
    rule.kinds = {OperationKind::kWriteDurably, OperationKind::kWrite, OperationKind::kSync};
    rule.path = "*MANIFEST*";
    rule.count = FaultRule::kForEver;
    simulation_.faults().Add(rule);
  }
  void ExpectVerified() {
    const absl::StatusOr<VerifyReport> report =
        simulation_.Run(VerifyStore(&simulation_.environment(), "/db", {}));
    ASSERT_TRUE(report.ok()) << report.status();
    for (const Finding& finding : report->findings) {
      EXPECT_EQ(finding.kind, Finding::Kind::kNote) << finding.file << ": " << finding.what;
    }
  }

  Simulation simulation_{1};
  StoreOptions options_;
  std::unique_ptr<KvStore> store_;
};

}  // namespace aurora::lsm
