// The store. See store.h for what it promises; this header says how its parts hold together.
//
// Locks, in the order in which they may be taken:
//   manifest lock   (asynchronous) a change of the tree, from its edit to its view
//   commit_mutex_   the order of commits: sequence, log, active memtable, conflicts
//   state_mutex_    the sealed memtables, the tree and the errors of background work
// Nothing is awaited under a mutex. An Event's condition may take state_mutex_ and no other.
//
// A commit: (1) hash and measure, no lock; (2) commit_mutex_: checks, sequence, log, registration;
// (3) the memtable, no lock; (4) publication in order; (5) wait for durability. Whatever stands in
// its way in (2) is waited for without the lock, and (2) is tried again.
//
// The files: store_open.cc (opening, recovery, closing), store_commit.cc, store_oversize.cc
// (commits too large for the log), store_ingest.cc, store_read.cc, store_flush.cc (memtables to
// tables, manifest, housekeeping), store_compaction.cc, store_tables.cc, store_values.cc,
// store_streams.cc, store_capture.cc, store_archive.cc, store_read_only.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/lsm/commit_queue.h"
#include "aurora/lsm/compaction_picker.h"
#include "aurora/lsm/compaction_range_deletes.h"
#include "aurora/lsm/entry_filter.h"
#include "aurora/lsm/event.h"
#include "aurora/lsm/held_request.h"
#include "aurora/lsm/log.h"
#include "aurora/lsm/manifest.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/store_parts.h"
#include "aurora/lsm/store_state.h"
#include "aurora/lsm/table.h"
#include "aurora/lsm/table_output.h"
#include "aurora/lsm/tree.h"
#include "aurora/lsm/tree_change.h"
#include "aurora/lsm/value_file.h"
#include "aurora/lsm/view_slots.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

class StoreImpl final : public Store, public FileOpener, private StoreParts, private StoreState {
 public:
  StoreImpl(Environment& environment, StoreOptions options, RecordHandler& handler);
  ~StoreImpl() override;

  // Once, before anything else. If it fails, Close() must still be called.
  Task<absl::Status> Open();

  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Commit(
      const CommitRequest& request) override;
  Task<absl::StatusOr<std::unique_ptr<TableFile>>> NewTable(KeyspaceId keyspace) override;
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> Ingest(
      const CommitRequest& request, TableFiles tables) override;
  Sequence published() const override { return queue_->published(); }
  std::unique_ptr<Snapshot> GetSnapshot() override;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<PinnedValue>>> Get(
      KeyspaceId keyspace, std::string_view key, ReadPoint at, OperationProfile* profile) override;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<std::optional<PinnedValue>>>> GetMany(
      KeyspaceId keyspace, std::span<const std::string_view> keys, ReadPoint at,
      OperationProfile* profile) override;
  std::unique_ptr<Iterator> NewIterator(KeyspaceId keyspace,
                                        const IterateOptions& options) override;
  Task<absl::StatusOr<std::unique_ptr<ValueWriter>>> NewValue() override;
  Task<absl::StatusOr<std::unique_ptr<ValueReader>>> OpenValue(KeyspaceId keyspace,
                                                               std::string_view key,
                                                               ReadPoint at) override;
  Task<absl::StatusOr<std::optional<Expiry>>> GetExpiry(KeyspaceId keyspace, std::string_view key,
                                                        ReadPoint at) override;
  Task<absl::Status> Flush() override;
  Task<absl::Status> Compact(std::stop_token stop) override;
  Task<absl::Status> WaitIdle() override;
  StoreStats Stats() const override;
  absl::Status status() const override;
  const LogIdentity& identity() const override { return identity_; }
  Task<absl::StatusOr<std::unique_ptr<StoreImage>>> Capture() override;
  Task<absl::StatusOr<Sequence>> ArchiveNow() override;
  Task<absl::Status> Close() override;

 private:
  // --- store_open.cc ---
  // Creates or checks the directory and takes the lock.
  Task<absl::Status> PrepareDirectory();
  Task<absl::Status> CheckDirectory(bool* is_new);
  // Reads the manifest, or makes the first state, and puts a new manifest in force that says all
  // that is known: what was read is made durable before it is acted on.
  Task<absl::Status> RecoverManifest();
  class FileProblems;
  Task<absl::Status> CheckFiles();
  Task<absl::Status> CheckFile(std::string name, std::uint64_t size_bytes, FileProblems* problems);
  Task<absl::Status> RemoveOrphans();
  // The same of record files, once the log was read.
  Task<absl::Status> RemoveOrphanRecords();
  Task<absl::Status> OpenLog();
  absl::Status Replay(const LogRecord& record);
  absl::Status ReplayIngestion(const LogRecord& record);
  void StartBackground();
  // What the next open would read of the log, and replay.
  Task<std::uint64_t> LogBytesToRead();
  std::size_t UnflushedBytes() const;
  // If that takes long. Returns where the mark of the close goes then.
  Task<Log::CloseMark> FlushBeforeClose();
  void StartReading();  // the first view, snapshots, conflicts

