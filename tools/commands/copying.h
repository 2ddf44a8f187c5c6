// What the commands that copy databases share: a progress bar, a rate, and Ctrl-C.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "aurora/engine/backup.h"
#include "aurora/tools/command_line.h"
#include "aurora/tools/interrupt.h"
#include "aurora/tools/progress_bar.h"

namespace aurora::tools {

// The options that they have in common.
struct CopyArguments {
  std::uint64_t mebibytes_per_second = 0;
  bool json = false;
};
void AddCopyOptions(CLI::App& app, CopyArguments& arguments);

// One copying job. While it lives, Ctrl-C asks it to end.
class CopyJob {
 public:
  // `label` is shown before the bar: "restoring".
  CopyJob(const Streams& streams, std::string label, const CopyArguments& arguments)
      : streams_(streams), label_(std::move(label)), arguments_(arguments) {}

  // For the copying call. Good while the job lives.
  CopyOptions Options();
  // Takes the bar off, and says what went wrong.
  ExitCode Conclude(const absl::Status& status);

 private:
  void Show(const CopyProgress& progress);

  const Streams streams_;
  const std::string label_;
  const CopyArguments arguments_;
  InterruptScope interrupt_;
  std::stop_source stop_;
  std::optional<ProgressBar> bar_;
};

// 2026-03-01T12:00:00Z.
std::string TimeText(std::int64_t unix_micros);

}  // namespace aurora::tools
