// Makes a log that was read fit to go on.
//
// After a clean close there is nothing to doubt: the log goes on in its last segment, in the place
// of the close mark. After anything else the last write may have reached the device, or only seemed
// to. So whatever no later frame proves to be durable is copied into a fresh segment, which then
// continues the log from where the doubt began:
//
//   1. a segment is taken that is not part of the log (the ballast, at worst), and gets a new
//   number
//   2. the doubtful records are written to it, behind its header block, and made durable
//   3. its header block is written and made durable: from now on it is part of the log, and what
//      was copied, or cut, is not
//   4. every other file is recycled or removed
//
// A crash before the end of step 3 leaves the log as it was, and the next open does the same again.
// No block that holds an acknowledged record is written to, and nothing that was cut can come back:
// its segment's end is fixed by the successor's header, and segment numbers are never reused. If
// the last segment is less than half full all of it is copied, so that it can be recycled at once:
// a log that is killed again and again does not grow.
//
// On a full disk the ballast makes step 1 possible (see log_supply.h). Until there is a new one the
// log takes no records, so the next open has nothing to copy and needs none.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/lsm/log_writer.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct RestartOptions {
  SegmentOptions segments;
  LogIdentity identity;
  std::uint64_t boot = 0;
  int spare_segments = 1;
};

// Where the log that `scan` describes goes on. An empty scan starts a new log.
Task<absl::StatusOr<LogWriter::Start>> RestartLog(Environment& environment, RestartOptions options,
                                                  LogScan scan);

}  // namespace aurora::lsm