  // --- store_read_only.cc ---
  class ReadOnlyOpening;
  Task<absl::Status> OpenReadOnly();
  absl::Status ReadOnlyError() const;

  // --- store_commit.cc ---
  static Measured MeasureRequest(const CommitRequest& request);
  // Each Put that expires must say when.
  static absl::Status CheckExpiring(std::span<const Mutation> mutations);
  // Step (2). `oversize`: null, or what was made of the commit.
  Hold TryBegin(const CommitRequest& request, const Measured& measured, Oversize* oversize,
                Begun* begun);
  // Appends the record and registers the commit. REQUIRES commit_mutex_, and room.
  void Register(const CommitRequest& request, const Measured& measured, Oversize* oversize,
                Begun* begun);
  // Steps (3) and (4), the latter as far as it goes without waiting.
  void Apply(const CommitRequest& request, const Begun& begun);
  absl::StatusOr<CommitResult> Validate(const CommitRequest& request);
  absl::Status CheckConflicts(const CommitRequest& request) const;  // REQUIRES commit_mutex_
  absl::Status CheckUsable() const;                                 // not poisoned, not closing
  // Why TryBegin would refuse the request now.
  absl::Status CheckAhead(const CommitRequest& request) const;
  Task<absl::StatusOr<CommitResult>> CommitHeld(std::unique_ptr<HeldRequest> held_request,
                                                Durability durability);
  // `start`: when the commit began, to be timed; 0: not to be.
  Task<absl::StatusOr<CommitResult>> AwaitCommit(CommitResult result, Durability durability,
                                                 std::int64_t start, OperationProfile* profile);
  absl::StatusOr<CommitResult> Concluded(const absl::Status& durable, const CommitResult& result);
  Task<absl::Status> WaitFor(Hold hold, std::size_t payload_bytes);
  // The same, and counts the stall.
  Task<absl::Status> WaitHeld(Hold hold, std::size_t payload_bytes);
  Task<absl::Status> SlowDown(std::size_t memtable_bytes);
  // Counts a commit that was held back since `start`.
  void NoteHeld(StallReason reason, std::int64_t start);
  // Counts the time since `start` as one in which a commit was not let in.
  void CountHeld(std::int64_t start, OperationProfile* profile);
  std::size_t ActiveBytes() const;
  // Seals the active memtable. REQUIRES commit_mutex_, and that it is not empty.
  void Seal();
  bool SealedHasRoom() const;  // REQUIRES commit_mutex_

  // --- store_oversize.cc, store_ingest.cc ---
  class OversizeCommit;
  class IngestFile;
  class Ingestion;
  // A commit whose record does not fit into the log.
  AURORA_TASK_UNBOUND_WRAPPER Task<absl::StatusOr<CommitResult>> CommitOversize(
      const CommitRequest& request, const Measured& measured, Durability durability);
  std::string RecordFilePath(std::uint64_t number) const;
  // The lowest level where the table overlaps nothing. REQUIRES state_mutex_.
  int PlaceOf(const TableInfo& table) const;
  // Adds the tables of an ingestion that the log has and the manifest has not.
  Task<absl::Status> FinishIngestions();

  // --- store_read.cc ---
  // The view and a sequence that it holds completely, for a read of so many keys.
  std::shared_ptr<const ReadView> ConsistentView(Sequence* published, std::uint64_t keys);
  const MergeOperator* FindMergeOperator(KeyspaceId keyspace) const;

  // --- store_flush.cc ---
  Task<absl::Status> FlushLoop();
  Task<absl::Status> FlushRun(std::shared_ptr<MemtableRun> run);
  // Of FlushRun. Adds the tables that were written to `told`.
  Task<absl::Status> WriteRun(std::shared_ptr<MemtableRun> run, std::int64_t start,
                              FlushEnded* told);
  // Seals what is there; the sequence up to which a flush then reaches.
  Task<absl::StatusOr<Sequence>> SealForFlush();
  Task<absl::Status> HousekeepingLoop();
  Task<void> RemoveObsoleteFiles();
  Task<absl::Status> ReserveSequences();

  // Makes the change durable, then visible. A full disk is waited for. If it fails otherwise, the
  // store is poisoned: it is unknown which files are needed.
  Task<absl::Status> Install(TreeChange change);
  Task<absl::Status> AppendEdit(ManifestEdit edit, bool waits_for_room = true, EditRenewal = {});
  Task<void> LockManifest();
  void UnlockManifest();
  Task<absl::StatusOr<std::uint64_t>> NewFileNumber();
  Task<absl::Status> ReserveFileNumbers();
  // What no file number that was given out reaches, with a reserve. REQUIRES the manifest lock.
  std::uint64_t NextFileNumber() const;
  // REQUIRES state_mutex_. The result is to be freed without it.
  [[nodiscard]] ViewSlots::Views PublishView();
  void NoteDebt();  // REQUIRES state_mutex_
  // Removes the files of a failed job, which no edit names.
  Task<void> Discard(std::vector<std::string> names);
  // Tells that a file of the directory is gone.
  void PostRemoved(std::string_view name);

