// Splits a stream of text into lines, for NDJSON (one JSON value on each line).
//
//   LineSplitter lines(limits.line_bytes_max);
//   while (read a chunk) {
//     lines.Add(chunk);
//     while (true) {
//       AURORA_ASSIGN_OR_RETURN(auto line, lines.Next());
//       if (!line.has_value()) break;
//       ... line->text ...
//     }
//   }
//   lines.Finish();  // and the lines that are left, as above
//
// Lines end with LF or CR LF; the last may lack its end. Lines of nothing but white space are left
// out. A byte order mark at the very start is skipped. Not thread-safe. Memory: one line and one
// chunk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace aurora {

class LineSplitter {
 public:
  struct Line {
    std::string_view text;     // without its end; valid until the next call of Add
    std::uint64_t number = 0;  // from 1, empty lines counted
  };

  explicit LineSplitter(std::uint64_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  // Finish was not called.
  void Add(std::string_view chunk);
  // No more comes.
  void Finish();

  // The next line; nullopt if more must be added first, or all have been had. ResourceExhausted for
  // a line that is too long, once; the next call goes on behind it.
  absl::StatusOr<std::optional<Line>> Next();

  // Bytes of the lines had so far, with their ends and the byte order mark.
  std::uint64_t consumed_bytes() const { return consumed_bytes_; }

 private:
  absl::Status TooLong();

  const std::uint64_t line_bytes_max_;
  std::string buffer_;
  std::size_t begin_ = 0;     // of what has not been had
  std::size_t searched_ = 0;  // up to here there is no line end
  std::uint64_t number_ = 0;
  std::uint64_t consumed_bytes_ = 0;
  bool started_ = false;
  bool skipping_ = false;  // the rest of a line that was too long
  bool finished_ = false;
};

}  // namespace aurora
