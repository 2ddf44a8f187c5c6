#include "aurora/lsm/log_survey.h"

#include <algorithm>
#include <map>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_reader.h"
#include "aurora/lsm/record_file.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

Task<absl::StatusOr<std::unique_ptr<SegmentSurvey>>> SegmentSurvey::Open(
    FileSystem* files, std::string path, std::uint32_t number,
    std::vector<LogIdentity> identities) {
  AURORA_CO_ASSIGN(std::unique_ptr<PatientFile> file,
                   co_await PatientFile::Open(files, std::move(path)));
  std::unique_ptr<SegmentSurvey> survey(new SegmentSurvey(std::move(file), number));
  co_await survey->Load(std::move(identities));
  co_return survey;
}

Task<void> SegmentSurvey::Load(std::vector<LogIdentity> identities) {
  bytes_ = co_await file_->Read(0, std::min(file_->size(), kMaxSegmentBytes));
  if (bytes_.size() < kSegmentHeaderBytes) co_return;
  header_state_ = DecodeSegmentHeader(bytes_.substr(0, kSegmentHeaderBytes), &header_);
  if (begun()) {
    seed_ = FrameSeed(header_.identity, number_);
    co_return;
  }
  for (const LogIdentity& identity : identities) {
    seed_ = FrameSeed(identity, number_);
    if (FindFrame(kSegmentHeaderBytes).has_value()) co_return;
  }
}

std::optional<FrameView> SegmentSurvey::FindFrame(std::uint32_t from) const {
  FrameView view;
  for (std::uint64_t offset = from; offset + kFrameHeaderBytes <= bytes_.size();
       offset += kFrameAlignment) {
    if (ParseFrame(bytes_, bytes_.size(), seed_, number_, static_cast<std::uint32_t>(offset),
                   &view) == FrameState::kValid) {
      return view;
    }
  }
  return std::nullopt;
}

void SegmentSurvey::TakeFrame(const FrameView& frame) {
  item_ = Item();
  item_.frame = frame;
  item_.has_header = true;
  item_.where = {frame.header.offset, frame.end - frame.header.offset};
  end_ = frame.end;
  is_closed_ = frame.header.kind == FrameKind::kCloseMark;
}

bool SegmentSurvey::Next(std::uint32_t limit) {
  if (at_end_ || (limit != 0 && end_ >= limit)) return false;
  if (behind_gap_.has_value()) {
    TakeFrame(*std::exchange(behind_gap_, std::nullopt));
    return true;
  }
  FrameView view;
  const std::uint64_t size = bytes_.size();
  if (size >= kSegmentHeaderBytes &&
      FindNextFrame(bytes_, size, seed_, number_, end_, &view) == FrameState::kValid) {
    if (limit != 0 && view.end > limit) return false;
    TakeFrame(view);
    return true;
  }
  behind_gap_ = FindFrame(end_);
  if (behind_gap_.has_value() && limit != 0 && behind_gap_->header.offset >= limit) {
    behind_gap_.reset();
  }
  if (!behind_gap_.has_value() && limit == 0) return TakeTail();
  const std::uint32_t to = behind_gap_.has_value() ? behind_gap_->header.offset : limit;
  item_ = Item();
  item_.kind = Item::Kind::kGap;
  item_.where = {end_, to - end_};
  end_ = to;
  return true;
}

bool SegmentSurvey::TakeTail() {
  at_end_ = true;
  // Behind a close mark, and before a segment is begun, nothing is written: what resembles a frame
  // is of the file's life before.
  const bool is_ready =
      header_state_ == HeaderState::kPrepared || (header_state_ == HeaderState::kValid && !begun());
  if (is_closed_ || is_ready) return false;
  const auto fresh = static_cast<std::uint32_t>(NextBlock(end_));
  for (const std::uint32_t offset : {end_, fresh}) {
    if (offset + std::uint64_t{kFrameHeaderBytes} > bytes_.size()) continue;
    const char* const at = bytes_.data() + offset;
    const std::optional<FrameHeader> header = DecodeFrameHeader(at, seed_, number_, offset);
    if (!header.has_value() && !ResemblesFrameHeader(at, number_, offset)) continue;
    item_ = Item();
    item_.kind = Item::Kind::kTail;
    item_.has_header = header.has_value();
    if (header.has_value()) item_.frame.header = *header;
    item_.where = {offset, header.has_value() ? FrameBytes(header->payload_bytes)
                                              : std::uint64_t{kFrameHeaderBytes}};
    return true;
  }
  return false;
}

