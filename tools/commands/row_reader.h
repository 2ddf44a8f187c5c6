// The JSON objects of a file, one a line, each with the place where it stood.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/ndjson.h"
#include "aurora/engine/document/value.h"
#include "aurora/tools/input_file.h"

namespace aurora::tools {

struct Row {
  Object object;
  std::uint64_t line = 0;            // from 1
  std::uint64_t position_bytes = 0;  // of the file, as it is stored, were read to get here; roughly
                                     // if it is compressed
};

// Not thread-safe.
class RowReader {
 public:
  // Lines before `first_line` are passed over.
  RowReader(std::unique_ptr<InputFile> file, const DocumentLimits& limits, std::uint64_t first_line)
      : file_(std::move(file)),
        limits_(limits),
        first_line_(first_line),
        lines_(limits.line_bytes_max) {}

  // The next object; nullopt at the end. An error is about one line, with its number, and reading
  // may go on behind it, unless failed().
  absl::StatusOr<std::optional<Row>> Next();

  // The file cannot be read further: the last error was of InputFile::Read, or the file is larger
  // than the limits admit.
  bool failed() const { return failed_; }
  bool ended() const { return ended_; }
  std::uint64_t line() const { return line_; }  // the last that was had; 0 before
  const InputFile& file() const { return *file_; }

 private:
  absl::Status Fill();

  const std::unique_ptr<InputFile> file_;
  const DocumentLimits limits_;
  const std::uint64_t first_line_;
  LineSplitter lines_;
  std::uint64_t read_bytes_ = 0;  // unpacked
  std::uint64_t line_ = 0;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace aurora::tools
