#include "aurora/lsm/checkpoint.h"

#include <memory>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_segment.h"
#include "aurora/lsm/log_types.h"
#include "aurora/lsm/new_directory.h"
#include "aurora/lsm/record_file.h"
#include "aurora/lsm/store_image.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

class Checkpointer {
 public:
  Checkpointer(Environment* environment, const StoreImage* image, NewDirectory* target,
               CopyOptions options)
      : environment_(environment),
        image_(image),
        target_(target),
        copier_(environment, std::move(options), image->TotalBytes()) {}

  Task<absl::StatusOr<CheckpointInfo>> Run() {
    info_.sequence = image_->sequence;
    for (const auto& [number, table] : image_->state.tables) {
      AURORA_CO_RETURN_IF_ERROR(
          co_await AddFile(TableFileName(number), table.size_bytes, table.hash));
    }
    for (const auto& [id, use] : image_->state.value_files) {
      AURORA_CO_RETURN_IF_ERROR(
          co_await AddFile(ValueFileName(use.info.number), use.info.size_bytes, use.info.hash));
    }
    for (const RecordFileReference& file : image_->record_files) {
      AURORA_CO_RETURN_IF_ERROR(
          co_await AddFile(JoinPath(kLogDirectoryName, RecordFileName(file.number)),
                           RecordFileBytes(file.payload_bytes), file.hash));
    }
    for (const LogPosition& part : image_->log) AURORA_CO_RETURN_IF_ERROR(co_await AddLog(part));
    ManifestState state = image_->state;
    AURORA_CO_RETURN_IF_ERROR(co_await target_->Finish(std::move(state)));
    co_return info_;
  }

 private:
  // A file of the directory that never changes, and of which `hash` is known.
  Task<absl::Status> AddFile(std::string name, std::uint64_t size_bytes, std::uint64_t hash) {
    FileCopier::Request request;
    request.from = JoinPath(image_->directory, name);
    request.to = JoinPath(target_->path(), name);
    request.bytes = size_bytes;
    const absl::Status linked = co_await environment_->files().Link(request.from, request.to);
    if (linked.ok()) {
      info_.linked_bytes += size_bytes;
      copier_.Skip(size_bytes);
      co_return absl::OkStatus();
    }
    // Whatever the reason, a copy is as good; if the device is the reason, the copy will say so.
    const std::string path = request.from;
    AURORA_CO_ASSIGN(const std::uint64_t copied, co_await copier_.Copy(std::move(request)));
    if (copied != hash) {
      co_return DataLossError(path, " is damaged: its contents are not those that were written");
    }
    info_.copied_bytes += size_bytes;
    co_return absl::OkStatus();
  }

  Task<absl::Status> AddLog(LogPosition part) {
    FileCopier::Request request;
    request.from = SegmentPath(JoinPath(image_->directory, kLogDirectoryName),
                               static_cast<std::uint32_t>(part.segment));
    request.to = target_->SegmentPath(part.segment);
    request.bytes = part.offset;
    if (AURORA_PLANTED_BUG("checkpoint-links-log")) {
      co_return co_await environment_->files().Link(request.from, request.to);
    }
    // Of full length: a segment never grows.
    AURORA_CO_ASSIGN(const FileInfo info, co_await environment_->files().Stat(request.from));
    request.padded_bytes = info.size_bytes;
    AURORA_CO_RETURN_IF_ERROR(co_await copier_.Copy(std::move(request)));
    info_.copied_bytes += part.offset;
    co_return absl::OkStatus();
  }

  Environment* const environment_;
  const StoreImage* const image_;
  NewDirectory* const target_;
  FileCopier copier_;
  CheckpointInfo info_;
};

}  // namespace

Task<absl::StatusOr<CheckpointInfo>> MakeCheckpoint(Environment* environment, Store* store,
                                                    std::string directory, CopyOptions options) {
  AURORA_CO_ASSIGN(const std::unique_ptr<NewDirectory> target,
                   co_await NewDirectory::Begin(environment, directory));
  absl::StatusOr<CheckpointInfo> made = CheckpointInfo();
  const absl::StatusOr<std::unique_ptr<StoreImage>> image = co_await store->Capture();
  if (!image.ok()) {
    made = image.status();
  } else {
    Checkpointer checkpointer(environment, image->get(), target.get(), std::move(options));
    made = co_await checkpointer.Run();
  }
  if (!made.ok()) {
    co_await target->Abandon();
    co_return Annotate(made.status(), StrCat("the checkpoint ", directory));
  }
  co_return made;
}

}  // namespace aurora::lsm
