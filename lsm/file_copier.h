// Copies files for checkpoints, backups and restores: from the device, past the page cache, hashed
// on the way, durable at the end, at a bounded rate.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct CopyProgress {
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;
};

struct CopyOptions {
  // Bytes a second at most; 0: as fast as the devices are.
  std::uint64_t bytes_per_second = 0;
  // Called about once for each mebibyte, on whatever thread the work is done. Must be quick. Empty:
  // nobody is told.
  std::function<void(const CopyProgress&)> progress;
  // Ends the work with Cancelled; what it has made is removed.
  std::stop_token stop;
};

// One copying job over several files. One call at a time.
class FileCopier {
 public:
  // `environment` must outlive it.
  FileCopier(Environment* environment, CopyOptions options, std::uint64_t total_bytes);

  // Copies the first `bytes` bytes of `from`, which must have as many, to the new file `to`, adds
  // zeros up to `padded_bytes`, and syncs. The result is the XXH3 of what was copied. `to` is
  // durable in contents only: its directory is the caller's to sync. Errors: AlreadyExists if there
  // is a `to`; DataLoss if `from` is shorter. After an error `to` may be there in part.
  struct Request {
    std::string from;
    std::string to;
    std::uint64_t bytes = 0;
    std::uint64_t padded_bytes = 0;
  };
  Task<absl::StatusOr<std::uint64_t>> Copy(Request request);
  // Reads as Copy does, and writes nothing.
  Task<absl::StatusOr<std::uint64_t>> Hash(std::string path, std::uint64_t bytes);
  // So many bytes needed no copying.
  void Skip(std::uint64_t bytes);

 private:
  // `to` may be null.
  Task<absl::StatusOr<std::uint64_t>> Transfer(File* from, File* to, std::uint64_t bytes);
  Task<absl::Status> Account(std::uint64_t bytes);

  Environment* const environment_;
  const CopyOptions options_;
  const std::int64_t start_nanos_;
  CopyProgress progress_;
  std::uint64_t moved_bytes_ = 0;  // what the rate counts
};

}  // namespace aurora::lsm
