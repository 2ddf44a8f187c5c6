#include "aurora/lsm/manifest.h"

#include <algorithm>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

Task<absl::StatusOr<std::string>> ReadWholeFile(FileSystem* files, std::string path) {
  OpenOptions options;
  AURORA_CO_ASSIGN(const std::unique_ptr<File> file, co_await files->Open(path, options));
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await file->Size());
  if (size > 2 * kManifestPayloadMax) {
    co_return DataLossError(path, ": a manifest cannot have ", size, " bytes");
  }
  std::string bytes(size, '\0');
  AURORA_CO_ASSIGN(const std::size_t read, co_await file->Read(0, bytes));
  if (read != size && !AURORA_PLANTED_BUG("manifest-ignore-short-read")) {
    co_return DataLossError(path, " ended at offset ", read, " while it was read, before ", size);
  }
  bytes.resize(read);
  co_return bytes;
}

// Of the reserve, at least; a manifest of few tables takes a block.
constexpr std::uint64_t kReserveBytesMin = std::uint64_t{16} << 10;

// The manifest in force is that of the greatest root; 0 if there is none.
std::uint64_t NewestRoot(const std::vector<DirectoryEntry>& entries) {
  std::uint64_t newest = 0;
  for (const DirectoryEntry& entry : entries) {
    const FileName name = ParseFileName(entry.name);
    if (name.kind == FileName::Kind::kRoot) newest = std::max(newest, name.number);
  }
  return newest;
}

Task<absl::Status> RemoveIfPresent(FileSystem* files, std::string path) {
  absl::Status status = co_await files->Remove(std::move(path));
  if (absl::IsNotFound(status)) co_return absl::OkStatus();
  co_return status;
}

}  // namespace

Task<absl::StatusOr<std::optional<Manifest::Recovered>>> Manifest::Recover(FileSystem* files,
                                                                           std::string directory) {
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files->List(directory));
  Recovered recovered;
  recovered.number = NewestRoot(entries);
  std::optional<Recovered> result;
  if (recovered.number == 0) co_return result;
  const std::string path = JoinPath(directory, ManifestFileName(recovered.number));
  absl::StatusOr<std::string> bytes = co_await ReadWholeFile(files, path);
  if (absl::IsNotFound(bytes.status())) {
    co_return DataLossError(path, " is missing, and ", RootFileName(recovered.number),
                            " says that it is the manifest in force");
  }
  AURORA_CO_RETURN_IF_ERROR(bytes);
  AURORA_CO_ASSIGN(recovered.manifest, DecodeManifest(path, recovered.number, *bytes));
  result = std::move(recovered);
  co_return result;
}

Manifest::Manifest(FileSystem* files, std::string directory, ManifestState state,
                   std::uint64_t roll_bytes)
    : files_(files),
      directory_(std::move(directory)),
      roll_bytes_(roll_bytes),
      state_(std::move(state)) {}

Task<absl::StatusOr<std::unique_ptr<Manifest>>> Manifest::Create(FileSystem* files,
                                                                 std::string directory,
                                                                 std::uint64_t number,
                                                                 ManifestState state,
                                                                 std::uint64_t roll_bytes) {
  std::unique_ptr<Manifest> manifest(
      new Manifest(files, std::move(directory), std::move(state), roll_bytes));
  absl::Status begun = co_await manifest->Begin(number);
  if (absl::IsResourceExhausted(begun)) {
    AURORA_CO_RETURN_IF_ERROR(co_await manifest->MakeRoom());
    begun = co_await manifest->Begin(number + 1);
  }
  AURORA_CO_RETURN_IF_ERROR(begun);
  co_await manifest->RemoveOldGenerations();
  co_return manifest;
}

Task<absl::Status> Manifest::Begin(std::uint64_t number) {
  AURORA_CHECK(number > number_);
  // Whatever fails below, this number is spent and the file before is not to be appended to: its
  // successor may be in force.
  number_ = number;
  in_doubt_ = true;
  file_ = nullptr;
  std::string bytes;
  AppendSnapshotFrame(number, state_, &bytes);
  const std::string path = JoinPath(directory_, ManifestFileName(number));
  AURORA_CO_RETURN_IF_ERROR(co_await RemoveIfPresent(files_, path));
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  AURORA_CO_ASSIGN(std::unique_ptr<File> file, co_await files_->Open(path, options));
  AURORA_CO_RETURN_IF_ERROR(co_await file->Write(0, bytes));
  if (!AURORA_PLANTED_BUG("manifest-skip-sync")) {
    AURORA_CO_RETURN_IF_ERROR(co_await file->Sync());
  }
  AURORA_CO_RETURN_IF_ERROR(co_await SyncNames());
  const std::string root = JoinPath(directory_, RootFileName(number));
  AURORA_CO_RETURN_IF_ERROR(co_await files_->Open(root, options));
  AURORA_CO_RETURN_IF_ERROR(co_await SyncNames());
  file_ = std::move(file);
  size_ = first_frame_bytes_ = bytes.size();
  edit_count_ = 1;
  in_doubt_ = false;
  co_return absl::OkStatus();
}

