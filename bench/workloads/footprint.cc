#include "aurora/bench/workloads/footprint.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace aurora::bench {

namespace {

std::uint64_t IoCounter(std::string_view wanted) {
  std::ifstream io("/proc/self/io");
  std::string name;
  std::uint64_t value = 0;
  while (io >> name >> value) {
    if (name == wanted) return value;
  }
  return 0;
}

// A line of /proc/self/status that is in kB, in bytes.
std::uint64_t StatusBytes(std::string_view wanted) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(wanted)) return std::stoull(line.substr(wanted.size())) << 10;
  }
  return 0;
}

void WriteBackAndDrop(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return;  // removed meanwhile
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

}  // namespace

std::uint64_t BytesWritten() { return IoCounter("write_bytes:"); }
std::uint64_t BytesRead() { return IoCounter("read_bytes:"); }
double ProcessorSeconds() {
  timespec time;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}
std::uint64_t PeakResidentBytes() { return StatusBytes("VmHWM:"); }
std::uint64_t ResidentBytes() { return StatusBytes("VmRSS:"); }
std::uint64_t ResidentFileBytes() { return StatusBytes("RssFile:") + StatusBytes("RssShmem:"); }
void ReturnFreeMemory() { ::malloc_trim(0); }
void ForgetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

void DropPageCache(const std::string& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) WriteBackAndDrop(entry.path());
  }
}

void DropReadOnlyMaps(const std::string& directory) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uint64_t begin = 0, end = 0;
    char access[5] = "";
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %4s", &begin, &end, access) != 3)
      continue;
    if (std::string_view(access) != "r--s" || line.find(directory) == std::string::npos) continue;
    void* const memory = reinterpret_cast<void*>(begin);  // NOLINT: the kernel says that it is one
    ::madvise(memory, end - begin, MADV_RANDOM);
    ::madvise(memory, end - begin, MADV_DONTNEED);
  }
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
