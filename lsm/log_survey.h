// A log as far as it can be read: to verify, to salvage and to show one that may be damaged.
//
// ScanLog (log_reader.h) decides what the log is, and ends at the first damage. This goes on behind
// it: every frame proves itself, so those behind a gap can be found and used, and what they say of
// their sequences bounds what is missing.
//
// Reads from the device; changes nothing. One user at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/log_format.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/patient_file.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

// Walks the frames of one segment and what lies between them. Memory: the whole segment.
class SegmentSurvey {
 public:
  // Frames are those of the header, if it is valid; else of the first of `identities` that any
  // frame proves. Only a file that cannot be opened is an error.
  static Task<absl::StatusOr<std::unique_ptr<SegmentSurvey>>> Open(
      FileSystem* files, std::string path, std::uint32_t number,
      std::vector<LogIdentity> identities);

  struct Item {
    enum class Kind : std::uint8_t {
      kFrame,
      kGap,   // no frame, and valid ones follow
      kTail,  // what was meant to be a frame, and none follows
    };
    Kind kind = Kind::kFrame;
    FrameView frame;  // kFrame; of a gap or tail: the header that begins it, if that is valid
    bool has_header = false;
    FileRange where;
  };
  // Moves on; false at the end, or at `limit`, where the log goes on elsewhere (0: unknown).
  bool Next(std::uint32_t limit);
  const Item& item() const { return item_; }

  HeaderState header_state() const { return header_state_; }
  // Its number is that of what the file holds: not necessarily that of its name.
  const SegmentHeader& header() const { return header_; }
  // The segment was begun under this number: its header is valid and says so.
  bool begun() const { return header_state_ == HeaderState::kValid && header_.number == number_; }
  std::uint32_t number() const { return number_; }
  const std::string& path() const { return file_->path(); }
  std::uint64_t file_bytes() const { return file_->size(); }
  const std::vector<FileRange>& unreadable() const { return file_->unreadable(); }
  // Where the last frame ends.
  std::uint32_t end() const { return end_; }

 private:
  SegmentSurvey(std::unique_ptr<PatientFile> file, std::uint32_t number)
      : file_(std::move(file)), number_(number) {}
  Task<void> Load(std::vector<LogIdentity> identities);
  // The first place from `from` on that holds a whole frame.
  std::optional<FrameView> FindFrame(std::uint32_t from) const;
  void TakeFrame(const FrameView& frame);
  bool TakeTail();

  const std::unique_ptr<PatientFile> file_;
  const std::uint32_t number_;
  std::string_view bytes_;
  HeaderState header_state_ = HeaderState::kInvalid;
  SegmentHeader header_;
  std::uint64_t seed_ = 0;
  std::uint32_t end_ = kSegmentHeaderBytes;
  bool at_end_ = false;
  bool is_closed_ = false;  // the last frame is a close mark
  std::optional<FrameView> behind_gap_;
  Item item_;
};

// Commits that are missing between two that are there.
struct LostCommits {
  Sequence after = 0;              // the last one before
  std::optional<Sequence> before;  // the first one behind; nullopt: none is there
  std::string file;                // where they were: relative to the database
  FileRange where;
  std::string what;
};

struct LogSurveyOptions {
  std::string directory;                // of the segments
  std::vector<LogIdentity> identities;  // whose frames may be taken where a header is lost
  std::uint32_t first_segment = 0;      // 0: unknown
  // The record files of commits up to this one are needed no more, and may be gone.
  Sequence flushed_through = 0;
};

struct LogSurvey {
  struct Segment {
    enum class Role : std::uint8_t {
      kLog,       // part of the log
      kReady,     // made ready, or used before and to be used again
      kReleased,  // the manifest says that nobody needs it
      kReplaced,  // a recovery has replaced it by another
    };
    std::uint32_t number = 0;
    Role role = Role::kReady;
    HeaderState header_state = HeaderState::kInvalid;
    SegmentHeader header;  // if it is valid
    std::uint64_t file_bytes = 0;
    std::uint32_t limit = 0;  // where the log goes on elsewhere; 0: not known
    std::uint64_t record_count = 0;
    std::uint32_t end = 0;  // of the last frame
  };
  std::vector<Segment> segments;  // all files, ascending
  std::vector<LostCommits> lost;
  bool clean_close = false;     // it ends with a close mark
  Sequence first_sequence = 0;  // of the records that are there; 0: none
  Sequence last_sequence = 0;
};

// Gives every record that is there to `replay` (which may be null), in order, and says what is
// missing. Where headers are lost too, what a recovery once cut may be among the records. An error
// of `replay` ends it.
Task<absl::StatusOr<LogSurvey>> SurveyLog(FileSystem* files, LogSurveyOptions options,
                                          LogRecordCallback* replay);

}  // namespace aurora::lsm
