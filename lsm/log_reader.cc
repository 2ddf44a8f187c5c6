#include "aurora/lsm/log_reader.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "aurora/lsm/coding.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/lsm/record_file.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{1} << 20;

std::string Where(const std::string& path, std::uint64_t offset) {
  return StrCat(path, " at offset ", offset);
}

// A place in the log and what stands there, for messages.
struct Witness {
  LogPosition watermark;
  // The first valid frame or header beyond the break.
  bool any = false;
  LogPosition first;
  Sequence first_sequence = 0;
  // Bytes beyond the break that were meant to be frames.
  std::uint64_t bytes = 0;

  void Add(LogPosition at, Sequence sequence) {
    if (any) return;
    any = true;
    first = at;
    first_sequence = sequence;
  }
};

}  // namespace

Task<absl::StatusOr<SegmentReader>> SegmentReader::Open(FileSystem& files, std::string path) {
  OpenOptions options;
  // The page cache may show what a failed sync has kept from the device.
  options.direct = true;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await files.Open(path, options));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await file->Size());
  if (size > kMaxSegmentBytes) {
    co_return DataLossError("log segment ", path, " has ", size,
                            " bytes, more than any segment can have");
  }
  co_return SegmentReader(std::move(path), std::move(file), size);
}

Task<absl::Status> SegmentReader::Load(std::uint64_t end) {
  end = std::min(end, size_);
  if (end <= loaded_) co_return absl::OkStatus();
  // Direct reads start at a block; only the last one of a file ends within one.
  const std::uint64_t from = loaded_ / kDeviceBlockSize * kDeviceBlockSize;
  // Of most segments only the header is looked at.
  const std::uint64_t unit = end <= kSegmentHeaderBytes ? kDeviceBlockSize : kReadBytes;
  const std::uint64_t to = std::min<std::uint64_t>(AlignUp(end, unit), buffer_.size());
  AURORA_CO_ASSIGN(const std::size_t count,
                   co_await file_->Read(from, buffer_.span().subspan(from, to - from)));
  if (from + count < end) {
    co_return DataLossError("log segment ", path_, " ended at offset ", from + count,
                            " while it was read, before ", size_);
  }
  loaded_ = static_cast<std::size_t>(std::min<std::uint64_t>(from + count, size_));
  co_return absl::OkStatus();
}

Task<absl::StatusOr<bool>> FrameWalker::Next() {
  if (limit_ != 0 && end_ >= limit_) co_return false;
  const std::uint64_t size = std::min<std::uint64_t>(header_.segment_bytes, reader_->size());
  for (;;) {
    const FrameState state =
        FindNextFrame(reader_->view(), size, seed_, header_.number, end_, &frame_);
    if (state == FrameState::kInvalid) co_return false;
    if (state == FrameState::kValid) {
      if (limit_ != 0 && frame_.end > limit_) co_return false;
      end_ = frame_.end;
      co_return true;
    }
    AURORA_CHECK(frame_.end > reader_->view().size());
    AURORA_CO_RETURN_IF_ERROR(co_await reader_->Load(frame_.end));
  }
}

Task<absl::StatusOr<std::vector<std::uint32_t>>> ListSegments(FileSystem& files,
                                                              std::string directory) {
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files.List(directory));
  std::vector<std::uint32_t> numbers;
  for (const DirectoryEntry& entry : entries) {
    const std::optional<std::uint32_t> number = ParseSegmentFileName(entry.name);
    if (number.has_value() && !entry.is_directory) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  co_return numbers;
}

namespace {

class LogScanner {
 public:
  LogScanner(FileSystem& files, ScanOptions options, LogRecordCallback* replay)
      : files_(files), options_(std::move(options)), replay_(replay) {}

  Task<absl::StatusOr<LogScan>> Run();