namespace {

class LogSurveyor {
 public:
  LogSurveyor(FileSystem* files, LogSurveyOptions options, LogRecordCallback* replay)
      : files_(*files), options_(std::move(options)), replay_(replay) {}

  Task<absl::StatusOr<LogSurvey>> Run() {
    absl::StatusOr<std::vector<std::uint32_t>> numbers =
        co_await ListSegments(files_, options_.directory);
    if (absl::IsNotFound(numbers.status())) numbers = std::vector<std::uint32_t>();
    AURORA_CO_RETURN_IF_ERROR(numbers);
    identities_ = options_.identities;
    for (const std::uint32_t number : *numbers) {
      AURORA_CO_RETURN_IF_ERROR(co_await ReadHeader(number));
    }
    for (const std::uint32_t number : *numbers) {
      AURORA_CO_RETURN_IF_ERROR(co_await LookForFrames(number));
    }
    BuildChain();
    AURORA_CO_RETURN_IF_ERROR(co_await FindCaps());
    for (const std::uint32_t number : chain_) {
      AURORA_CO_RETURN_IF_ERROR(co_await WalkSegment(number));
    }
    for (const auto& [number, segment] : segments_) survey_.segments.push_back(segment);
    co_return std::move(survey_);
  }

 private:
  using Segment = LogSurvey::Segment;

  std::string FileOf(std::uint32_t number) const {
    return JoinPath(kLogDirectoryName, SegmentFileName(number));
  }
  Task<absl::StatusOr<std::unique_ptr<SegmentSurvey>>> OpenSegment(std::uint32_t number) {
    std::vector<LogIdentity> identities = identities_;
    co_return co_await SegmentSurvey::Open(&files_,
                                           JoinPath(options_.directory, SegmentFileName(number)),
                                           number, std::move(identities));
  }

  Task<absl::Status> ReadHeader(std::uint32_t number) {
    const absl::StatusOr<std::unique_ptr<SegmentSurvey>> opened = co_await OpenSegment(number);
    if (absl::IsNotFound(opened.status())) co_return absl::OkStatus();
    if (!opened.ok()) co_return opened.status();
    const SegmentSurvey& survey = **opened;
    Segment& segment = segments_[number];
    segment.number = number;
    segment.header_state = survey.header_state();
    segment.header = survey.header();
    segment.file_bytes = survey.file_bytes();
    begun_[number] = survey.begun() && IsOurs(survey.header().identity);
    if (begun_[number]) identities_.push_back(survey.header().identity);
    if (number < options_.first_segment) segment.role = Segment::Role::kReleased;
    co_return absl::OkStatus();
  }

  // What another life of a file has left in it is no part of the log, but no damage either.
  Task<absl::Status> LookForFrames(std::uint32_t number) {
    const auto found = segments_.find(number);
    if (found == segments_.end()) co_return absl::OkStatus();
    const HeaderState state = found->second.header_state;
    if (state != HeaderState::kInvalid && state != HeaderState::kBlank) co_return absl::OkStatus();
    AURORA_CO_ASSIGN(const std::unique_ptr<SegmentSurvey> survey, co_await OpenSegment(number));
    while (survey->Next(0)) {
      has_frames_[number] |= survey->item().kind == SegmentSurvey::Item::Kind::kFrame;
    }
    co_return absl::OkStatus();
  }

  bool IsOurs(const LogIdentity& identity) const {
    if (options_.identities.empty()) return true;
    return std::any_of(options_.identities.begin(), options_.identities.end(),
                       [&](const LogIdentity& ours) {
                         return std::equal(std::begin(ours.database_id), std::end(ours.database_id),
                                           std::begin(identity.database_id));
                       });
  }

