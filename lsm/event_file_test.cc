#include "aurora/lsm/event_file.h"

#include <cerrno>
#include <string>

#include "absl/time/time.h"
#include "aurora/runtime/logger.h"
#include "aurora/runtime/simulation/fault_plan.h"
#include "aurora/runtime/simulation/simulation.h"
#include "aurora/runtime/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class EventFileTest : public testing::Test {
 protected:
  std::string Text(const std::string& path) {
    return simulation_.disk().image().ReadFile(path).value_or("");
  }
  void Append(std::string_view lines) { simulation_.Run(file_.Append(lines)); }

  Simulation simulation_{1};
  EventFile file_{&simulation_.environment().files(), ""};
};

TEST_F(EventFileTest, ItIsContinued) {
  Append("one\n");
  simulation_.Run(file_.Close());
  Append("two\n");
  EventFile another(&simulation_.environment().files(), "");
  simulation_.Run(another.Append("three\n"));
  EXPECT_EQ(Text("/LOG"), "one\ntwo\nthree\n");
  simulation_.Run(another.Close());
  simulation_.Run(file_.Close());
}

TEST_F(EventFileTest, TheFileIsBounded) {
  const std::string line(100'000, 'x');
  for (int i = 0; i < 30; ++i) Append(StrCat(i, " ", line, "\n"));
  simulation_.Run(file_.Close());
  const std::string now = Text("/LOG");
  const std::string before = Text("/LOG.old");
  EXPECT_LE(now.size(), EventFile::kFileBytesMax + line.size() + 10);
  EXPECT_LE(before.size(), EventFile::kFileBytesMax + line.size() + 10);
  EXPECT_THAT(now, HasSubstr("29 x")) << "the newest is there";
  EXPECT_EQ(now.find("10 x"), std::string::npos);
  EXPECT_GT(before.size(), EventFile::kFileBytesMax / 2);
}

TEST_F(EventFileTest, WhatCannotBeWrittenIsGivenUpAndTheRestGoesOn) {
  Append("one\n");
  FaultRule rule;
  rule.fault = Fault::Error(ENOSPC);
  rule.path = "*LOG";
  rule.count = FaultRule::kForEver;
  simulation_.faults().Add(rule);
  Append("two\n");
  Append("three\n");
  simulation_.faults().Clear();
  Append("four\n");
  // A write that failed may have been done in part, or whole.
  EXPECT_THAT(Text("/LOG"), AllOf(StartsWith("one\n"), EndsWith("four\n")));
  simulation_.Run(file_.Close());
}

TEST(EventLineTest, AnEventIsALine) {
  std::string lines;
  AppendEventLine(absl::UnixEpoch(), LogSeverity::kWarning, "one\ntwo", &lines);
  EXPECT_EQ(lines, "1970-01-01T00:00:00.000Z warning one two\n");
}

}  // namespace
}  // namespace aurora::lsm
