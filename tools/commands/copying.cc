#include "aurora/tools/commands/copying.h"

#include <csignal>
#include <ostream>

#include "absl/time/time.h"
#include "aurora/runtime/status.h"
#include "aurora/tools/commands/session.h"

namespace aurora::tools {

void AddCopyOptions(CLI::App& app, CopyArguments& arguments) {
  app.add_option("--rate", arguments.mebibytes_per_second,
                 "At most so many MiB a second; 0: as fast as the devices are")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "The result as one JSON object");
}

CopyOptions CopyJob::Options() {
  CopyOptions options;
  options.bytes_per_second = arguments_.mebibytes_per_second << 20;
  options.progress = [this](const CopyProgress& progress) { Show(progress); };
  options.stop = stop_.get_token();
  return options;
}

void CopyJob::Show(const CopyProgress& progress) {
  if (InterruptScope::Signal() != 0) stop_.request_stop();
  if (!bar_.has_value()) {
    bar_.emplace(streams_.err, streams_.err_terminal, label_, "byte", progress.total_bytes);
  }
  bar_->Update(progress.done_bytes, progress.done_bytes);
}

ExitCode CopyJob::Conclude(const absl::Status& status) {
  bar_.reset();
  if (status.ok()) return ExitCode::kOk;
  if (absl::IsCancelled(status) && InterruptScope::Signal() != 0) {
    streams_.err << "stopped; nothing was left behind that counts\n";
    return InterruptScope::Signal() == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
  }
  return Fail(status, streams_);
}

std::string TimeText(std::int64_t unix_micros) {
  return std::string(absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixMicros(unix_micros),
                                      absl::UTCTimeZone()));
}

}  // namespace aurora::tools
