// The durable description of the tree, as bytes: what a manifest file holds, and how it is read.
//
// A manifest is a sequence of frames, each an edit (a Cap'n Proto message, manifest.capnp). The
// first edit makes the whole state, the others change it. A frame is appended, and synced, before
// the next one is written; so at most the last one can be incomplete.
//
//   offset size  of a frame (little-endian; a multiple of 8 bytes)
//   0      4     magic "AMF1"
//   4      4     bytes of payload, a multiple of 8
//   8      8     number of the edit in this file: 0, 1, 2, ...
//   16     8     XXH3 of the payload, seeded by the manifest's number and the edit's
//   24     8     XXH3 of bytes 0 to 23, seeded likewise
//   32           payload
//
// An invalid frame is an incomplete last append, and is cut, only if nothing was written after it:
// its own intact header shows that the file ends within it, or no valid header follows it anywhere.
// Everything else is DataLoss. The first frame is never cut: the root marker that names a manifest
// is made after the first frame was synced.
//
// Functions here do no I/O. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/types.h"
#include "aurora/lsm/value_format.h"

namespace aurora::lsm {

// Of the directory as a whole. What is of an older version from kOldestFormatVersion on is read,
// and is of this one from its next open for writing on. Another number is refused.
inline constexpr std::uint32_t kFormatVersion = 3;
inline constexpr std::uint32_t kOldestFormatVersion = 1;
inline constexpr std::string_view kComparatorName = "aurora.bytewise";
inline constexpr int kLevelCount = 7;
inline constexpr std::size_t kManifestFrameHeaderSize = 32;
// Keeps a hostile length from being believed; far above what a million tables need.
inline constexpr std::size_t kManifestPayloadMax = std::size_t{1} << 30;

// A table file of the tree.
struct TableInfo {
  std::uint64_t number = 0;
  int level = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t hash = 0;  // XXH3 of the whole file
  std::uint64_t entry_count = 0;
  std::string smallest_key;  // stored keys, both inclusive, of entries and range deletes
  std::string largest_key;
  bool largest_is_exclusive = false;  // it is where a range delete ends
  Sequence smallest_sequence = 0;
  Sequence largest_sequence = 0;
  std::uint64_t range_delete_count = 0;
  Sequence ingested_at = 0;  // all entries are of this commit; 0: each of the one that it names
  std::vector<ValueReference> values;  // ascending by file
  // Of entry_count. Tables of format 2 and before say 0, whatever they hold.
  std::uint64_t delete_count = 0;
  std::uint64_t expiring_count = 0;  // entries that expire
  Expiry half_expired_at = 0;        // HalfExpiredAt (table_properties.h)

  // What the values take that lie elsewhere.
  std::uint64_t value_bytes() const;
  // Of what the table holds, half or more are deletes of keys or of ranges.
  bool IsDense() const {
    const std::uint64_t deletes = delete_count + range_delete_count;
    return deletes > 0 && deletes >= entry_count - delete_count;
  }
  // All that the table holds is before `key`.
  bool EndsBefore(std::string_view key) const {
    const int order = std::string_view(largest_key).compare(key);
    return order < 0 || (order == 0 && largest_is_exclusive);
  }
  // `key` is between the smallest and the largest key.
  bool Spans(std::string_view key) const {
    return std::string_view(smallest_key) <= key && !EndsBefore(key);
  }
  friend bool operator==(const TableInfo&, const TableInfo&) = default;
};

// A value file.
struct ValueFileInfo {
  std::uint64_t id = 0;      // by which tables name it: the number of its first file
  std::uint64_t number = 0;  // of the file that it is now
  std::uint64_t size_bytes = 0;
  std::uint64_t hash = 0;         // XXH3 of the whole file
  std::uint64_t value_count = 0;  // of all values in it, needed or not
  std::uint64_t stored_bytes = 0;
  friend bool operator==(const ValueFileInfo&, const ValueFileInfo&) = default;
};

// A value file and what the tables need of it; the rest is garbage. Every value is named by one
// entry of one table, or by none.
struct ValueFileUse {
  ValueFileInfo info;
  std::uint64_t live_count = 0;
  std::uint64_t live_bytes = 0;

