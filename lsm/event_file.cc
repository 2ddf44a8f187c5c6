#include "aurora/lsm/event_file.h"

#include <algorithm>
#include <span>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

Task<absl::Status> EventFile::Open() {
  OpenOptions open;
  open.mode = OpenMode::kCreate;
  AURORA_CO_ASSIGN(file_, co_await files_->Open(JoinPath(directory_, kEventFileName), open));
  AURORA_CO_ASSIGN(bytes_, co_await file_->Size());
  co_return absl::OkStatus();
}

Task<absl::Status> EventFile::Write(std::string_view lines) {
  if (file_ == nullptr) AURORA_CO_RETURN_IF_ERROR(co_await Open());
  if (bytes_ >= kFileBytesMax) {
    file_ = nullptr;
    AURORA_CO_RETURN_IF_ERROR(co_await files_->Rename(JoinPath(directory_, kEventFileName),
                                                      JoinPath(directory_, kOldEventFileName)));
    AURORA_CO_RETURN_IF_ERROR(co_await Open());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await file_->Write(bytes_, lines));
  bytes_ += lines.size();
  co_return absl::OkStatus();
}

Task<void> EventFile::Append(std::string_view lines) {
  const absl::Status written = co_await Write(lines);
  if (!written.ok()) file_ = nullptr;
}

Task<void> EventFile::Close() {
  file_ = nullptr;
  co_return;
}

void AppendEventLine(absl::Time time, LogSeverity severity, std::string_view text,
                     std::string* lines) {
  std::string_view name = "info";
  if (severity == LogSeverity::kWarning) name = "warning";
  if (severity == LogSeverity::kError) name = "error";
  std::string line =
      StrCat(ToStd(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone())), " ", name,
             " ", text);
  // An event is a line, whatever a message holds.
  std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  StrAppend(lines, line, "\n");
}

}  // namespace aurora::lsm
