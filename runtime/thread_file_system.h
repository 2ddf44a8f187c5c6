// Files over pread, pwrite and fdatasync on a pool of threads: for machines that do not offer
// io_uring (many containers forbid it).
//
// A buffered read whose pages are all in the page cache is answered in the caller. Every other
// operation costs two hand-overs between threads. As many operations are at the device at once as
// there are threads. WriteDurably is one call where the kernel has pwritev2.
#pragma once

#include <memory>

#include "aurora/runtime/file.h"

namespace aurora {

struct ThreadFileSystemOptions {
  // Started as they are needed.
  int max_threads = 16;
};

std::unique_ptr<FileSystem> MakeThreadFileSystem(const ThreadFileSystemOptions& options = {});

}  // namespace aurora
