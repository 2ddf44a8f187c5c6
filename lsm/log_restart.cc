#include "aurora/lsm/log_restart.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "aurora/lsm/aligned_buffer.h"
#include "aurora/lsm/segment_image.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

// A segment that is continued after a clean close must have at least this much room left.
constexpr std::uint64_t kMinRoomBytes = 2 * kDeviceBlockSize;

class Restarter {
 public:
  Restarter(Environment& environment, RestartOptions options, LogScan scan)
      : environment_(environment),
        files_(environment.files()),
        options_(std::move(options)),
        scan_(std::move(scan)),
        next_number_(scan_.highest_number + 1) {}

  Task<absl::StatusOr<LogWriter::Start>> Run();

 private:
  bool MayResume() const;
  Task<absl::StatusOr<LogWriter::Start>> Resume(std::uint32_t offset, std::uint32_t previous_end);
  Task<absl::StatusOr<LogWriter::Start>> RewriteHeader();
  Task<absl::StatusOr<LogWriter::Start>> StartFresh();
  void FindTail();
  Task<absl::StatusOr<std::unique_ptr<LogSegment>>> TakeSegment();
  // The result is the sequence of the last record that is not copied.
  Task<absl::StatusOr<Sequence>> CopyTail(SegmentImage* image);
  SegmentHeader FreshHeader(const LogSegment& segment) const;
  LogWriter::Start Finish(std::unique_ptr<LogSegment> segment, const SegmentHeader& header,
                          std::uint32_t offset, std::uint32_t previous_end);

  Environment& environment_;
  FileSystem& files_;
  const RestartOptions options_;
  LogScan scan_;
  std::uint32_t next_number_;
  // Where the doubt begins: the chain is kept up to there.
  LogPosition tail_;
  std::uint32_t predecessor_ = 0;
  std::uint32_t predecessor_end_ = 0;
};

bool Restarter::MayResume() const {
  const SegmentHeader& last = scan_.chain.back().header;
  return scan_.last_mark.has_value() && last.mode == options_.segments.mode &&
         last.identity.epoch == options_.identity.epoch &&
         last.segment_bytes == options_.segments.segment_bytes;
}

// The tail starts where the frames stop proving that they are on the device.
void Restarter::FindTail() {
  const ScannedSegment& first = scan_.chain.front();
  const ScannedSegment& last = scan_.chain.back();
  tail_ = scan_.safe;
  if (AURORA_PLANTED_BUG("log-trust-tail")) tail_ = {last.header.number, last.end};
  const bool small = last.end - kSegmentHeaderBytes <= last.header.segment_bytes / 2;
  if (tail_.segment == last.header.number && small) tail_.offset = 0;

  const auto kept = std::find_if(
      scan_.chain.begin(), scan_.chain.end(),
      [this](const ScannedSegment& segment) { return segment.header.number == tail_.segment; });
  if (kept == scan_.chain.end()) {
    // In the predecessor of the first segment that is still needed.
    AURORA_CHECK(tail_.segment == first.header.predecessor);
    predecessor_ = first.header.predecessor;
    predecessor_end_ = first.header.predecessor_end;
  } else if (tail_.offset <= kSegmentHeaderBytes) {
    // No record of that segment is kept, so neither is the segment.
    tail_.offset = 0;
    predecessor_ = kept->header.predecessor;
    predecessor_end_ = kept->header.predecessor_end;
  } else {
    predecessor_ = kept->header.number;
    predecessor_end_ = static_cast<std::uint32_t>(tail_.offset);
  }
}

SegmentHeader Restarter::FreshHeader(const LogSegment& segment) const {
  SegmentHeader header;
  header.segment_bytes = static_cast<std::uint32_t>(segment.bytes());
  header.identity = options_.identity;
  header.number = segment.number();
  header.mode = segment.mode();
  header.boot = options_.boot;
  header.predecessor = predecessor_;
  header.predecessor_end = predecessor_end_;
  return header;
}

Task<absl::StatusOr<std::unique_ptr<LogSegment>>> Restarter::TakeSegment() {
  SegmentOptions wanted = options_.segments;
  if (!scan_.chain.empty()) {
    // The tail must fit.
    wanted.segment_bytes =
        std::max<std::uint64_t>(wanted.segment_bytes, scan_.chain.back().header.segment_bytes);
  }
  while (!scan_.reusable.empty()) {
    const std::uint32_t candidate = scan_.reusable.back();
    const std::string path = SegmentPath(wanted.directory, candidate);
    AURORA_CO_ASSIGN(const FileInfo info, co_await files_.Stat(path));
    scan_.reusable.pop_back();
    if (info.size_bytes == wanted.segment_bytes) {
      co_return co_await RecycleSegment(files_, wanted, candidate, next_number_++);
    }
    AURORA_CO_RETURN_IF_ERROR(co_await files_.Remove(path));
  }
  for (const std::uint32_t number : std::exchange(scan_.unusable, {})) {
    AURORA_CO_RETURN_IF_ERROR(co_await files_.Remove(SegmentPath(wanted.directory, number)));
  }
  std::uint64_t written_bytes = 0;
  co_return co_await CreateSegment(files_, wanted, next_number_++, &written_bytes);
}

