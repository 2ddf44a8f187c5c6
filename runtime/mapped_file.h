// Shared mappings of files that survive the loss of a page.
//
// Touching a mapped page that the device cannot provide (the file was truncated from outside, the
// disk is full or broken) raises SIGBUS. The first mapping installs a handler for it, for the whole
// process. It recognises the addresses of our regions, puts a page of ordinary memory in the place
// of the missing one and marks the region failed; any other SIGBUS goes to the handler that was
// there before. A program that installs its own afterwards must pass on what it does not know.
//
// In a forked child every region is replaced by ordinary memory and failed, so that the child
// cannot write into its parent's files.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"

namespace aurora::internal {

// Live regions in one process; one more is ResourceExhausted.
inline constexpr int kMaxMappedRegions = 1024;

// Maps [0, size) of the file `fd`, which may be closed afterwards. InvalidArgument unless
// 0 < size <= the file's size. Reads the range into the page cache, so it takes as long as that
// does.
absl::StatusOr<std::unique_ptr<MappedRegion>> MapFile(int fd, const std::string& path,
                                                      std::size_t size);

}  // namespace aurora::internal