  std::uint64_t garbage_bytes() const { return info.stored_bytes - live_bytes; }
  friend bool operator==(const ValueFileUse&, const ValueFileUse&) = default;
};

// A change of the tree. What is not set stays.
struct ManifestEdit {
  std::vector<std::uint64_t> removed_tables;
  std::vector<TableInfo> added_tables;  // a removed table may be added again, at another level
  std::vector<std::uint64_t> removed_value_files;  // ids
  std::vector<ValueFileInfo> added_value_files;    // a removed id may be added again
  std::optional<std::uint64_t> log_start_segment;
  std::optional<Sequence> flushed_through;
  std::optional<Sequence> ingested_through;
  std::optional<Sequence> reserved_through;
  std::optional<std::uint64_t> next_file_number;
  std::optional<std::string> handler_state;
  // This is the last edit before a clean close, and the last sequence that was issued.
  std::optional<Sequence> closed_at;
};

// All that the manifest knows.
struct ManifestState {
  LogIdentity identity;
  std::string boot_id;  // of the machine, when this manifest was begun
  std::map<std::uint64_t, TableInfo> tables;
  std::map<std::uint64_t, ValueFileUse> value_files;  // by id
  // Recovery replays the log from this segment on (0: there is no log yet), of it the records above
  // flushed_through.
  std::uint64_t log_start_segment = 0;
  Sequence flushed_through = 0;
  // The tables of every ingestion up to this one were added.
  Sequence ingested_through = 0;
  // No sequence above this one, and no file of this number or above, was ever given out.
  Sequence reserved_through = 0;
  std::uint64_t next_file_number = 1;
  std::string handler_state;  // as of flushed_through
  // The last sequence that was issued before a clean close. Any later edit clears it, and a
  // manifest does not begin with it: whoever opens the store again must say so in the manifest
  // before it issues another.
  std::optional<Sequence> closed_at;
};

// Applies `edit`, or explains why it cannot follow `state` and leaves it unspecified: removes what
// is not there or is needed, adds what is there already, an inverted range, a level out of bounds,
// a counter that goes back, or a table that needs more of a value file than that holds.
absl::Status ApplyEdit(const ManifestEdit& edit, ManifestState* state);

// Appends the frame of a manifest's first edit, which makes `state`.
void AppendSnapshotFrame(std::uint64_t manifest_number, const ManifestState& state,
                         std::string* out);
// Appends the frame of edit `edit_number` > 0.
void AppendEditFrame(std::uint64_t manifest_number, std::uint64_t edit_number,
                     const ManifestEdit& edit, std::string* out);

struct DecodedManifest {
  ManifestState state;
  std::uint64_t edit_count = 0;
  std::size_t valid_bytes = 0;
  std::string cut_reason;  // empty if nothing was cut
};

// Reads a whole manifest. Errors: DataLoss, naming `path` and the offset; FailedPrecondition if it
// is intact but of another format version or comparator.
absl::StatusOr<DecodedManifest> DecodeManifest(std::string_view path, std::uint64_t manifest_number,
                                               std::string_view bytes);

// Tables as a message: what the log says of an ingestion. A multiple of 8 bytes.
std::string EncodeTables(const std::vector<TableInfo>& tables);
// DataLoss if it is not one.
absl::StatusOr<std::vector<TableInfo>> DecodeTables(std::string_view bytes);

// A frame of a manifest, as it is shown; or what lies where one should be.
struct ManifestFrame {
  std::size_t offset = 0;
  std::size_t bytes = 0;          // with its header
  std::uint64_t edit_number = 0;  // of a frame
  absl::Status status;            // what is wrong; then there is no edit
  ManifestEdit edit;
  std::optional<LogIdentity> identity;  // of a first edit, as the boot id
  std::string boot_id;
};
// Gives each frame to `visit`, in order, and what is damaged with it: it goes on at the next valid
// frame header. Nothing is applied, so nothing is said of whether one edit can follow another.
void VisitManifestFrames(std::uint64_t manifest_number, std::string_view bytes,
                         absl::FunctionRef<void(const ManifestFrame&)> visit);

}  // namespace aurora::lsm
