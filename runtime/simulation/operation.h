// One call of a simulated file system, as faults, traces and crash points see it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aurora {

enum class OperationKind : std::uint8_t {
  kOpen,
  kCreate,  // an Open or Lock that creates the file
  kRead,
  kWrite,
  kWriteDurably,
  kSync,
  kTruncate,
  kAllocate,
  kSize,
  kMap,
  kPublish,
  kList,
  kStat,
  kCreateDirectory,
  kRemoveDirectory,
  kRemove,
  kRename,
  kLink,
  kSyncDirectory,
  kLock,
  kFreeSpace,
};
inline constexpr std::size_t kOperationKindCount = 21;

std::string_view OperationName(OperationKind kind);

// True if the operation changes what a crash can leave behind.
bool IsPersistent(OperationKind kind);

struct Operation {
  OperationKind kind = OperationKind::kOpen;
  std::string path;
  std::string to;  // of a rename or link
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// "write of /db/000001.log at 4096, 512 bytes"
std::string Describe(const Operation& operation);

}  // namespace aurora
