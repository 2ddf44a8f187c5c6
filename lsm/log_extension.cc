#include "aurora/lsm/log_extension.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kSegmentBytes = std::uint64_t{16} << 20;

}  // namespace

Task<absl::StatusOr<std::unique_ptr<LogExtension>>> LogExtension::Open(FileSystem* files,
                                                                       std::string directory,
                                                                       const ManifestState* state) {
  std::unique_ptr<LogExtension> log(new LogExtension(files, std::move(directory), state->identity));
  AURORA_CO_RETURN_IF_ERROR(co_await log->FindEnd(state));
  co_return log;
}

Task<absl::Status> LogExtension::FindEnd(const ManifestState* state) {
  last_sequence_ = state->flushed_through;
  if (state->log_start_segment == 0) co_return absl::OkStatus();
  ScanOptions options;
  options.directory = directory_;
  options.identity = identity_;
  options.boot = BootHash(files_->BootId());
  options.first_segment = static_cast<std::uint32_t>(state->log_start_segment);
  options.after = kMaxSequence;
  LogRecordCallback ignore = [](const LogRecord&) { return absl::OkStatus(); };
  AURORA_CO_ASSIGN(const LogScan scan, co_await ScanLog(*files_, std::move(options), &ignore));
  if (scan.chain.empty()) co_return DataLossError(directory_, " has no log that could go on");
  first_segment_ = state->log_start_segment;
  end_ = scan.report.end;
  next_number_ = scan.highest_number + 1;
  last_sequence_ = std::max(last_sequence_, scan.last_sequence);
  co_return absl::OkStatus();
}

void LogExtension::BeginSegment(std::size_t payload_bytes) {
  const std::uint64_t needed =
      kSegmentHeaderBytes + FrameBytes(payload_bytes) + kSegmentReserveBytes;
  segment_bytes_ = std::max(kSegmentBytes, NextBlock(needed));
  number_ = next_number_++;
  before_ = last_sequence_;
  SegmentHeader header;
  header.segment_bytes = static_cast<std::uint32_t>(segment_bytes_);
  header.identity = identity_;
  header.number = number_;
  header.boot = BootHash(files_->BootId());
  header.predecessor = static_cast<std::uint32_t>(end_.segment);
  header.predecessor_end = static_cast<std::uint32_t>(end_.offset);
  image_.emplace(header, segment_bytes_);
  if (first_segment_ == 0) first_segment_ = number_;
}

Task<absl::Status> LogExtension::EndSegment() {
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  AURORA_CO_ASSIGN(const std::unique_ptr<File> file,
                   co_await files_->Open(SegmentPath(directory_, number_), options));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Truncate(segment_bytes_));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Write(kSegmentHeaderBytes, image_->records()));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Write(0, image_->header(before_)));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
  end_ = {number_, image_->end()};
  image_.reset();
  co_return absl::OkStatus();
}

Task<absl::Status> LogExtension::AddFrame(FrameKind kind, Sequence sequence,
                                          std::string_view payload) {
  AURORA_CHECK(sequence > last_sequence_);
  if (FrameBytes(payload.size()) + kSegmentHeaderBytes + kSegmentReserveBytes > kMaxSegmentBytes) {
    co_return DataLossError("commit ", sequence, " has a record of ", payload.size(),
                            " bytes, more than any log takes");
  }
  if (image_.has_value() && !image_->HasRoom(payload.size())) {
    AURORA_CO_RETURN_IF_ERROR(co_await EndSegment());
  }
  if (!image_.has_value()) BeginSegment(payload.size());
  FrameView frame;
  frame.header.kind = kind;
  frame.header.sequence = sequence;
  frame.header.payload_bytes = static_cast<std::uint32_t>(payload.size());
  frame.header.payload_hash = HashBytes(payload);
  frame.payload = payload;
  AURORA_CO_RETURN_IF_ERROR(image_->Add(frame));
  added_bytes_ += payload.size();
  last_sequence_ = sequence;
  co_return absl::OkStatus();
}

Task<absl::Status> LogExtension::Add(Sequence sequence, std::string_view payload) {
  co_return co_await AddFrame(FrameKind::kRecord, sequence, payload);
}

Task<absl::Status> LogExtension::AddRecordFile(Sequence sequence, RecordFileReference file) {
  char payload[kRecordFileReferenceBytes];
  EncodeRecordFileReference(file, payload);
  AURORA_CO_RETURN_IF_ERROR(
      co_await AddFrame(FrameKind::kRecordFile, sequence, {payload, sizeof payload}));
  added_bytes_ += file.payload_bytes;
  co_return absl::OkStatus();
}

Task<absl::StatusOr<std::uint64_t>> LogExtension::Finish() {
  if (image_.has_value()) AURORA_CO_RETURN_IF_ERROR(co_await EndSegment());
  co_return first_segment_;
}

}  // namespace aurora::lsm