 private:
  // A segment that the directory had. Aborted if it is gone and the log is live: a writer renames
  // and removes segments that no record is in, without a word in the manifest.
  Task<absl::StatusOr<SegmentReader>> OpenListed(std::uint64_t number);
  Task<absl::Status> ReadHeader(std::uint32_t number);
  absl::Status CheckNames() const;
  // Builds scan_.chain from the newest header below `below` back.
  Task<absl::StatusOr<bool>> BuildChain(std::uint64_t below);
  Task<absl::Status> WalkChain();
  Task<absl::Status> WalkSegment(std::size_t index);
  absl::Status TakeFrame(ScannedSegment& segment, const FrameView& frame);
  // Replays the record of a kRecordFile frame.
  Task<absl::Status> TakeRecordFile(const ScannedSegment* segment, FrameView frame);
  // The chain is broken at `at`: an error if that is damage, else cuts there.
  Task<absl::Status> Break(LogPosition at, std::uint64_t boot, SegmentMode mode);
  Task<absl::StatusOr<Witness>> FindWitness(LogPosition at);
  Task<absl::Status> WitnessOf(std::uint32_t number, LogPosition at, Witness* witness);
  absl::Status Damage(LogPosition at, const Witness& witness, std::string_view why);
  // Damage, unless the log is live and what was missing is there by now: then it was not written
  // yet when it was read.
  Task<absl::Status> DamageUnlessLive(LogPosition at, absl::Status damage);
  Task<absl::StatusOr<bool>> HasAppeared(LogPosition at);
  // The header of a segment that was begun, as it is at this moment.
  Task<absl::StatusOr<std::optional<SegmentHeader>>> HeaderNow(std::uint32_t number);
  Task<absl::StatusOr<bool>> HasSuccessor(LogPosition end);
  void Finish();

  bool InChain(std::uint32_t number) const {
    return std::any_of(
        scan_.chain.begin(), scan_.chain.end(),
        [number](const ScannedSegment& segment) { return segment.header.number == number; });
  }
  std::string Path(std::uint64_t number) const {
    return SegmentPath(options_.directory, static_cast<std::uint32_t>(number));
  }

  FileSystem& files_;
  const ScanOptions options_;
  LogRecordCallback* const replay_;

