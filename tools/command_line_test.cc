#include "aurora/tools/command_line.h"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace aurora::tools {
namespace {

using testing::HasSubstr;

struct Result {
  ExitCode code;
  std::string out;
  std::string err;
};

// A program with two commands: `greet NAME` prints to its result, `fail` fails.
Result RunProgram(const std::vector<std::string_view>& arguments) {
  CommandLine line("program", "1.2.3", "Does things.");
  auto name = std::make_shared<std::string>();
  line.Add("greet", "Greets",
           [name](Streams streams) {
             streams.out << "hello " << *name;
             return ExitCode::kOk;
           })
      .add_option("name", *name, "Whom")
      ->required();
  line.Add("fail", "Fails", [](Streams streams) {
    streams.err << "no luck";
    return ExitCode::kFailed;
  });
  std::ostringstream out;
  std::ostringstream err;
  const ExitCode code = line.Run(arguments, {out, err});
  return {code, out.str(), err.str()};
}

TEST(CommandLineTest, VersionIsAResult) {
  const Result result = RunProgram({"--version"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "program 1.2.3\n");
  EXPECT_EQ(result.err, "");
}

TEST(CommandLineTest, HelpNamesEveryCommand) {
  const Result result = RunProgram({"--help"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_THAT(result.out, HasSubstr("greet"));
  EXPECT_THAT(result.out, HasSubstr("fail"));
}

TEST(CommandLineTest, RunsTheChosenCommandWithItsOptions) {
  const Result result = RunProgram({"greet", "Ada"});
  EXPECT_EQ(result.code, ExitCode::kOk);
  EXPECT_EQ(result.out, "hello Ada");
}

TEST(CommandLineTest, PassesOnThatACommandFailed) {
  const Result result = RunProgram({"fail"});
  EXPECT_EQ(result.code, ExitCode::kFailed);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "no luck");
}

TEST(CommandLineTest, AnUnknownCommandIsNamed) {
  EXPECT_THAT(RunProgram({"sing", "x"}).err, HasSubstr("no command \"sing\""));
}

TEST(CommandLineTest, TheHelpHasTheExitCodes) {
  EXPECT_THAT(RunProgram({"--help"}).out, HasSubstr(kExitCodeHelp));
}

TEST(CommandLineTest, ACommandLineThatMakesNoSenseRunsNothing) {
  const std::vector<std::vector<std::string_view>> senseless = {
      {}, {"greet"}, {"sing"}, {"greet", "Ada", "Bob"}, {"greet", "Ada", "--loud"}};
  for (const auto& arguments : senseless) {
    const Result result = RunProgram(arguments);
    EXPECT_EQ(result.code, ExitCode::kUsage);
    EXPECT_EQ(result.out, "");
    EXPECT_NE(result.err, "");
  }
}

}  // namespace
}  // namespace aurora::tools
