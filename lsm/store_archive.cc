// What the store does for the archive of its log (log_archiver.h).
//
// The manifest's start of the log, and what is released of it, wait for the archive; recovery then
// reads what it does not need, and passes over it. What such records name waits too: record files
// are held by the archiver, claimed value files by staged_.
#include <algorithm>
#include <utility>

#include "aurora/lsm/file_name.h"
#include "aurora/lsm/log_tail.h"
#include "aurora/lsm/record_file.h"
#include "aurora/lsm/store_impl.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

// What the archiver asks of the store.
class StoreImpl::Archiving final : public ArchiveHost {
 public:
  explicit Archiving(StoreImpl* store) : store_(*store) {}

  Task<absl::Status> MakeLogDurable() override {
    LogPosition end;
    {
      const std::lock_guard lock(store_.commit_mutex_);
      end = store_.log_end_;
    }
    if (store_.poisoned()) co_return store_.status();
    absl::Status durable = co_await store_.log_->WaitDurable(end, Durability::kSync);
    if (!durable.ok()) store_.Poison(durable);
    co_return durable;
  }
  absl::StatusOr<RecordFacts> FactsOf(std::string_view record) override {
    return store_.handler_.FactsOf(record);
  }
  absl::StatusOr<ValueFileInfo> FileOfClaim(std::string_view claim) override {
    return store_.FileOfClaim(claim);
  }
  void NoteArchived(Sequence through) override {
    {
      const std::lock_guard lock(store_.state_mutex_);
      through = std::min(through, store_.flushed_through_.load(std::memory_order_seq_cst));
      store_.ForgetClaims(through);
    }
    store_.event_.Notify();
  }

  // Finds what the log, which is `parts`, names of what tables have. The replay has passed over
  // that; and what the archive lacks of it is not known yet, so all of it is held.
  Task<absl::Status> HoldFlushed(std::vector<LogPosition> parts) {
    const Sequence flushed = store_.manifest_->state().flushed_through;
    LogTail tail(&store_.environment_.files(), LogDirectory(), {parts.front().segment, 0}, parts);
    std::vector<std::shared_ptr<NeededRecordFile>> held;
    for (;;) {
      AURORA_CO_ASSIGN(const bool found, co_await tail.Next());
      if (!found || tail.segment().last_sequence >= flushed) break;
      const Sequence sequence = tail.header().sequence;
      if (!IsRecord(tail.header().kind) || sequence > flushed) continue;
      if (tail.header().kind == FrameKind::kIngestion) continue;  // not archived
      if (tail.header().kind == FrameKind::kRecord) {
        HoldClaims(sequence, tail.payload());
        continue;
      }
      const RecordFileReference file = DecodeRecordFileReference(tail.payload());
      const absl::StatusOr<RecordFilePayload> payload = co_await RecordFilePayload::Read(
          &store_.environment_.files(), LogDirectory(), tail.segment().identity, file);
      // It is gone, and so archived; or the archiver will tell what is wrong with it.
      if (!payload.ok()) continue;
      HoldClaims(sequence, payload->view());
      held.push_back(std::make_shared<NeededRecordFile>(sequence, file, &store_.obsolete_));
      held.back()->MarkObsolete();
    }
    store_.archiver_->Hold(std::move(held));
    co_return absl::OkStatus();
  }

 private:
  std::string LogDirectory() const {
    return JoinPath(store_.options_.directory, kLogDirectoryName);
  }
  void HoldClaims(Sequence sequence, std::string_view record) {
    const absl::StatusOr<RecordFacts> facts = FactsOf(record);
    if (!facts.ok()) return;
    for (const std::string_view claim : facts->claims) {
      const absl::StatusOr<ValueFileInfo> file = FileOfClaim(claim);
      if (!file.ok()) continue;
      const std::lock_guard lock(store_.state_mutex_);
      store_.staged_[file->id] = {.sequence = sequence, .hash = file->hash};
    }
  }

  StoreImpl& store_;
};

Task<absl::Status> StoreImpl::MakeArchiver(Sequence before) {
  if (options_.archive.directory.empty()) co_return absl::OkStatus();
  const std::vector<LogPosition> segments = log_->Segments();
  LogArchiver::Options archiver;
  archiver.archive = options_.archive.directory;
  archiver.interval = options_.archive.interval;
  archiver.retain_bytes = options_.archive.retain_bytes;
  archiver.store_directory = options_.directory;
  archiver.identity = identity_;
  archiver.from = {segments.front().segment, 0};
  archiver.before = before;
  archiver.last = std::max(recovery_.last_sequence, manifest_->state().flushed_through);
  auto host = std::make_unique<Archiving>(this);
  Archiving& archiving = *host;
  archive_host_ = std::move(host);
  archiver_ = std::make_unique<LogArchiver>(&environment_, std::move(archiver), log_.get(),
                                            &events_, archive_host_.get());
  co_return co_await archiving.HoldFlushed(segments);
}

Task<absl::StatusOr<Sequence>> StoreImpl::ArchiveNow() {
  if (archiver_ == nullptr) {
    co_return FailedPreconditionError(options_.directory, " has no archive");
  }
  co_return co_await archiver_->ArchiveNow();
}

Task<void> StoreImpl::GiveUpArchiving() {
  if (archiver_ == nullptr || !archiver_->is_giving_up() || poisoned()) co_return;
  co_await LockManifest();
  const ManifestState& state = manifest_->state();
  ManifestEdit edit;
  edit.log_start_segment =
      archiver_->KeepFrom(std::max(state.log_start_segment, needed_log_segment_));
  if (*edit.log_start_segment > state.log_start_segment) {
    const absl::Status appended = co_await AppendEdit(edit, /*waits_for_room=*/false);
    // In doubt nothing is released; a flush tries again.
    if (appended.ok()) log_pins_->Release({*edit.log_start_segment, 0});
  }
  UnlockManifest();
}

}  // namespace aurora::lsm
