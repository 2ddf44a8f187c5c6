#include "aurora/engine/document/ndjson.h"

#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\r") == std::string_view::npos;
}

}  // namespace

void LineSplitter::Add(std::string_view chunk) {
  AURORA_CHECK(!finished_);
  AURORA_DCHECK(begin_ <= searched_ && searched_ <= buffer_.size());
  buffer_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  buffer_.append(chunk);
}

void LineSplitter::Finish() { finished_ = true; }

absl::Status LineSplitter::TooLong() {
  return ResourceExhaustedError("line ", number_ + 1, " is longer than the limit of ",
                                line_bytes_max_, " bytes (line_bytes_max)");
}

absl::StatusOr<std::optional<LineSplitter::Line>> LineSplitter::Next() {
  while (true) {
    if (!started_ && (finished_ || buffer_.size() >= kByteOrderMark.size())) {
      started_ = true;
      if (buffer_.starts_with(kByteOrderMark)) {
        consumed_bytes_ = begin_ = searched_ = kByteOrderMark.size();
      }
    }
    if (!started_) return std::optional<Line>();
    const std::size_t end = buffer_.find('\n', searched_);
    const bool found = end != std::string::npos;
    const std::size_t stop = found ? end : buffer_.size();
    searched_ = stop;
    if (!skipping_ && stop - begin_ > line_bytes_max_ + 1) {
      skipping_ = true;
      return TooLong();
    }
    if (skipping_ && !found) {
      // What is skipped need not be kept.
      consumed_bytes_ += stop - begin_;
      begin_ = stop;
    }
    if (!found && (!finished_ || begin_ == buffer_.size())) return std::optional<Line>();
    std::string_view text(buffer_.data() + begin_, stop - begin_);
    if (text.ends_with('\r')) text.remove_suffix(1);
    const std::size_t next = found ? stop + 1 : stop;
    consumed_bytes_ += next - begin_;
    begin_ = next;
    searched_ = next;
    if (skipping_) {
      skipping_ = false;
      ++number_;
      continue;
    }
    if (text.size() > line_bytes_max_) {
      const absl::Status status = TooLong();
      ++number_;
      return status;
    }
    ++number_;
    if (!IsBlank(text)) return std::optional<Line>(Line{text, number_});
  }
}

}  // namespace aurora