Task<void> Manifest::RemoveOldGenerations() {
  AURORA_CHECK(!in_doubt_);
  const absl::StatusOr<std::vector<DirectoryEntry>> entries = co_await files_->List(directory_);
  if (!entries.ok()) co_return;
  std::uint64_t previous = 0;  // the generation to keep beside the one in force
  for (const DirectoryEntry& entry : *entries) {
    const FileName name = ParseFileName(entry.name);
    if (name.kind == FileName::Kind::kRoot && name.number < number_) {
      previous = std::max(previous, name.number);
    }
  }
  for (const DirectoryEntry& entry : *entries) {
    const FileName name = ParseFileName(entry.name);
    const bool is_old_root = name.kind == FileName::Kind::kRoot && name.number < previous;
    const bool is_old_manifest =
        name.kind == FileName::Kind::kManifest && name.number < number_ && name.number != previous;
    // What cannot be removed now is tried again at the next roll.
    if (is_old_root || is_old_manifest) {
      const absl::Status ignored = co_await files_->Remove(JoinPath(directory_, entry.name));
      static_cast<void>(ignored);
    }
  }
}

Task<absl::Status> Manifest::MakeRoom() {
  // The root that is seen may not be on the device yet, and then the one before it is in force.
  AURORA_CO_RETURN_IF_ERROR(co_await SyncNames());
  AURORA_CO_ASSIGN(const std::vector<DirectoryEntry> entries, co_await files_->List(directory_));
  const std::uint64_t in_force = NewestRoot(entries);
  for (const DirectoryEntry& entry : entries) {
    const FileName name = ParseFileName(entry.name);
    const bool is_spare = name.kind == FileName::Kind::kReserve ||
                          (name.kind == FileName::Kind::kRoot && name.number < in_force) ||
                          (name.kind == FileName::Kind::kManifest && name.number != in_force);
    if (!is_spare) continue;
    AURORA_CO_RETURN_IF_ERROR(co_await files_->Remove(JoinPath(directory_, entry.name)));
  }
  co_return absl::OkStatus();
}

Task<void> Manifest::KeepReserve() {
  const std::uint64_t bytes = std::max(kReserveBytesMin, 2 * first_frame_bytes_);
  const std::string path = JoinPath(directory_, kReserveFileName);
  const absl::StatusOr<FileInfo> there = co_await files_->Stat(path);
  if (there.ok() && there->size_bytes >= bytes) co_return;
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  absl::StatusOr<std::unique_ptr<File>> file = co_await files_->Open(path, options);
  if (!file.ok()) co_return;
  absl::Status kept = co_await (*file)->Allocate(bytes);
  if (kept.ok()) kept = co_await (*file)->Sync();
  *file = nullptr;
  if (kept.ok()) kept = co_await files_->SyncDirectory(directory_);
  if (kept.ok()) co_return;
  const absl::Status ignored = co_await files_->Remove(path);
  static_cast<void>(ignored);
}

Task<absl::Status> Manifest::SyncNames() {
  if (AURORA_PLANTED_BUG("manifest-skip-directory-sync")) co_return absl::OkStatus();
  co_return co_await files_->SyncDirectory(directory_);
}

Task<absl::Status> Manifest::WriteFrame(const std::string* frame) {
  if (AURORA_PLANTED_BUG("manifest-skip-sync")) co_return co_await file_->Write(size_, *frame);
  absl::Status written = co_await file_->WriteDurably(size_, *frame);
  if (!written.ok() && AURORA_PLANTED_BUG("manifest-reuse-failed-file")) {
    written = co_await file_->Sync();
  }
  co_return written;
}

Task<absl::Status> Manifest::Append(ManifestEdit edit) {
  if (in_doubt_ || size_ >= std::max(roll_bytes_, 4 * first_frame_bytes_)) {
    AURORA_CO_RETURN_IF_ERROR(co_await Begin(number_ + 1));
    co_await RemoveOldGenerations();
  }
  std::string frame;
  AppendEditFrame(number_, edit_count_, edit, &frame);
  in_doubt_ = true;
  AURORA_CO_RETURN_IF_ERROR(co_await WriteFrame(&frame));
  in_doubt_ = false;
  size_ += frame.size();
  ++edit_count_;
  const absl::Status applied = ApplyEdit(edit, &state_);
  AURORA_CHECK(applied.ok());
  co_return absl::OkStatus();
}

}  // namespace aurora::lsm