  std::vector<std::uint32_t> numbers_;              // of all segment files
  std::map<std::uint32_t, SegmentHeader> headers_;  // the valid ones, from first_segment on
  // Which segment a file was made or last used as, where its first block says so. The same for two
  // files: they are one, under two names.
  std::map<std::uint32_t, std::uint32_t> held_;
  std::vector<std::uint32_t> misnamed_;  // those that hold a segment of a higher number
  std::vector<std::uint32_t> suspects_;  // those whose header is torn or damaged
  std::uint64_t boot_ = 0;               // in force at the end of the walk so far
  bool cut_ = false;
  LogScan scan_;
};

Task<absl::StatusOr<SegmentReader>> LogScanner::OpenListed(std::uint64_t number) {
  absl::StatusOr<SegmentReader> reader = co_await SegmentReader::Open(files_, Path(number));
  if (options_.live && absl::IsNotFound(reader.status())) {
    co_return AbortedError("log segment ", Path(number), " went away while the log was read");
  }
  co_return reader;
}

Task<absl::Status> LogScanner::ReadHeader(std::uint32_t number) {
  AURORA_CO_ASSIGN(SegmentReader reader, co_await OpenListed(number));
  if (reader.size() < kMinSegmentBytes) co_return absl::OkStatus();
  AURORA_CO_RETURN_IF_ERROR(co_await reader.Load(kSegmentHeaderBytes));
  SegmentHeader header;
  const HeaderState state =
      DecodeSegmentHeader(reader.view().substr(0, kSegmentHeaderBytes), &header);
  if (state == HeaderState::kValid || state == HeaderState::kPrepared) {
    held_[number] = header.number;
  }
  if (number < options_.first_segment) co_return absl::OkStatus();
  if (state == HeaderState::kInvalid) suspects_.push_back(number);
  if (state != HeaderState::kValid) co_return absl::OkStatus();
  if (std::memcmp(header.identity.database_id, options_.identity.database_id, 16) != 0) {
    co_return FailedPreconditionError("log segment ", reader.path(),
                                      " belongs to another database");
  }
  if (header.identity.epoch > options_.identity.epoch) {
    co_return FailedPreconditionError("log segment ", reader.path(), " is of epoch ",
                                      header.identity.epoch, ", later than this database's ",
                                      options_.identity.epoch);
  }
  // A lower number is what the file held before it was recycled.
  if (header.number > number) misnamed_.push_back(number);
  if (header.number != number) co_return absl::OkStatus();
  if (reader.size() < header.segment_bytes) {
    co_return DataLossError("log segment ", reader.path(), " was cut to ", reader.size(),
                            " bytes; it had ", header.segment_bytes);
  }
  headers_[number] = header;
  co_return absl::OkStatus();
}

// A file that holds a segment of a higher number bears an old name of that segment's file, which is
// there under its own name too, or under a later one if it has been recycled since.
absl::Status LogScanner::CheckNames() const {
  for (const std::uint32_t number : misnamed_) {
    const std::uint32_t holds = held_.at(number);
    const bool is_elsewhere =
        std::binary_search(numbers_.begin(), numbers_.end(), holds) ||
        std::any_of(held_.upper_bound(holds), held_.end(),
                    [holds](const auto& other) { return other.second == holds; });
    if (is_elsewhere) continue;
    return DataLossError("log segment ", Path(number), " holds segment ", holds,
                         " instead: the files were renamed or mixed up");
  }
  return absl::OkStatus();
}

Task<absl::StatusOr<bool>> LogScanner::BuildChain(std::uint64_t below) {
  scan_.chain.clear();
  for (;;) {
    auto newest = headers_.lower_bound(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(below, UINT32_MAX)));
    if (newest == headers_.begin()) co_return false;
    --newest;
    scan_.chain.clear();
    std::uint32_t missing = 0;
    for (std::uint32_t number = newest->first;;) {
      const auto found = headers_.find(number);
      if (found == headers_.end()) {
        missing = number;
        break;
      }
      scan_.chain.push_back(ScannedSegment{found->second});
      number = found->second.predecessor;
      if (number < options_.first_segment) break;
    }
    if (missing == 0) {
      std::reverse(scan_.chain.begin(), scan_.chain.end());
      co_return true;
    }
    if (!std::binary_search(numbers_.begin(), numbers_.end(), missing)) {
      co_return DataLossError("log segment ", Path(missing), " is missing: segment ",
                              scan_.chain.back().header.number, " continues it");
    }
    const SegmentHeader successor = scan_.chain.back().header;
    AURORA_CO_RETURN_IF_ERROR(
        co_await Break(LogPosition{missing, 0}, successor.boot, successor.mode));
    below = missing;
  }
}

absl::Status LogScanner::TakeFrame(ScannedSegment& segment, const FrameView& frame) {
  const FrameHeader& header = frame.header;
  const LogPosition at{segment.header.number, header.offset};
  if (IsRecord(header.kind)) {
    if (header.sequence <= scan_.last_sequence) {
      return DataLossError("log segment ", Where(Path(at.segment), at.offset), ": sequence ",
                           header.sequence, " follows ", scan_.last_sequence);
    }
    scan_.last_sequence = header.sequence;
    const LogPosition made = segment.header.watermark;
    if (made.segment != at.segment || at.offset >= made.offset) {
      scan_.last_segment_untouched = false;
    }
    scan_.last_mark.reset();
    scan_.clean_close = false;
  } else {
    if (header.kind == FrameKind::kOpenMark && frame.payload.size() == 8) {
      boot_ = LoadFixed<std::uint64_t>(frame.payload.data());
    }
    scan_.last_mark = header.offset;
    scan_.last_mark_previous_end = header.previous_end;
    scan_.clean_close = header.kind == FrameKind::kCloseMark;
  }
  const LogPosition watermark{
      header.watermark_in_predecessor ? segment.header.predecessor : segment.header.number,
      header.watermark};
  scan_.safe = std::max(scan_.safe, watermark);
  segment.end = frame.end;
  const bool is_at_hand = header.kind == FrameKind::kRecord || header.kind == FrameKind::kIngestion;
  if (!is_at_hand || header.sequence <= options_.after) return absl::OkStatus();
  ++scan_.report.record_count;
  LogRecord record{header.sequence, at, frame.payload, {}, {}};
  if (header.kind == FrameKind::kIngestion) {
    const std::optional<IngestionPayload> ingestion = SplitIngestion(frame.payload);
    if (!ingestion.has_value()) {
      return DataLossError("log segment ", Where(Path(at.segment), at.offset), ": commit ",
                           header.sequence, " is not an ingestion");
    }
    record.payload = ingestion->record;
    record.tables = ingestion->tables;
  }
  return (*replay_)(record);
}

