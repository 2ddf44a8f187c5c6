#include "aurora/lsm/closed_log.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "aurora/lsm/log_format.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

absl::Status CheckLogEnd(std::string_view log_directory, const ManifestState& state,
                         const LogScan& scan) {
  if (!state.closed_at.has_value() || scan.clean_close) return absl::OkStatus();
  const Sequence last = std::max(scan.last_sequence, state.flushed_through);
  if (last >= *state.closed_at) return absl::OkStatus();
  return DataLossError(log_directory, " ends with commit ", last, " in segment ",
                       scan.report.end.segment, " at offset ", scan.report.end.offset,
                       ", without the mark that was written when the store was closed: what "
                       "followed is missing or damaged");
}

Task<absl::Status> CheckClosedLog(FileSystem* files, std::string log_directory,
                                  const ManifestState* state) {
  if (!state->closed_at.has_value() || state->log_start_segment == 0) co_return absl::OkStatus();
  ScanOptions options;
  options.directory = log_directory;
  options.identity = state->identity;
  options.boot = BootHash(files->BootId());
  options.first_segment = static_cast<std::uint32_t>(state->log_start_segment);
  options.after = kMaxSequence;
  LogRecordCallback ignore = [](const LogRecord&) { return absl::OkStatus(); };
  AURORA_CO_ASSIGN(const LogScan scan, co_await ScanLog(*files, std::move(options), &ignore));
  co_return CheckLogEnd(log_directory, *state, scan);
}

}  // namespace aurora::lsm
