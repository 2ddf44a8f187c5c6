// Makes the golden directory of the format version that this code writes: to be run, and its output
// committed, when the version is raised.
//
//   bazel run //tests/formats:make_golden
//   bazel run //tests/formats:make_golden -- --replace    before 1.0: the version stays, the format
//                                                         has changed all the same
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "CLI/CLI.hpp"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/strings.h"
#include "aurora/tests/formats/golden_testing.h"

int main(int argc, char** argv) {
  bool replace = false;
  CLI::App app("Writes tests/formats/golden/<format version>.");
  app.add_flag("--replace", replace, "Replace the directory that is there");
  CLI11_PARSE(app, argc, argv);
  const char* const workspace = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  if (workspace == nullptr) {
    std::fprintf(stderr, "run it with: bazel run //tests/formats:make_golden\n");
    return 1;
  }
  const std::string directory =
      aurora::StrCat(workspace, "/tests/formats/golden/", aurora::lsm::kFormatVersion);
  if (replace) std::filesystem::remove_all(directory);
  if (std::filesystem::exists(directory)) {
    std::fprintf(stderr,
                 "%s is there: raise kFormatVersion of lsm/manifest_format.h first, or give "
                 "--replace\n",
                 directory.c_str());
    return 1;
  }
  for (const char* const name : aurora::formats::kGoldenNames) {
    const absl::Status written = WriteGolden(aurora::formats::MakeGolden(name), directory, name);
    if (!written.ok()) {
      std::fprintf(stderr, "%s\n", written.ToString().c_str());
      return 1;
    }
  }
  std::printf("made %s\n", directory.c_str());
  return 0;
}