  // From the newest segment back; what no segment names but follows the newest valid header, and
  // holds frames, has lost its own header.
  void BuildChain() {
    std::uint32_t number = 0;
    for (const auto& [candidate, segment] : segments_) {
      if (candidate < options_.first_segment) continue;
      if (begun_[candidate] || has_frames_[candidate]) number = candidate;
    }
    std::uint32_t successor = 0;
    while (number != 0 && number >= options_.first_segment) {
      const auto found = segments_.find(number);
      const bool there = found != segments_.end();
      if (there) {
        chain_.push_back(number);
        found->second.role = Segment::Role::kLog;
        // Where one is missing in between, the next one knows nothing of this one's end.
        if (successor != 0 && begun_[successor] &&
            segments_[successor].header.predecessor == number) {
          found->second.limit = segments_[successor].header.predecessor_end;
        }
        successor = number;
      }
      const std::uint32_t next =
          there && begun_[number] ? found->second.header.predecessor : Below(number);
      const bool missing = next != 0 && next >= options_.first_segment && !segments_.contains(next);
      // Without a manifest the log may begin anywhere.
      if (missing && options_.first_segment == 0) break;
      if (missing) missing_[successor] = StrCat(FileOf(next), " is missing");
      number = next;
    }
    std::reverse(chain_.begin(), chain_.end());
    for (auto& [candidate, segment] : segments_) {
      if (segment.role == Segment::Role::kReady && begun_[candidate]) {
        segment.role = Segment::Role::kReplaced;
      }
    }
  }

  // The segment that a lost one followed, as far as one can tell.
  std::uint32_t Below(std::uint32_t number) {
    for (auto at = segments_.lower_bound(number); at != segments_.begin();) {
      --at;
      if (begun_[at->first] || has_frames_[at->first]) return at->first;
    }
    return 0;
  }

