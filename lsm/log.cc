#include "aurora/lsm/log.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/log_restart.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/lsm/log_writer.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

absl::Status Validate(const LogOptions& options, std::uint64_t first_segment) {
  if (options.segment_bytes % kDeviceBlockSize != 0 || options.segment_bytes < kMinSegmentBytes ||
      options.segment_bytes > kMaxSegmentBytes) {
    return InvalidArgumentError("log segments of ", options.segment_bytes,
                                " bytes are not possible: from ", kMinSegmentBytes, " to ",
                                kMaxSegmentBytes, ", in steps of ", kDeviceBlockSize);
  }
  if (options.buffer_bytes < kDeviceBlockSize) {
    return InvalidArgumentError("a log buffer of ", options.buffer_bytes,
                                " bytes is too small: at least ", kDeviceBlockSize);
  }
  if (options.spare_segments < 1) {
    return InvalidArgumentError("a log needs at least 1 spare segment, not ",
                                options.spare_segments);
  }
  if (options.flush_interval < absl::ZeroDuration()) {
    return InvalidArgumentError("the flush interval of a log is negative");
  }
  if (first_segment > UINT32_MAX) {
    return InvalidArgumentError("there is no log segment ", first_segment);
  }
  return absl::OkStatus();
}

// Removes what an earlier attempt to create a log has left. Refuses to remove a record.
Task<absl::Status> ClearForNewLog(FileSystem& files, std::string directory, LogIdentity identity) {
  AURORA_CO_ASSIGN(const std::vector<std::uint32_t> numbers,
                   co_await ListSegments(files, directory));
  for (const std::uint32_t number : numbers) {
    const std::string path = SegmentPath(directory, number);
    {
      AURORA_CO_ASSIGN(SegmentReader reader, co_await SegmentReader::Open(files, path));
      AURORA_CO_RETURN_IF_ERROR(co_await reader.Load(kSegmentHeaderBytes));
      SegmentHeader header;
      const bool ours = reader.size() >= kSegmentHeaderBytes &&
                        DecodeSegmentHeader(reader.view().substr(0, kSegmentHeaderBytes),
                                            &header) == HeaderState::kValid &&
                        std::memcmp(header.identity.database_id, identity.database_id, 16) == 0;
      FrameWalker walker(&reader, header, 0);
      while (ours) {
        AURORA_CO_ASSIGN(const bool found, co_await walker.Next());
        if (!found) break;
        if (!IsRecord(walker.frame().header.kind)) continue;
        co_return FailedPreconditionError("cannot begin a new log in ", directory, ": ", path,
                                          " holds records of this database");
      }
    }
    AURORA_CO_RETURN_IF_ERROR(co_await files.Remove(path));
  }
  co_return absl::OkStatus();
}

}  // namespace

std::uint64_t Log::HashPayload(std::span<const std::string_view> parts) { return HashParts(parts); }

Task<absl::StatusOr<std::unique_ptr<Log>>> Log::Open(Environment& environment, LogOptions options,
                                                     std::uint64_t first_segment, Sequence after,
                                                     RecordCallback replay, LogRecovery* recovery) {
  AURORA_CO_RETURN_IF_ERROR(Validate(options, first_segment));
  FileSystem& files = environment.files();
  const std::uint64_t boot = BootHash(files.BootId());
  LogScan scan;
  if (first_segment == 0) {
    AURORA_CO_RETURN_IF_ERROR(co_await ClearForNewLog(files, options.directory, options.identity));
  } else {
    ScanOptions scan_options;
    scan_options.directory = options.directory;
    scan_options.identity = options.identity;
    scan_options.boot = boot;
    scan_options.first_segment = static_cast<std::uint32_t>(first_segment);
    scan_options.after = after;
    AURORA_CO_ASSIGN(scan, co_await ScanLog(files, std::move(scan_options), &replay));
  }
  LogRecovery report = scan.report;

  RestartOptions restart;
  restart.segments.directory = options.directory;
  restart.segments.segment_bytes = options.segment_bytes;
  restart.segments.mode =
      options.durability == Durability::kSync ? SegmentMode::kDirect : SegmentMode::kMapped;
  restart.identity = options.identity;
  restart.boot = boot;
  restart.spare_segments = options.spare_segments;
  AURORA_CO_ASSIGN(LogWriter::Start start,
                   co_await RestartLog(environment, std::move(restart), std::move(scan)));
  auto log = std::make_unique<LogWriter>(environment, std::move(options), std::move(start));
  AURORA_CO_RETURN_IF_ERROR(co_await log->Begin());
  report.end = log->end();
  if (recovery != nullptr) *recovery = std::move(report);
  std::unique_ptr<Log> result = std::move(log);
  co_return result;
}

}  // namespace aurora::lsm
