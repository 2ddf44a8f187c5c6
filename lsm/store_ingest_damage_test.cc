// What is not the table that was written is not ingested.
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/directory_survey.h"
#include "aurora/lsm/file_name.h"
#include "aurora/lsm/ingesting_store_testing.h"
#include "aurora/lsm/key.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_ingest_testing.h"
#include "aurora/lsm/table_builder.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/operation.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

class StoreIngestDamageTest : public IngestingStoreTest {
 protected:
  StoreIngestDamageTest() {
    Put(Key(1), "old");
    table_ = Table(0, 300, "new");
    EXPECT_EQ(TableFiles(), 1);
    name_ = FilesLike(".table").front();
    path_ = JoinPath("/db", name_);
    whole_ = Contents();
  }
  ~StoreIngestDamageTest() override { table_ = nullptr; }

  std::string Contents() {
    auto file = simulation_.Run(simulation_.environment().files().Open(path_, {}));
    EXPECT_TRUE(file.ok());
    std::string bytes(*simulation_.Run((*file)->Size()), '\0');
    EXPECT_TRUE(simulation_.Run((*file)->Read(0, bytes)).ok());
    return bytes;
  }
  void Replace(std::string_view bytes) {
    EXPECT_TRUE(simulation_.Run(simulation_.environment().files().Remove(path_)).ok());
    OpenOptions open;
    open.mode = OpenMode::kCreateNew;
    auto file = simulation_.Run(simulation_.environment().files().Open(path_, open));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_TRUE(simulation_.Run((*file)->Write(0, bytes)).ok());
  }
  // The bytes of a table of the same name that holds `entries`.
  std::string Build(const std::vector<std::pair<EntryKey, std::string>>& entries) {
    const auto survey = simulation_.Run(SurveyDirectory(&simulation_.environment().files(), "/db"));
    EXPECT_TRUE(survey.ok());
    EXPECT_TRUE(simulation_.Run(simulation_.environment().files().Remove(path_)).ok());
    OpenOptions open;
    open.mode = OpenMode::kCreateNew;
    MemoryBudget memory(SIZE_MAX);
    TableBuilderOptions options;
    options.identity = survey->TableIdentityOf(ParseFileName(name_).number);
    options.memory = &memory;
    {
      auto file = simulation_.Run(simulation_.environment().files().Open(path_, open));
      EXPECT_TRUE(file.ok());
      TableBuilder builder(*std::move(file), options);
      for (const auto& [key, value] : entries) {
        EXPECT_TRUE(simulation_.Run(builder.Add(key, value)).ok());
      }
      EXPECT_TRUE(simulation_.Run(builder.Finish()).ok());
    }
    return Contents();
  }
  absl::Status Try() {
    Tables tables;
    tables.push_back(std::move(table_));
    absl::Status status = simulation_.Run(store_->Ingest(tables)).status();
    table_ = std::move(tables.front());
    return status;
  }
  // Refused for what it is, and as if it had never been tried.
  void ExpectRefused(std::string_view bytes, const std::string& what) {
    Replace(bytes);
    const Sequence published = store().published();
    const absl::Status refused = Try();
    EXPECT_TRUE(absl::IsDataLoss(refused)) << what << ": " << refused;
    EXPECT_NE(ToStd(refused.message()).find(path_), std::string_view::npos) << refused;
    EXPECT_EQ(store().published(), published);
    EXPECT_EQ(Count(), 1) << what;
    EXPECT_TRUE(store().status().ok()) << what;
  }

  std::unique_ptr<TableFile> table_;
  std::string name_;
  std::string path_;
  std::string whole_;
};

TEST_F(StoreIngestDamageTest, EveryByteIsRead) {
  for (std::size_t at = 0; at < whole_.size(); at += 61) {
    std::string damaged = whole_;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    ExpectRefused(damaged, StrCat("byte ", at));
  }
  ExpectRefused(whole_.substr(0, whole_.size() - 1), "shorter");
  ExpectRefused(whole_ + "x", "longer");
  ExpectRefused("", "empty");
  Replace(whole_);
  EXPECT_TRUE(Try().ok());
  EXPECT_EQ(Count(), 300);
}

TEST_F(StoreIngestDamageTest, AMissingFileIsNamed) {
  EXPECT_TRUE(simulation_.Run(simulation_.environment().files().Remove(path_)).ok());
  const absl::Status refused = Try();
  EXPECT_TRUE(absl::IsNotFound(refused)) << refused;
  EXPECT_NE(ToStd(refused.message()).find(path_), std::string_view::npos) << refused;
  EXPECT_EQ(Count(), 1);
  EXPECT_TRUE(store().status().ok());
}

// Whole tables, with the right checksums.
TEST_F(StoreIngestDamageTest, AnotherTableIsNotTaken) {
  const Version zero(0, EntryKind::kPut);
  const std::string in0 = MakeStoredKey(0, "a");
  const std::string in1 = MakeStoredKey(1, "a");
  ExpectRefused(Build({{{in0, zero}, "other"}}), "other entries");
  ExpectRefused(Build({{{in1, zero}, "new"}}), "another keyspace");
  std::vector<std::string> keys;
  for (int i = 0; i < 300; ++i) keys.push_back(MakeStoredKey(0, Key(i)));
  std::vector<std::pair<EntryKey, std::string>> entries;
  for (const std::string& key : keys)
    entries.push_back({{key, Version(9, EntryKind::kPut)}, "new"});
  ExpectRefused(Build(entries), "sequences of its own");
  for (auto& [key, value] : entries) key.version = Version(0, EntryKind::kDelete);
  for (auto& [key, value] : entries) value.clear();
  ExpectRefused(Build(entries), "deletes");
}

TEST_F(StoreIngestDamageTest, ANewerFormatIsNotTaken) {
  std::string newer = whole_;
  char* const footer = newer.data() + newer.size() - 128;
  StoreFixed<std::uint32_t>(footer + 8, kFormatVersion + 1);
  StoreFixed<std::uint64_t>(footer + 120, HashBytes(std::string_view(footer, 120)));
  ExpectRefused(newer, "a newer format");
}

TEST_F(StoreIngestDamageTest, ReadErrorsChangeNothing) {
  FaultRule rule;
  rule.fault = Fault::Error(EIO);
  rule.kinds = {OperationKind::kRead};
  rule.path = path_;
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  EXPECT_FALSE(Try().ok());
  simulation_.faults().Clear();
  EXPECT_EQ(Count(), 1);
  EXPECT_TRUE(store().status().ok());
  EXPECT_TRUE(Try().ok());
  EXPECT_EQ(Count(), 300);
}

TEST(StoreIngestBitsTest, NoBitIsTakenForAnother) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t i = 0; i < 50; ++i) {
    const absl::Status status = TryDamagedIngestion(seed + i);
    EXPECT_TRUE(status.ok()) << status << " seed " << seed + i;
  }
}

}  // namespace
}  // namespace aurora::lsm
