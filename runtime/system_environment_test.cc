#include "aurora/runtime/system_environment.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/task.h"

namespace aurora {
namespace {

using Backend = SystemEnvironmentOptions::FileBackend;

std::shared_ptr<Environment> Make(Backend backend) {
  SystemEnvironmentOptions options;
  options.file_backend = backend;
  options.background_threads = 2;
  absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment(options);
  return environment.ok() ? *std::move(environment) : nullptr;
}

Task<absl::Status> RoundTrip(Environment* environment, Executor* where, std::string path) {
  Executor* const home = Executor::Current();
  if (where != nullptr) co_await SwitchTo(*where);
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  absl::Status status;
  {
    absl::StatusOr<std::unique_ptr<File>> file = co_await environment->files().Open(path, options);
    status = file.status();
    const std::string out = "some bytes";
    if (status.ok()) status = co_await (*file)->WriteDurably(0, out);
    std::string in(100, '\0');
    if (status.ok()) {
      absl::StatusOr<std::size_t> size = co_await (*file)->Read(0, in);
      status = size.status();
      if (status.ok()) {
        in.resize(*size);
        EXPECT_EQ(in, out);
      }
    }
  }
  if (status.ok()) status = co_await environment->Sleep(absl::Milliseconds(1));
  if (where != nullptr) {
    EXPECT_EQ(Executor::Current(), where);
    co_await SwitchTo(*home);
  }
  co_return status;
}

class SystemEnvironmentTest : public testing::TestWithParam<Backend> {};

TEST_P(SystemEnvironmentTest, FilesAndTimersServeCoroutinesOnEveryExecutor) {
  const std::shared_ptr<Environment> environment = Make(GetParam());
  if (environment == nullptr) GTEST_SKIP() << "io_uring is not to be had here";
  const std::string path = testing::TempDir() + "/system_environment_test";
  for (Executor* where :
       {static_cast<Executor*>(nullptr), &environment->background(), &environment->io()}) {
    const absl::Status status = BlockOn(RoundTrip(environment.get(), where, path));
    EXPECT_TRUE(status.ok()) << status;
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, SystemEnvironmentTest,
                         testing::Values(Backend::kBest, Backend::kIoUring, Backend::kThreads));

TEST(SystemEnvironmentOptionsTest, TellsWhichKindOfFilesItHas) {
  EXPECT_EQ(Make(Backend::kThreads)->files().name(), "threads");
  if (const auto environment = Make(Backend::kIoUring)) {
    EXPECT_EQ(environment->files().name(), "io_uring");
    EXPECT_EQ(Make(Backend::kBest)->files().name(), "io_uring");
  }
}

Task<absl::Status> SleepFor(Environment* environment, absl::Duration duration,
                            std::stop_token stop) {
  const std::int64_t before = environment->clock().MonotonicNanos();
  absl::Status status = co_await environment->Sleep(duration, stop);
  if (status.ok()) {
    EXPECT_GE(environment->clock().MonotonicNanos() - before, absl::ToInt64Nanoseconds(duration));
  }
  co_return status;
}

TEST(SystemEnvironmentOptionsTest, SleepsAsLongAsAskedOrUntilStopped) {
  const std::shared_ptr<Environment> environment = Make(Backend::kThreads);
  EXPECT_TRUE(BlockOn(SleepFor(environment.get(), absl::Milliseconds(2), {})).ok());
  EXPECT_TRUE(BlockOn(SleepFor(environment.get(), -absl::Seconds(1), {})).ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(absl::IsCancelled(
      BlockOn(SleepFor(environment.get(), absl::InfiniteDuration(), stop.get_token()))));
}

Task<int> NicenessOn(Executor* where) {
  Executor* const home = Executor::Current();
  co_await SwitchTo(*where);
  const int niceness = ::getpriority(PRIO_PROCESS, 0);
  co_await SwitchTo(*home);
  co_return niceness;
}

TEST(SystemEnvironmentTest, BackgroundWorkComesAfterThoseWhoUseTheDatabase) {
  const int own = ::getpriority(PRIO_PROCESS, 0);
  for (const int niceness : {0, 10}) {
    SystemEnvironmentOptions options;
    options.background_niceness = niceness;
    const absl::StatusOr<std::shared_ptr<Environment>> environment = MakeSystemEnvironment(options);
    ASSERT_TRUE(environment.ok()) << environment.status();
    EXPECT_EQ(BlockOn(NicenessOn(&(*environment)->background())), std::min(own + niceness, 19));
    EXPECT_EQ(BlockOn(NicenessOn(&(*environment)->io())), own);
  }
}

TEST(SystemEnvironmentTest, ANicenessThatIsNoneIsRefused) {
  for (const int niceness : {-1, 20}) {
    SystemEnvironmentOptions options;
    options.background_niceness = niceness;
    EXPECT_TRUE(absl::IsInvalidArgument(MakeSystemEnvironment(options).status()));
  }
}

TEST(SystemEnvironmentOptionsTest, RefusesANegativeNumberOfThreads) {
  SystemEnvironmentOptions options;
  options.background_threads = -1;
  const absl::Status status = MakeSystemEnvironment(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(ToStd(status.message()).find("background_threads"), std::string_view::npos);
}

}  // namespace
}  // namespace aurora