  // No record of a segment is above where a later one begins.
  Task<absl::Status> FindCaps() {
    Sequence cap = kMaxSequence;
    for (auto at = chain_.rbegin(); at != chain_.rend(); ++at) {
      caps_[*at] = cap;
      if (begun_[*at]) {
        cap = std::min(cap, segments_[*at].header.last_sequence);
        continue;
      }
      AURORA_CO_ASSIGN(const std::unique_ptr<SegmentSurvey> survey, co_await OpenSegment(*at));
      while (survey->Next(0)) {
        const FrameHeader& frame = survey->item().frame.header;
        if (survey->item().kind != SegmentSurvey::Item::Kind::kFrame) continue;
        const bool record = IsRecord(frame.kind);
        cap = std::min(cap, record ? frame.sequence - 1 : frame.sequence);
        break;
      }
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> WalkSegment(std::uint32_t number) {
    Segment& segment = segments_[number];
    AURORA_CO_ASSIGN(const std::unique_ptr<SegmentSurvey> survey, co_await OpenSegment(number));
    if (const auto missing = missing_.find(number); missing != missing_.end()) {
      Lose(number, {0, 0}, missing->second);
    }
    if (begun_[number]) {
      Meet(segment.header.last_sequence);
      last_ = std::max(last_, segment.header.last_sequence);
      survey_.last_sequence = last_;
    } else {
      Lose(number, {0, kSegmentHeaderBytes}, "no valid header");
    }
    while (survey->Next(segment.limit)) {
      AURORA_CO_RETURN_IF_ERROR(co_await TakeItem(number, &survey->item()));
    }
    segment.end = survey->end();
    if (begun_[number] && segment.file_bytes < segment.header.segment_bytes) {
      Lose(number, {segment.file_bytes, segment.header.segment_bytes - segment.file_bytes},
           "the file is shorter than its header says");
    }
    co_return absl::OkStatus();
  }

  Task<absl::Status> TakeItem(std::uint32_t number, const SegmentSurvey::Item* item) {
    if (item->kind == SegmentSurvey::Item::Kind::kGap) {
      Lose(number, item->where, "no valid frame, and valid ones follow");
      co_return absl::OkStatus();
    }
    survey_.clean_close = false;
    if (item->kind == SegmentSurvey::Item::Kind::kTail) {
      Lose(number, item->where, "a frame that is not whole, and nothing follows");
      co_return absl::OkStatus();
    }
    const FrameHeader& frame = item->frame.header;
    if (!IsRecord(frame.kind)) {
      Meet(frame.sequence);
      survey_.clean_close = frame.kind == FrameKind::kCloseMark;
      co_return absl::OkStatus();
    }
    if (frame.sequence <= last_ || frame.sequence > caps_[number]) co_return absl::OkStatus();
    Meet(frame.sequence - 1);
    if (frame.kind == FrameKind::kRecordFile) co_return co_await TakeRecordFile(number, item);
    if (frame.kind == FrameKind::kIngestion) {
      const std::optional<IngestionPayload> ingestion = SplitIngestion(item->frame.payload);
      if (!ingestion.has_value())
        co_return DataLossError("commit ", frame.sequence, " is no ingestion");
      co_return Take(number, frame, {frame.sequence, {}, ingestion->record, {}, ingestion->tables});
    }
    co_return Take(number, frame, {frame.sequence, {}, item->frame.payload, {}, {}});
  }

  Task<absl::Status> TakeRecordFile(std::uint32_t number, const SegmentSurvey::Item* item) {
    const FrameHeader& frame = item->frame.header;
    const RecordFileReference file = DecodeRecordFileReference(item->frame.payload);
    // Of the identity, only the database counts.
    const Segment& segment = segments_[number];
    const LogIdentity identity = begun_[number] ? segment.header.identity : identities_.front();
    const absl::StatusOr<RecordFilePayload> payload =
        co_await RecordFilePayload::Read(&files_, options_.directory, identity, file);
    if (payload.ok()) {
      co_return Take(number, frame, {frame.sequence, {}, payload->view(), file, {}});
    }
    last_ = frame.sequence;
    survey_.last_sequence = last_;
    if (frame.sequence <= options_.flushed_through) co_return absl::OkStatus();
    LostCommits lost;
    lost.after = frame.sequence - 1;
    lost.before = frame.sequence + 1;
    lost.file = FileOf(number);
    lost.where = item->where;
    lost.what = std::string(ToStd(payload.status().message()));
    survey_.lost.push_back(std::move(lost));
    co_return absl::OkStatus();
  }

  absl::Status Take(std::uint32_t number, const FrameHeader& frame, LogRecord record) {
    last_ = frame.sequence;
    ++segments_[number].record_count;
    if (survey_.first_sequence == 0) survey_.first_sequence = frame.sequence;
    survey_.last_sequence = frame.sequence;
    if (replay_ == nullptr) return absl::OkStatus();
    record.position = {number, frame.offset};
    return (*replay_)(record);
  }

  // Something is missing here: how much, the next sequence that is met tells.
  void Lose(std::uint32_t number, FileRange where, std::string what) {
    LostCommits lost;
    lost.after = last_;
    lost.file = FileOf(number);
    lost.where = where;
    lost.what = std::move(what);
    survey_.lost.push_back(std::move(lost));
    open_losses_ = true;
  }
  // All up to `last` were before this place.
  void Meet(Sequence last) {
    if (!std::exchange(open_losses_, false)) return;
    for (LostCommits& lost : survey_.lost) {
      if (!lost.before.has_value()) lost.before = std::max(last, lost.after) + 1;
    }
  }

  FileSystem& files_;
  const LogSurveyOptions options_;
  LogRecordCallback* const replay_;
  std::vector<LogIdentity> identities_;
  std::map<std::uint32_t, Segment> segments_;
  std::map<std::uint32_t, bool> begun_;
  std::map<std::uint32_t, bool> has_frames_;
  std::map<std::uint32_t, std::string> missing_;  // before the segment of this number
  std::map<std::uint32_t, Sequence> caps_;
  std::vector<std::uint32_t> chain_;
  Sequence last_ = 0;  // of what was met
  bool open_losses_ = false;
  LogSurvey survey_;
};

}  // namespace

Task<absl::StatusOr<LogSurvey>> SurveyLog(FileSystem* files, LogSurveyOptions options,
                                          LogRecordCallback* replay) {
  LogSurveyor surveyor(files, std::move(options), replay);
  co_return co_await surveyor.Run();
}

}  // namespace aurora::lsm
