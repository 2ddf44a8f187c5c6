// What the device does when nothing is above it: the measure for synced commits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace aurora::bench {

// A file whose blocks are all written already, as a log that recycles its segments has. Failures
// end the program. One user at a time.
class RecycledFile {
 public:
  static constexpr std::size_t kBlockBytes = 4096;

  explicit RecycledFile(std::string path);
  ~RecycledFile();  // removes the file
  RecycledFile(const RecycledFile&) = delete;
  RecycledFile& operator=(const RecycledFile&) = delete;

  // Writes the next block, starting over at the end of the file; it is on the device when this
  // returns.
  void WriteSynced();

 private:
  const std::string path_;
  int file_;
  std::uint64_t next_ = 0;
};

}  // namespace aurora::bench
