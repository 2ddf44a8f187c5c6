#include "aurora/lsm/log_survey.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/lsm/kv_store.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/lsm/store_model_testing.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/simulation/disk_image.h"
#include "aurora/runtime/simulation/simulation.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr char kDirectory[] = "/db/log";
constexpr int kCommits = 100;  // in several segments; commit n has sequence n

// Where the record of each commit is.
struct RecordPlace {
  std::uint32_t segment = 0;
  FileRange where;
};

class LogSurveyTest : public testing::TestWithParam<Durability> {
 protected:
  void SetUp() override {
    Simulation simulation(1);
    StoreOptions options = SmallStoreOptions("/db", GetParam());
    options.memtable_bytes = 4u << 20;  // nothing is flushed
    auto store = simulation.Run(KvStore::Open(simulation.environment(), std::move(options)));
    ASSERT_TRUE(store.ok()) << store.status();
    for (int i = 1; i <= kCommits; ++i) {
      ASSERT_TRUE(simulation.Run((*store)->Put(std::to_string(i), std::string(3000, 'v'))).ok());
    }
    ASSERT_TRUE(simulation.Run((*store)->store().WaitIdle()).ok());
    // As a killed process leaves it: a close would flush.
    simulation.CrashProcess();
    EXPECT_FALSE(simulation.Run((*store)->Close()).ok());
    simulation.RunUntilIdle();
    store->reset();
    image_ = simulation.disk().image();
    FindRecords();
    ASSERT_EQ(places_.size(), static_cast<std::size_t>(kCommits));
    ASSERT_GE(places_.rbegin()->second.segment, places_.begin()->second.segment + 2);
  }

  struct Surveyed {
    LogSurvey survey;
    std::vector<Sequence> records;
  };
  Surveyed Survey(const DiskImage& image) {
    SimulationOptions machine;
    machine.image = image;
    Simulation simulation(1, std::move(machine));
    Surveyed surveyed;
    LogSurveyOptions options;
    options.directory = kDirectory;
    LogRecordCallback replay = [&surveyed](const LogRecord& record) {
      surveyed.records.push_back(record.sequence);
      return absl::OkStatus();
    };
    auto survey =
        simulation.Run(SurveyLog(&simulation.environment().files(), std::move(options), &replay));
    EXPECT_TRUE(survey.ok()) << survey.status();
    surveyed.survey = *std::move(survey);
    return surveyed;
  }

  void FindRecords() {
    SimulationOptions machine;
    machine.image = image_;
    Simulation simulation(1, std::move(machine));
    FileSystem& files = simulation.environment().files();
    for (const LogSurvey::Segment& segment : Survey(image_).survey.segments) {
      if (segment.role != LogSurvey::Segment::Role::kLog) continue;
      auto walk = simulation.Run(
          SegmentSurvey::Open(&files, SegmentPath(kDirectory, segment.number), segment.number, {}));
      ASSERT_TRUE(walk.ok()) << walk.status();
      while ((*walk)->Next(segment.limit)) {
        const SegmentSurvey::Item& item = (*walk)->item();
        if (item.frame.header.kind != FrameKind::kRecord) continue;
        places_[item.frame.header.sequence] = {segment.number, item.where};
      }
    }
  }

  // The bytes of the record, its header included, become zeros.
  void Erase(DiskImage* image, Sequence record) const {
    const RecordPlace& place = places_.at(record);
    const std::string zeros(place.where.bytes, '\0');
    ASSERT_TRUE(
        image->Patch(SegmentPath(kDirectory, place.segment), place.where.offset, zeros).ok());
  }
  Sequence FirstOf(std::uint32_t segment) const {
    return std::find_if(places_.begin(), places_.end(),
                        [segment](const auto& each) { return each.second.segment == segment; })
        ->first;
  }
  static std::set<Sequence> Range(Sequence first, Sequence last) {
    std::set<Sequence> sequences;
    for (Sequence s = first; s <= last; ++s) sequences.insert(s);
    return sequences;
  }
  // All commits that are told to be lost.
  static std::set<Sequence> Lost(const LogSurvey& survey) {
    std::set<Sequence> sequences;
    for (const LostCommits& lost : survey.lost) {
      EXPECT_TRUE(lost.before.has_value());
      sequences.merge(Range(lost.after + 1, lost.before.value_or(0) - 1));
    }
    return sequences;
  }
  static std::vector<Sequence> AllBut(Sequence from, Sequence to) {
    std::vector<Sequence> sequences;
    for (Sequence s = 1; s <= kCommits; ++s) {
      if (s < from || s > to) sequences.push_back(s);
    }
    return sequences;
  }