Task<absl::Status> LogScanner::TakeRecordFile(const ScannedSegment* segment, FrameView frame) {
  if (frame.header.sequence <= options_.after) co_return absl::OkStatus();
  const LogPosition at{segment->header.number, frame.header.offset};
  const RecordFileReference file = DecodeRecordFileReference(frame.payload);
  const absl::StatusOr<RecordFilePayload> payload =
      co_await RecordFilePayload::Read(&files_, options_.directory, options_.identity, file);
  if (!payload.ok()) {
    if (frame.header.sequence <= options_.flushed_through) co_return absl::OkStatus();
    co_return Annotate(payload.status(), StrCat("commit ", frame.header.sequence, ", log segment ",
                                                Where(Path(at.segment), at.offset)));
  }
  ++scan_.report.record_count;
  scan_.record_files.push_back(file.number);
  co_return (*replay_)(LogRecord{frame.header.sequence, at, payload->view(), file, {}});
}

Task<absl::Status> LogScanner::WalkSegment(std::size_t index) {
  ScannedSegment& segment = scan_.chain[index];
  const SegmentHeader header = segment.header;
  const bool is_last = index + 1 == scan_.chain.size();
  const std::uint32_t limit = is_last ? 0 : scan_.chain[index + 1].header.predecessor_end;
  AURORA_CO_ASSIGN(SegmentReader reader, co_await OpenListed(header.number));
  segment.file_bytes = reader.size();
  boot_ = header.boot;
  scan_.last_mark.reset();
  scan_.clean_close = false;
  scan_.last_segment_untouched = header.watermark.segment == header.number;
  FrameWalker walker(&reader, header, limit);
  for (;;) {
    AURORA_CO_ASSIGN(const bool found, co_await walker.Next());
    if (!found) break;
    AURORA_CO_RETURN_IF_ERROR(TakeFrame(segment, walker.frame()));
    if (walker.frame().header.kind == FrameKind::kRecordFile) {
      AURORA_CO_RETURN_IF_ERROR(co_await TakeRecordFile(&segment, walker.frame()));
    }
  }
  if (!is_last && segment.end == limit) co_return absl::OkStatus();
  if (is_last && scan_.clean_close) {
    // Nothing is ever written beyond a close mark: the next open mark takes its place. Only a
    // segment that was begun after it, and has lost its header since, could make it a lie.
    if (suspects_.empty() || suspects_.back() < header.number) co_return absl::OkStatus();
    AURORA_CO_ASSIGN(const Witness witness,
                     co_await FindWitness(LogPosition{header.number, segment.end}));
    if (witness.watermark > LogPosition{header.number, segment.end}) {
      const LogPosition suspect{suspects_.back(), 0};
      co_return co_await DamageUnlessLive(suspect,
                                          Damage(suspect, witness, "later frames rely on it"));
    }
    co_return absl::OkStatus();
  }
  const LogPosition at{header.number, segment.end};
  AURORA_CO_RETURN_IF_ERROR(co_await Break(at, boot_, header.mode));
  scan_.chain.resize(index + 1);
  co_return absl::OkStatus();
}

