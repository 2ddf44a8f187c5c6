// The end of the log of a store that was closed.
//
// Such a log ends with a mark. One that ends without it has no torn tail, as it might after a
// crash: what followed is gone.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// DataLoss if the store of `state` was closed, and `scan`, of its whole log, has found neither the
// mark of that nor the last commit.
absl::Status CheckLogEnd(std::string_view log_directory, const ManifestState& state,
                         const LogScan& scan);

// Reads the log, if the store was closed, and does the same: to be known before the manifest
// forgets that it was. `files` and `state` must live until then.
Task<absl::Status> CheckClosedLog(FileSystem* files, std::string log_directory,
                                  const ManifestState* state);

}  // namespace aurora::lsm
