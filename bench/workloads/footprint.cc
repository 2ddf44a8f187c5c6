#include "aurora/bench/workloads/footprint.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace aurora::bench {

std::uint64_t BytesWritten() {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (io >> name >> value) {
    if (name == "write_bytes:") return value;
  }
  return 0;
}

std::uint64_t DiskBytes(const std::string& directory) {
  constexpr std::uint64_t kStatBlock = 512;  // whatever the file system's own block is
  std::uint64_t total = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status;
    if (entry.is_regular_file() && ::stat(entry.path().c_str(), &status) == 0) {
      total += static_cast<std::uint64_t>(status.st_blocks) * kStatBlock;
    }
  }
  return total;
}

}  // namespace aurora::bench