Task<absl::Status> LogScanner::WalkChain() {
  scan_.last_sequence = scan_.chain.front().header.last_sequence;
  scan_.safe = LogPosition{scan_.chain.front().header.number, 0};
  // A break shortens the chain.
  for (std::size_t index = 0; index < scan_.chain.size(); ++index) {
    AURORA_CO_RETURN_IF_ERROR(co_await WalkSegment(index));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> LogScanner::WitnessOf(std::uint32_t number, LogPosition at, Witness* witness) {
  // Without its header, a segment beyond the break is taken to follow the one that breaks; which
  // one that itself follows is not known (0), nor does it matter: it lies before the break.
  std::uint32_t predecessor = number == at.segment ? 0 : static_cast<std::uint32_t>(at.segment);
  std::uint32_t from = kSegmentHeaderBytes;
  LogIdentity identity = options_.identity;
  const auto header = headers_.find(number);
  if (header != headers_.end()) {
    predecessor = header->second.predecessor;
    identity = header->second.identity;
    if (number > at.segment) {
      witness->watermark = std::max(witness->watermark, header->second.watermark);
      witness->Add(LogPosition{number, 0}, header->second.last_sequence + 1);
    }
  } else if (!scan_.chain.empty()) {
    identity = scan_.chain.back().header.identity;
  }
  if (number == at.segment) {
    from = static_cast<std::uint32_t>(std::max<std::uint64_t>(at.offset, from));
  }
  AURORA_CO_ASSIGN(SegmentReader reader, co_await OpenListed(number));
  AURORA_CO_RETURN_IF_ERROR(co_await reader.Load(reader.size()));
  // A segment whose header is gone was begun in the chain's epoch, or in a raised one.
  for (const LogIdentity& candidate : {identity, options_.identity}) {
    const FrameWitness found =
        FindFrameHeaders(reader.view(), FrameSeed(candidate, number), number, from);
    if (found.count == 0) continue;
    if (found.watermark != 0) {
      witness->watermark = std::max(witness->watermark, LogPosition{number, found.watermark});
    }
    if (found.predecessor_watermark != 0 && predecessor != 0) {
      witness->watermark =
          std::max(witness->watermark, LogPosition{predecessor, found.predecessor_watermark});
    }
    witness->bytes += found.last_end - from;
    // The broken frame itself may have a valid header: it does not follow the break.
    const bool is_broken_one =
        number == at.segment && found.count == 1 && found.first_previous_end == from;
    if (!is_broken_one) {
      witness->Add(LogPosition{number, found.first_offset}, found.first_sequence);
    }
    break;
  }
  co_return absl::OkStatus();
}

Task<absl::StatusOr<Witness>> LogScanner::FindWitness(LogPosition at) {
  Witness witness;
  std::uint32_t newest = 0;
  for (const ScannedSegment& segment : scan_.chain) {
    newest = std::max(newest, segment.header.number);
  }
  for (const std::uint32_t number : numbers_) {
    if (number < at.segment) continue;
    // What an earlier recovery left behind, between two segments of the chain, is no witness.
    if (number < newest && number != at.segment && !InChain(number)) continue;
    AURORA_CO_RETURN_IF_ERROR(co_await WitnessOf(number, at, &witness));
  }
  co_return witness;
}

absl::Status LogScanner::Damage(LogPosition at, const Witness& witness, std::string_view why) {
  std::string next;
  if (witness.any) {
    next = StrCat("; the next valid frame is in ",
                  Where(Path(witness.first.segment), witness.first.offset), " with sequence ",
                  witness.first_sequence);
  }
  return DataLossError("log segment ", Where(Path(at.segment), at.offset), " is damaged: no valid ",
                       at.offset == 0 ? std::string("header") : std::string("frame"),
                       " where one must be (", why, "). Records after sequence ",
                       scan_.last_sequence, " are lost", next);
}

Task<absl::StatusOr<std::optional<SegmentHeader>>> LogScanner::HeaderNow(std::uint32_t number) {
  AURORA_CO_ASSIGN(SegmentReader reader, co_await OpenListed(number));
  if (reader.size() < kMinSegmentBytes) co_return std::nullopt;  // as in ReadHeader
  AURORA_CO_RETURN_IF_ERROR(co_await reader.Load(kSegmentHeaderBytes));
  const std::string_view block = reader.view().substr(0, kSegmentHeaderBytes);
  SegmentHeader header;
  if (block.size() < kSegmentHeaderBytes ||
      DecodeSegmentHeader(block, &header) != HeaderState::kValid || header.number != number) {
    co_return std::nullopt;
  }
  co_return header;
}

Task<absl::StatusOr<bool>> LogScanner::HasAppeared(LogPosition at) {
  const auto number = static_cast<std::uint32_t>(at.segment);
  if (at.offset == 0) {
    AURORA_CO_ASSIGN(const std::optional<SegmentHeader> now, co_await HeaderNow(number));
    co_return now.has_value();
  }
  const auto header = headers_.find(number);
  AURORA_CHECK(header != headers_.end());
  AURORA_CO_ASSIGN(SegmentReader reader, co_await OpenListed(number));
  const std::uint64_t size = std::min<std::uint64_t>(header->second.segment_bytes, reader.size());
  const std::uint64_t seed = FrameSeed(header->second.identity, number);
  FrameView frame;
  AURORA_CO_RETURN_IF_ERROR(co_await reader.Load(NextBlock(at.offset) + kDeviceBlockSize));
  for (;;) {
    const FrameState state = FindNextFrame(reader.view(), size, seed, number,
                                           static_cast<std::uint32_t>(at.offset), &frame);
    if (state != FrameState::kShort) co_return state == FrameState::kValid;
    AURORA_CO_RETURN_IF_ERROR(co_await reader.Load(frame.end));
  }
}

Task<absl::StatusOr<bool>> LogScanner::HasSuccessor(LogPosition end) {
  AURORA_CO_ASSIGN(const std::vector<std::uint32_t> numbers,
                   co_await ListSegments(files_, options_.directory));
  for (const std::uint32_t number : numbers) {
    if (number <= end.segment) continue;
    AURORA_CO_ASSIGN(const std::optional<SegmentHeader> now, co_await HeaderNow(number));
    if (!now.has_value()) continue;
    if (now->predecessor == end.segment && now->predecessor_end == end.offset) co_return true;
  }
  co_return false;
}

Task<absl::Status> LogScanner::DamageUnlessLive(LogPosition at, absl::Status damage) {
  if (!options_.live) co_return damage;
  AURORA_CO_ASSIGN(const bool appeared, co_await HasAppeared(at));
  const bool is_last = !scan_.chain.empty() && scan_.chain.back().header.number == at.segment;
  if (!appeared) {
    // A segment that was begun since may go on exactly where this one ends.
    AURORA_CO_ASSIGN(const bool continued, co_await HasSuccessor(at));
    if (!continued) co_return damage;
  }
  // Everything that had been written when the scan began has been read, if this was the last
  // segment by then.
  if (is_last && at.offset != 0) co_return absl::OkStatus();
  co_return AbortedError("log segment ", Path(at.segment), " was written while it was read");
}

Task<absl::Status> LogScanner::Break(LogPosition at, std::uint64_t boot, SegmentMode mode) {
  AURORA_CO_ASSIGN(const Witness witness, co_await FindWitness(at));
  if (witness.watermark > at) {
    co_return co_await DamageUnlessLive(
        at, Damage(at, witness,
                   StrCat("a later one states that segment ", witness.watermark.segment,
                          " was on the device up to offset ", witness.watermark.offset)));
  }
  const bool same_boot = boot != 0 && boot == options_.boot;
  if (mode == SegmentMode::kMapped && same_boot && witness.any) {
    co_return co_await DamageUnlessLive(
        at, Damage(at, witness, "the machine has not lost power since it was written"));
  }
  if (cut_) co_return absl::OkStatus();
  std::uint64_t bytes = witness.bytes;
  std::string reason = "frames that were not acknowledged as durable, behind one that is not whole";
  if (bytes == 0) {
    AURORA_CO_ASSIGN(SegmentReader reader, co_await OpenListed(at.segment));
    const std::uint64_t start = std::max<std::uint64_t>(at.offset, kSegmentHeaderBytes);
    const std::uint64_t fresh = NextBlock(start);
    AURORA_CO_RETURN_IF_ERROR(co_await reader.Load(fresh + kFrameHeaderBytes));
    for (const std::uint64_t offset : {start, fresh}) {
      if (offset + kFrameHeaderBytes <= reader.view().size() &&
          ResemblesFrameHeader(reader.view().data() + offset,
                               static_cast<std::uint32_t>(at.segment),
                               static_cast<std::uint32_t>(offset))) {
        bytes = offset + kFrameHeaderBytes - start;
      }
    }
    reason = "an incomplete frame";
  }
  if (bytes == 0) co_return absl::OkStatus();
  cut_ = true;
  scan_.report.cut_bytes = bytes;
  scan_.report.cut_reason = StrCat(reason, ", ", Where(Path(at.segment), at.offset));
  co_return absl::OkStatus();
}

void LogScanner::Finish() {
  for (const std::uint32_t number : numbers_) {
    if (InChain(number)) continue;
    const auto held = held_.find(number);
    const bool last_name =
        held != held_.end() &&
        std::none_of(held_.upper_bound(number), held_.end(),
                     [&](const auto& other) { return other.second == held->second; }) &&
        !InChain(held->second);
    if (!last_name) {
      scan_.unusable.push_back(number);
    } else if (headers_.contains(number)) {
      scan_.superseded.push_back(number);
    } else {
      scan_.reusable.push_back(number);
    }
  }
  scan_.highest_number = numbers_.empty() ? 0 : numbers_.back();
  if (!scan_.chain.empty()) {
    scan_.report.end = LogPosition{scan_.chain.back().header.number, scan_.chain.back().end};
  }
  scan_.report.last_sequence = scan_.last_sequence;
  scan_.report.clean_close = scan_.clean_close;
}

Task<absl::StatusOr<LogScan>> LogScanner::Run() {
  AURORA_CO_ASSIGN(numbers_, co_await ListSegments(files_, options_.directory));
  for (const std::uint32_t number : numbers_) {
    AURORA_CO_RETURN_IF_ERROR(co_await ReadHeader(number));
  }
  AURORA_CO_RETURN_IF_ERROR(CheckNames());
  AURORA_CO_ASSIGN(const bool found, co_await BuildChain(std::uint64_t{UINT32_MAX} + 1));
  if (found) {
    AURORA_CO_RETURN_IF_ERROR(co_await WalkChain());
  } else if (std::binary_search(numbers_.begin(), numbers_.end(), options_.first_segment)) {
    // Made ready, never begun.
    AURORA_CO_RETURN_IF_ERROR(
        co_await Break(LogPosition{options_.first_segment, 0}, 0, SegmentMode::kDirect));
  } else {
    co_return DataLossError("log segment ", Path(options_.first_segment), " is missing");
  }
  Finish();
  co_return std::move(scan_);
}

}  // namespace

Task<absl::StatusOr<LogScan>> ScanLog(FileSystem& files, ScanOptions options,
                                      LogRecordCallback* replay) {
  AURORA_CHECK(options.first_segment != 0);
  LogScanner scanner(files, std::move(options), replay);
  co_return co_await scanner.Run();
}

}  // namespace aurora::lsm
