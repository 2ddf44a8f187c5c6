// The LOG of a database: what happened in it, in lines for people. Not to be confused with the log
// of commits, log/: nothing depends on it, it may be read, cut and removed at any time.
//
//   2026-03-01T12:00:00.123Z info flush took 35.120 ms: tables 17, 8123456 bytes
//
// Bounded: once it has kFileBytesMax, it becomes LOG.old, in place of the one before, and a new one
// begins.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/logger.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Not thread-safe: one call at a time.
class EventFile {
 public:
  static constexpr std::uint64_t kFileBytesMax = 1u << 20;

  // `files` must outlive it. Nothing is done before the first Append.
  EventFile(FileSystem* files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Writes lines, each with its end. Not synced. What cannot be written is given up, and the file
  // is opened anew next time: the database does not depend on it.
  Task<void> Append(std::string_view lines);
  Task<void> Close();

 private:
  Task<absl::Status> Open();
  Task<absl::Status> Write(std::string_view lines);

  FileSystem* const files_;
  const std::string directory_;
  std::unique_ptr<File> file_;
  std::uint64_t bytes_ = 0;
};

// A line of it.
void AppendEventLine(absl::Time time, LogSeverity severity, std::string_view text,
                     std::string* lines);

}  // namespace aurora::lsm
