// The manifest in force: the durable description of the tree, and the only place where a change of
// the tree becomes one.
//
// A manifest file is begun with the whole state and then appended to, each edit synced before the
// next. When it has grown it is rolled: a new file is written and synced, then an empty file
// ROOT-<number> is made, whose name alone puts the new manifest in force, and the directory synced.
// Nothing is appended to a manifest before its root is durable, and nothing is removed that an
// older one needs before that: two generations are kept. A manifest without a root was never in
// force.
//
// After a failed Append it is unknown whether the edit is in the file. Nothing may be appended
// behind it, so the next Append, if there is one, rolls first: the state without the failed edit,
// in a file of its own, then the new edit. Until that has succeeded, no file may be removed that
// either outcome needs.
//
// A store begins a manifest whenever it is opened, also on a full device: then a file of reserved
// space, and the generations before the one in force, make room for it.
//
// One call at a time. The FileSystem must outlive the manifest.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/manifest_format.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class Manifest {
 public:
  // A manifest is rolled when it has this size and is four times as large as its first frame.
  static constexpr std::uint64_t kRollBytes = std::uint64_t{1} << 20;

  struct Recovered {
    std::uint64_t number = 0;
    DecodedManifest manifest;
  };
  // Reads the manifest in force; nullopt if there is no root. Changes nothing.
  static Task<absl::StatusOr<std::optional<Recovered>>> Recover(FileSystem* files,
                                                                std::string directory);

  // Puts a new manifest `number`, above every earlier one, in force and removes generations older
  // than the one before it. What bears its name without a root is overwritten. If the device has no
  // room for it, a later number is begun in place of the reserve and of what is older than the
  // manifest in force.
  static Task<absl::StatusOr<std::unique_ptr<Manifest>>> Create(
      FileSystem* files, std::string directory, std::uint64_t number, ManifestState state,
      std::uint64_t roll_bytes = kRollBytes);

  // Sees to it that there is a reserve for the next Create. Without space there is none.
  Task<void> KeepReserve();

  // Applies `edit` durably. `edit` must be one that can follow state() (checked). On failure
  // state() is unchanged.
  Task<absl::Status> Append(ManifestEdit edit);

  const ManifestState& state() const { return state_; }
  std::uint64_t number() const { return number_; }
  std::uint64_t size_bytes() const { return size_; }

 private:
  Manifest(FileSystem* files, std::string directory, ManifestState state, std::uint64_t roll_bytes);
  // Begins manifest `number` with state_ and puts it in force.
  Task<absl::Status> Begin(std::uint64_t number);
  // Removes what the manifest in force does not need.
  Task<absl::Status> MakeRoom();
  Task<absl::Status> SyncNames();
  // At the end of file_, durably. `frame` must live until the task completes.
  Task<absl::Status> WriteFrame(const std::string* frame);
  Task<void> RemoveOldGenerations();

  FileSystem* const files_;
  const std::string directory_;
  const std::uint64_t roll_bytes_;
  ManifestState state_;
  std::uint64_t number_ = 0;  // the last that was tried
  std::unique_ptr<File> file_;
  std::uint64_t size_ = 0;
  std::uint64_t first_frame_bytes_ = 0;
  std::uint64_t edit_count_ = 0;
  bool in_doubt_ = false;  // the last write failed: nothing may follow it in this file
};

}  // namespace aurora::lsm
