// Files over io_uring.
//
// A read or write goes into the ring of the event loop that runs the calling coroutine, together
// with whatever else that loop's coroutines have started, and completes there: no other thread is
// involved, and a durable write is one submission. (One write with RWF_DSYNC: it was measured
// against a write linked to an fdatasync, see docs/decisions.md.) A coroutine on any other executor
// is carried to `io` and back. A buffered read whose pages are all in the page cache is answered in
// the caller. Everything but reading, writing and syncing runs on a few threads.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"

namespace aurora {

// OK if this process can make and use rings, else why not: the kernel is too old, a container or
// the administrator forbids them, or memory is short. Makes one to find out, about 100 us.
absl::Status IoUringAvailable();

// `io`: an EventLoop with a ring that a thread drives all the time, for the operations of
// coroutines whose own thread has no ring. It outlives the file system. Fails as IoUringAvailable
// does.
absl::StatusOr<std::unique_ptr<FileSystem>> MakeIoUringFileSystem(Executor& io);

}  // namespace aurora