  // --- store_compaction.cc ---
  // One of several that run side by side.
  Task<absl::Status> CompactionLoop();
  // These three REQUIRE state_mutex_.
  bool HasCompaction();
  bool IsCompactionDue();
  // Tells the picker who reads. What it holds back for a reader is looked at again when that goes.
  void NoteReaders();
  Task<absl::Status> ExpiryLoop();  // store_expiry.cc: tells the others when tables have expired
  Task<absl::Status> RunCompaction(Compaction compaction, std::size_t parts_max);
  // Merges the inputs, in up to `parts_max` parts side by side; makes the change to the outcome.
  Task<absl::Status> Merge(Compaction compaction, std::size_t parts_max, TreeChange* change);
  // Takes out of the inputs what range deletes hide from everybody. What they hide so further
  // down, and no other compaction has taken, `change` drops too. The tree without that.
  std::shared_ptr<const Tree> TakeHiddenTables(const CompactionRangeDeletes& range_deletes,
                                               Compaction* compaction, TreeChange* change);

  // --- store_tables.cc ---
  class TableWriting;
  // Writes what the filter keeps and the range deletes to durable tables; removes them on failure.
  // On level 0, large values go to a value file, which is durable too.
  Task<absl::StatusOr<Written>> WriteTables(std::unique_ptr<EntryIterator> source,
                                            EntryFilter::Options filter,
                                            CompactionRangeDeletes range_deletes,
                                            TableOutput output);
  // Makes the change that puts what was written in the tree. Returns its bytes.
  std::uint64_t TakeWritten(Written written, int level, TreeChange* change);
  Task<absl::StatusOr<std::unique_ptr<Table>>> OpenTable(const TableInfo* info) override;
  Task<absl::StatusOr<std::unique_ptr<ValueFile>>> OpenValueFile(
      const ValueFileInfo* info) override;
  // The file of a table or of values, to be read as long as the result lives.
  Task<absl::StatusOr<std::unique_ptr<File>>> OpenToRead(std::string name, bool direct);
  // Opens a new file for a job to write.
  Task<absl::StatusOr<std::unique_ptr<File>>> CreateFile(std::string name);
  TableIdentity IdentityOf(std::uint64_t file_number) const;

  // --- store_values.cc ---
  // Drops value files that nobody needs, and collects garbage.
  Task<absl::Status> ValuesLoop();
  // These three REQUIRE state_mutex_.
  bool HasValueWork() const;
  std::vector<std::uint64_t> UnneededValues() const;  // ids
  // The value file from which the most is to be gained, if the garbage of all is above the bound.
  // Null: none.
  const Tree::HeldValues* PickGarbage() const;
  // The change that drops what nobody needs. Takes state_mutex_.
  TreeChange DropOfUnneededValues() const;
  Task<absl::Status> DropUnneededValues();
  // Writes the live values of one file to another, if garbage is above the bound.
  Task<absl::Status> CollectValues();
  Task<absl::Status> Rewrite(std::shared_ptr<const Tree> tree, Tree::HeldValues held);
  Task<absl::StatusOr<ValueFileInfo>> WriteLiveValues(std::shared_ptr<const Tree> tree,
                                                      const Tree::HeldValues* held,
                                                      std::uint64_t number);

  // --- store_streams.cc ---
  class Staging;
  class Writing;
  // Makes a finished value file part of the store, for one commit to claim.
  Task<absl::Status> Stage(ValueFileInfo info);
  // Gives up one that no commit has claimed.
  void Unstage(std::uint64_t id);
  Task<absl::Status> DropUnclaimedValues();
  // Both REQUIRE commit_mutex_.
  absl::Status CheckClaims(std::span<const Mutation> mutations) const;
  void TakeClaims(std::span<const Mutation> mutations, Sequence sequence);
  absl::Status ReplayClaim(const Mutation& mutation, Sequence sequence);
  absl::StatusOr<ValueFileInfo> FileOfClaim(std::string_view claim);
  // REQUIRES state_mutex_. Of commits up to this one, as far as they are archived.
  void ForgetClaims(Sequence through);
  // As it is in a memtable.
  static Mutation WithoutHash(Mutation mutation);

  // --- store_archive.cc ---
  class Archiving;
  Task<absl::Status> MakeArchiver(Sequence before);  // `before`: a commit before the log, or 0
  Task<void> GiveUpArchiving();  // on a full device, of what is kept for the archive

  // --- Errors and waiting. ---
  // Refuses every later write. The first error stays.
  void Poison(const absl::Status& error);
  // Keeps or clears the error of a kind of background work and tells everybody.
  void SetError(absl::Status* which, absl::Status error);
  // The error for which no room will be made soon, OK if there is none. REQUIRES state_mutex_.
  absl::Status HoldError() const;
  // The error of any background work. REQUIRES state_mutex_.
  absl::Status BackgroundError() const;
  // Why a poisoned or closing store does not go on. REQUIRES state_mutex_.
  absl::Status UnusableError() const;
  // Waits before a job is tried again; returns early when the store closes.
  Task<void> BackOff(int attempt);
  Task<void> StopEvents(absl::Status result);
};

}  // namespace aurora::lsm
