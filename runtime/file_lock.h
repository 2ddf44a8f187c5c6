// The exclusive lock on a file, between processes and within one.
//
// The kernel holds it for an open file description (fcntl F_OFD_SETLK), so it ends with the
// process, and closing another descriptor of the same file does not drop it, as it would a lock of
// fcntl F_SETLK. A table of the files that this process holds, by device and inode, is asked before
// the lock file is even opened. A forked child does not hold the locks of its parent, and cannot
// keep them alive after it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"

namespace aurora::internal {

// As FileSystem::Lock. While it is held the file contains the holder's process id, as a decimal
// number and a newline; afterwards nothing. May block on the device.
absl::StatusOr<std::unique_ptr<FileLock>> LockFile(const std::string& path);

}  // namespace aurora::internal
