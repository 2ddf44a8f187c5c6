// Capturing a state that can be copied.
#include <algorithm>
#include <utility>

#include "aurora/lsm/store_image.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {
namespace {

void TakeRecordFiles(const MemtableRun& run, StoreImage* image) {
  if (AURORA_PLANTED_BUG("capture-forgets-record-files")) return;
  for (const auto& file : run.record_files) {
    image->record_files.push_back(file->reference());
    image->record_file_pins.push_back(file);
  }
}

}  // namespace

Task<absl::StatusOr<std::unique_ptr<StoreImage>>> StoreImpl::Capture() {
  if (options_.read_only) co_return ReadOnlyError();
  auto image = std::make_unique<StoreImage>();
  image->directory = options_.directory;
  LogPosition end;
  co_await LockManifest();
  while (ingestion_.is_logged.load()) {
    // It waits for space, with a frame in the log whose tables are not in the manifest.
    UnlockManifest();
    AURORA_CO_RETURN_IF_ERROR(co_await WaitFor(Hold::kIngestion, 0));
    if (poisoned()) co_return status();
    co_await LockManifest();
  }
  // Under the lock, tree and manifest are one, and no flush can move the log's start. The sequence
  // too: it is not above what this state of the manifest has reserved.
  image->state = manifest_->state();
  // What is kept for the archive alone does not belong to the image.
  image->state.log_start_segment = std::max(image->state.log_start_segment, needed_log_segment_);
  image->log_pin = log_pins_->Add({image->state.log_start_segment, 0});
  {
    const std::lock_guard lock(commit_mutex_);
    image->sequence = queue_->registered();
    end = log_end_;
    const std::lock_guard state_lock(state_mutex_);
    image->tables_pin = tree_;
    for (const auto& run : sealed_) TakeRecordFiles(*run, image.get());
    TakeRecordFiles(*active_, image.get());
  }
  UnlockManifest();
  if (poisoned()) co_return status();
  if (image->sequence <= image->state.flushed_through) {
    image->state.log_start_segment = 0;
    co_return image;
  }
  // What is copied is read from the device.
  const absl::Status durable = co_await log_->WaitDurable(end, Durability::kSync);
  if (!durable.ok()) {
    Poison(durable);
    co_return durable;
  }
  for (const LogPosition& segment : log_->Segments()) {
    if (segment.segment < image->state.log_start_segment || segment.segment > end.segment) continue;
    image->log.push_back(segment.segment == end.segment ? end : segment);
  }
  AURORA_CHECK(!image->log.empty() && image->log.back() == end);
  co_return image;
}

}  // namespace aurora::lsm