  DiskImage image_;
  std::map<Sequence, RecordPlace> places_;
};

TEST_P(LogSurveyTest, OfAWholeLogNothingIsLost) {
  const Surveyed surveyed = Survey(image_);
  EXPECT_EQ(surveyed.records, AllBut(0, 0));
  EXPECT_TRUE(surveyed.survey.lost.empty());
  EXPECT_EQ(surveyed.survey.first_sequence, 1u);
  EXPECT_EQ(surveyed.survey.last_sequence, static_cast<Sequence>(kCommits));
  EXPECT_FALSE(surveyed.survey.clean_close);
}

TEST_P(LogSurveyTest, AGapIsBoundedByTheRecordsAroundIt) {
  for (const Sequence first : {Sequence{2}, Sequence{40}, Sequence{kCommits - 3}}) {
    for (const Sequence count : {1, 2}) {
      DiskImage image = image_;
      const Sequence last = first + count - 1;
      for (Sequence s = first; s <= last; ++s) Erase(&image, s);
      const Surveyed surveyed = Survey(image);
      EXPECT_EQ(surveyed.records, AllBut(first, last));
      EXPECT_EQ(Lost(surveyed.survey), Range(first, last));
    }
  }
}

TEST_P(LogSurveyTest, ADamagedPayloadLosesThatRecordAlone) {
  DiskImage image = image_;
  const RecordPlace& place = places_.at(50);
  const std::uint64_t offset = place.where.offset + kFrameHeaderBytes + 100;
  ASSERT_TRUE(image.FlipBit(SegmentPath(kDirectory, place.segment), offset, 5).ok());
  const Surveyed surveyed = Survey(image);
  EXPECT_EQ(surveyed.records, AllBut(50, 50));
  ASSERT_EQ(surveyed.survey.lost.size(), 1u);
  EXPECT_EQ(surveyed.survey.lost[0].after, 49u);
  EXPECT_EQ(surveyed.survey.lost[0].before.value_or(0), 51u);
  EXPECT_LE(surveyed.survey.lost[0].where.offset, place.where.offset);
  EXPECT_GE(surveyed.survey.lost[0].where.end(), place.where.end());
}

TEST_P(LogSurveyTest, AMissingSegmentIsBoundedByItsNeighbours) {
  const std::uint32_t number = places_.begin()->second.segment + 1;
  DiskImage image = image_;
  ASSERT_TRUE(image.RemoveFile(SegmentPath(kDirectory, number)).ok());
  LogSurveyOptions options;
  options.directory = kDirectory;
  options.first_segment = places_.begin()->second.segment;
  SimulationOptions machine;
  machine.image = image;
  Simulation simulation(1, std::move(machine));
  const auto survey =
      simulation.Run(SurveyLog(&simulation.environment().files(), std::move(options), nullptr));
  ASSERT_TRUE(survey.ok()) << survey.status();
  EXPECT_EQ(Lost(*survey), Range(FirstOf(number), FirstOf(number + 1) - 1));
}

TEST_P(LogSurveyTest, ALostSegmentHeaderLosesNoRecord) {
  const std::uint32_t number = places_.begin()->second.segment + 1;
  DiskImage image = image_;
  ASSERT_TRUE(image.FlipBit(SegmentPath(kDirectory, number), 30, 1).ok());
  const Surveyed surveyed = Survey(image);
  EXPECT_EQ(surveyed.records, AllBut(0, 0));
  EXPECT_FALSE(surveyed.survey.lost.empty());
}

TEST_P(LogSurveyTest, ATornTailIsToldAndHasNoEnd) {
  DiskImage image = image_;
  const RecordPlace& place = places_.at(kCommits);
  const std::uint64_t offset = place.where.offset + kFrameHeaderBytes + 100;
  ASSERT_TRUE(image.FlipBit(SegmentPath(kDirectory, place.segment), offset, 5).ok());
  const Surveyed surveyed = Survey(image);
  EXPECT_EQ(surveyed.records, AllBut(kCommits, kCommits));
  ASSERT_EQ(surveyed.survey.lost.size(), 1u);
  EXPECT_EQ(surveyed.survey.lost[0].after, static_cast<Sequence>(kCommits - 1));
  EXPECT_FALSE(surveyed.survey.lost[0].before.has_value());
}

INSTANTIATE_TEST_SUITE_P(Durabilities, LogSurveyTest,
                         testing::Values(Durability::kSync, Durability::kProcess));

}  // namespace
}  // namespace aurora::lsm
