// The same operations give the same answers, whatever the options and the machine.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/script_runner_testing.h"
#include "aurora/lsm/store_script_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "aurora/runtime/system_environment.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

TEST(StoreMetamorphicTest, TheSameAnswersWhateverTheOptions) {
  SeededRandom random(TestSeed());
  for (int round = 0; round < 12; ++round) {
    const absl::Status status = RunMetamorphic(random.Next64(), 250, 12);
    ASSERT_TRUE(status.ok()) << status;
  }
}

// --- Scripts that would have found a mistake of another store. ---

ScriptStep Step(ScriptStep::Kind kind) {
  ScriptStep step;
  step.kind = kind;
  return step;
}
ScriptStep Write(EntryKind kind, const std::string& key, const std::string& value = "",
                 KeyspaceId keyspace = 0) {
  ScriptStep step = Step(ScriptStep::Kind::kWrite);
  step.mutations.push_back({kind, keyspace, key, value});
  return step;
}
ScriptStep Get(const std::string& key, std::size_t at = 0) {
  ScriptStep step = Step(ScriptStep::Kind::kGet);
  step.key = key;
  step.at = at;
  return step;
}

void ExpectTheSameUnderAllOptions(const Script& script) {
  const std::uint64_t seed = TestSeed();
  for (std::uint64_t set = 0; set < 40; ++set) {
    const StoreOptions options = DrawStoreOptions(seed + set);
    const std::unique_ptr<ScriptMachine> machine = MakeSimulatedMachine(seed + set);
    const absl::Status status = RunScript(script, options, machine.get());
    ASSERT_TRUE(status.ok()) << status << " with " << Show(options) << "; seed " << seed + set;
  }
}

TEST(StoreScriptTest, ASnapshotOfTheEmptyStoreStaysEmpty) {
  using Kind = ScriptStep::Kind;
  ExpectTheSameUnderAllOptions(
      {Step(Kind::kTakeSnapshot), Write(EntryKind::kPut, "a", "1"), Step(Kind::kFlush),
       Write(EntryKind::kPut, "a", "2"), Step(Kind::kCompact), Get("a", 1), Get("a"),
       Write(EntryKind::kDelete, "a"), Step(Kind::kCompact), Get("a", 1), Get("a")});
}

TEST(StoreScriptTest, WhatWasDeletedStaysDeletedThroughEveryCompaction) {
  using Kind = ScriptStep::Kind;
  Script script;
  for (int round = 0; round < 3; ++round) {
    script.push_back(Write(EntryKind::kPut, "a", "1"));
    script.push_back(Write(EntryKind::kPut, "b", std::string(3000, 'b')));
    script.push_back(Step(Kind::kCompact));
    script.push_back(Step(Kind::kTakeSnapshot));
    script.push_back(Write(EntryKind::kDelete, "a"));
    script.push_back(Step(Kind::kFlush));
    script.push_back(Write(EntryKind::kPut, "c", std::string(3000, 'c')));
    script.push_back(Step(Kind::kFlush));
    script.push_back(Get("a"));
    script.push_back(Get("a", 1));
    script.push_back(Step(Kind::kDropSnapshot));
    script.push_back(Step(Kind::kCompact));
    script.push_back(Get("a"));
    script.push_back(Step(Kind::kCrash));
    script.push_back(Get("a"));
    script.push_back(Step(Kind::kScan));
  }
  ExpectTheSameUnderAllOptions(script);
}

TEST(StoreScriptTest, AnIteratorTurnsWhileTheStoreIsWrittenTo) {
  using Kind = ScriptStep::Kind;
  Script script;
  for (const std::string& key : {"a", "c", "e"}) script.push_back(Write(EntryKind::kPut, key, "1"));
  script.push_back(Step(Kind::kFlush));
  for (const std::string& key : {"b", "d"}) script.push_back(Write(EntryKind::kPut, key, "2"));
  script.push_back(Step(Kind::kOpenIterator));
  ScriptStep seek = Step(Kind::kSeek);
  seek.key = "c";
  for (const bool backward : {false, true}) {
    for (const bool turns : {true, false, true}) {
      seek.backward = backward;
      script.push_back(seek);
      script.push_back(Write(EntryKind::kPut, backward ? "bb" : "cc", "3"));
      script.push_back(Write(EntryKind::kDelete, turns ? "d" : "b"));
      ScriptStep move = Step(Kind::kMove);
      for (const bool direction : {turns, !turns, backward, !backward, turns}) {
        move.backward = direction;
        script.push_back(move);
      }
    }
  }
  ExpectTheSameUnderAllOptions(script);
}