Task<absl::StatusOr<Sequence>> Restarter::CopyTail(SegmentImage* image) {
  std::optional<Sequence> before;
  for (const ScannedSegment& segment : scan_.chain) {
    if (segment.header.number < tail_.segment) continue;
    const std::uint64_t from = segment.header.number == tail_.segment ? tail_.offset : 0;
    if (!before.has_value()) before = segment.header.last_sequence;
    const std::string path = SegmentPath(options_.segments.directory, segment.header.number);
    AURORA_CO_ASSIGN(SegmentReader reader, co_await SegmentReader::Open(files_, path));
    FrameWalker walker(&reader, segment.header, segment.end);
    for (;;) {
      AURORA_CO_ASSIGN(const bool found, co_await walker.Next());
      if (!found) break;
      const FrameView& frame = walker.frame();
      if (!IsRecord(frame.header.kind)) continue;
      if (frame.header.offset < from) {
        before = frame.header.sequence;
      } else {
        AURORA_CO_RETURN_IF_ERROR(image->Add(frame));
      }
    }
    if (walker.end() != segment.end) {
      co_return DataLossError("log segment ", path, " changed while it was recovered, at offset ",
                              walker.end());
    }
  }
  co_return before.value_or(scan_.last_sequence);
}

LogWriter::Start Restarter::Finish(std::unique_ptr<LogSegment> segment, const SegmentHeader& header,
                                   std::uint32_t offset, std::uint32_t previous_end) {
  LogWriter::Start start;
  start.segment = std::move(segment);
  start.identity = header.identity;
  start.predecessor = header.predecessor;
  start.boot = options_.boot;
  start.offset = offset;
  start.previous_end = previous_end;
  start.last_sequence = scan_.last_sequence;
  std::vector<std::uint32_t> discarded = scan_.reusable;
  discarded.insert(discarded.end(), scan_.superseded.begin(), scan_.superseded.end());
  for (const ScannedSegment& old : scan_.chain) {
    if (old.header.number == start.segment->number()) continue;
    if (old.header.number <= header.predecessor) {
      const bool cut_here = old.header.number == header.predecessor;
      start.older.push_back({old.header.number, cut_here ? header.predecessor_end : old.end});
    } else {
      discarded.push_back(old.header.number);
    }
  }
  start.supply = std::make_unique<SegmentSupply>(environment_, options_.segments, next_number_,
                                                 options_.spare_segments);
  start.supply->Discard(discarded);
  start.supply->Remove(scan_.unusable);
  return start;
}

Task<absl::StatusOr<LogWriter::Start>> Restarter::Resume(std::uint32_t offset,
                                                         std::uint32_t previous_end) {
  const SegmentHeader header = scan_.chain.back().header;
  AURORA_CO_ASSIGN(std::unique_ptr<LogSegment> segment,
                   co_await OpenSegment(files_, options_.segments, header.number));
  co_return Finish(std::move(segment), header, offset, previous_end);
}

Task<absl::StatusOr<LogWriter::Start>> Restarter::RewriteHeader() {
  SegmentHeader header = scan_.chain.back().header;
  header.boot = options_.boot;
  AURORA_CO_ASSIGN(std::unique_ptr<LogSegment> segment,
                   co_await OpenSegment(files_, options_.segments, header.number));
  AlignedBuffer block(kSegmentHeaderBytes);
  EncodeSegmentHeader(header, block.data());
  AURORA_CO_RETURN_IF_ERROR(co_await segment->WriteDurably(0, block.span()));
  const auto end = static_cast<std::uint32_t>(header.watermark.offset);
  co_return Finish(std::move(segment), header, static_cast<std::uint32_t>(NextBlock(end)), end);
}

Task<absl::StatusOr<LogWriter::Start>> Restarter::StartFresh() {
  if (!scan_.chain.empty()) FindTail();
  absl::StatusOr<std::unique_ptr<LogSegment>> taken = co_await TakeSegment();
  if (absl::IsResourceExhausted(taken.status()) && !scan_.chain.empty() &&
      scan_.last_segment_untouched && scan_.chain.back().header.mode == options_.segments.mode &&
      scan_.chain.back().header.segment_bytes == options_.segments.segment_bytes) {
    // The ballast became this segment in the last recovery, and nothing has been appended since.
    co_return co_await RewriteHeader();
  }
  AURORA_CO_RETURN_IF_ERROR(taken.status());
  std::unique_ptr<LogSegment> segment = *std::move(taken);
  const SegmentHeader header = FreshHeader(*segment);
  SegmentImage image(header, segment->bytes());
  AURORA_CO_ASSIGN(const Sequence before, co_await CopyTail(&image));
  const std::span<const char> records = image.records();
  if (!records.empty()) {
    AURORA_CO_RETURN_IF_ERROR(co_await segment->WriteDurably(kSegmentHeaderBytes, records));
  }
  AURORA_CO_RETURN_IF_ERROR(co_await segment->WriteDurably(0, image.header(before)));
  const std::uint32_t end = image.end();
  co_return Finish(std::move(segment), header, static_cast<std::uint32_t>(NextBlock(end)), end);
}

Task<absl::StatusOr<LogWriter::Start>> Restarter::Run() {
  if (!scan_.chain.empty() && scan_.clean_close && MayResume()) {
    const std::uint32_t mark = *scan_.last_mark;
    const std::uint64_t records_end = options_.segments.segment_bytes - kSegmentReserveBytes;
    if (mark % kDeviceBlockSize == 0 && mark + kMinRoomBytes <= records_end) {
      co_return co_await Resume(mark, scan_.last_mark_previous_end);
    }
  }
  co_return co_await StartFresh();
}

}  // namespace

Task<absl::StatusOr<LogWriter::Start>> RestartLog(Environment& environment, RestartOptions options,
                                                  LogScan scan) {
  Restarter restarter(environment, std::move(options), std::move(scan));
  co_return co_await restarter.Run();
}

}  // namespace aurora::lsm