TEST(StoreScriptTest, FlushedOperandsAreNotFoldedAgainAfterACrash) {
  using Kind = ScriptStep::Kind;
  Script script;
  for (int round = 0; round < 3; ++round) {
    script.push_back(Write(EntryKind::kMerge, "m", "x", kScriptMergedKeyspace));
    script.push_back(Step(Kind::kFlush));
    script.push_back(Write(EntryKind::kMerge, "m", "y", kScriptMergedKeyspace));
    script.push_back(Step(Kind::kCrash));
    ScriptStep get = Get("m");
    get.keyspace = kScriptMergedKeyspace;
    script.push_back(get);
  }
  ExpectTheSameUnderAllOptions(script);
}

// --- Real files. ---

class RealFilesTest : public testing::TestWithParam<SystemEnvironmentOptions::FileBackend> {};

TEST_P(RealFilesTest, TheSameAnswersWhateverTheOptions) {
  SystemEnvironmentOptions machine_options;
  machine_options.file_backend = GetParam();
  const absl::StatusOr<std::shared_ptr<Environment>> environment =
      MakeSystemEnvironment(machine_options);
  if (!environment.ok() && GetParam() == SystemEnvironmentOptions::FileBackend::kIoUring) {
    GTEST_SKIP() << "this machine has no io_uring: " << environment.status();
  }
  ASSERT_TRUE(environment.ok()) << environment.status();
  const std::uint64_t seed = TestSeed();
  const std::string root = testing::TempDir() + "metamorphic";
  for (std::uint64_t set = 0; set < 4; ++set) {
    std::filesystem::remove_all(root);
    std::filesystem::create_directory(root);
    const Script script = DrawScript(seed + set, 150);
    const StoreOptions options = DrawStoreOptions(seed + set);
    const std::unique_ptr<ScriptMachine> machine = MakeRealMachine(environment->get(), root);
    const absl::Status status = RunScript(script, options, machine.get());
    EXPECT_TRUE(status.ok()) << status << "\n"
                             << Show(script) << "with " << Show(options) << "; seed " << seed + set;
  }
  std::filesystem::remove_all(root);
}

INSTANTIATE_TEST_SUITE_P(Threads, RealFilesTest,
                         testing::Values(SystemEnvironmentOptions::FileBackend::kThreads));
INSTANTIATE_TEST_SUITE_P(IoUring, RealFilesTest,
                         testing::Values(SystemEnvironmentOptions::FileBackend::kIoUring));

bool Writes(const Script& script, const std::string& key) {
  return std::any_of(script.begin(), script.end(), [&key](const ScriptStep& step) {
    return std::any_of(
        step.mutations.begin(), step.mutations.end(), [&key](const ScriptMutation& each) {
          return each.key == key && each.kind == EntryKind::kPut && each.value.size() > 2;
        });
  });
}

TEST(StoreScriptTest, AScriptShrinksToWhatMakesItFail) {
  const auto fails = [](const Script& script) {
    const bool flushes = std::any_of(script.begin(), script.end(), [](const ScriptStep& step) {
      return step.kind == ScriptStep::Kind::kFlush;
    });
    return flushes && Writes(script, "k1") && Writes(script, "k2");
  };
  const std::uint64_t seed = TestSeed();
  const Script script = DrawScript(seed, 600);
  ASSERT_TRUE(fails(script)) << "seed " << seed;
  const Script shrunk = ShrinkScript(script, fails);
  EXPECT_TRUE(fails(shrunk));
  std::size_t mutations = 0;
  for (const ScriptStep& step : shrunk) {
    mutations += step.mutations.size();
    for (const ScriptMutation& each : step.mutations) EXPECT_EQ(each.value.size(), 3u);
  }
  EXPECT_EQ(mutations, 2u) << Show(shrunk);
  EXPECT_LE(shrunk.size(), 3u) << Show(shrunk);
}

}  // namespace
}  // namespace aurora::lsm
