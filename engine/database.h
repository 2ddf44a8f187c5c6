// Database: typed collections of documents in a directory, embedded in this process.
//
//   AURORA_CO_ASSIGN(Database db, co_await Database::Open("shop.aurora"));
//   AURORA_CO_RETURN_IF_ERROR(co_await db.CreateCollection("products", Schema().String("sku",
//   kUnique))); AURORA_CO_ASSIGN(DocumentId id, co_await db.Insert("products", {{"sku", "A-1"}}));
//
// A Database is a cheap handle on something shared; copies are equal. Every operation may be
// started from any thread: await it in a coroutine, or call .Wait() elsewhere. Arguments are copied
// or finished with by the time the call returns, unless said otherwise. docs/api.md has the table
// of errors.
//
// Close it before the last handle goes. An open database that is dropped without Close keeps every
// commit that was acknowledged (it is as if the process had died), and says so to the logger.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/backup.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/options.h"
#include "aurora/engine/query.h"
#include "aurora/engine/refused_object.h"
#include "aurora/engine/stats.h"
#include "aurora/runtime/task.h"

namespace aurora {

struct CollectionInfo {
  std::string name;
  Schema schema;
};

class Database {
 public:
  // Opens the database in directory `path`, or creates it. The parent directory must exist.
  //   NotFound            there is none, and create_if_missing is off; or the parent does not exist
  //   FailedPrecondition  the path holds something else, or another format version; or the database
  //   is open already DataLoss            it is damaged: the message names the file and the offset
  AURORA_TASK_WRAPPER static Task<absl::StatusOr<Database>> Open(std::string path,
                                                                 Options options = {});

  // Writes what is in memory to tables, unless it is little, so that the next open is quick;
  // finishes background work, marks a clean end, and releases the directory. Waits for operations
  // in flight; those that start later fail with FailedPrecondition. A second Close does nothing.
  AURORA_TASK_WRAPPER Task<absl::Status> Close();

  // --- Collections ---

  // Creating the same again is fine. AlreadyExists: there is one with another schema; the message
  // names the field.
  AURORA_TASK_WRAPPER Task<absl::Status> CreateCollection(std::string name, Schema schema);
  // By name.
  std::vector<CollectionInfo> Collections() const;
  absl::StatusOr<Schema> GetSchema(std::string_view collection) const;

  // --- Documents. Each call is one transaction. ---

  // Inserts an object. Its id is the member "_id" (a string, int64 or uuid), if there is one, else
  // a new UUIDv7.
  //   InvalidArgument    it does not fit the schema; the message has the path of the field
  //   AlreadyExists      a unique value, or the id, is taken
  //   ResourceExhausted  it is beyond a limit (Options::limits); or the disk or the memory is full
  // RefusedObject (refused_object.h) tells errors of the object from those of the database.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<DocumentId>> Insert(std::string_view collection,
                                                              Object object,
                                                              WriteOptions options = {});
  // All or none, in one commit. The ids are in the order of the objects; an error names the index
  // of the object.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::vector<DocumentId>>> InsertMany(
      std::string_view collection, std::vector<Object> objects, WriteOptions options = {});
  // nullopt if there is no such document. One that the hot tier has is found in the call itself:
  // the task is ready, and nothing is allocated.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::optional<Document>>> Get(std::string_view collection,
                                                                        DocumentId id,
                                                                        ReadOptions options = {});
  // Sets these fields and keeps the others. A field is taken away by Replace. NotFound if there is
  // no such document.
  AURORA_TASK_WRAPPER Task<absl::Status> Update(std::string_view collection, DocumentId id,
                                                Object changes, WriteOptions options = {});
  // Puts `object` in place of the document. NotFound if there is none.
  AURORA_TASK_WRAPPER Task<absl::Status> Replace(std::string_view collection, DocumentId id,
                                                 Object object, WriteOptions options = {});
  // Updates the document, or inserts `object` under this id. True if it was inserted.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<bool>> Upsert(std::string_view collection, DocumentId id,
                                                        Object object, WriteOptions options = {});
  // True if there was such a document.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<bool>> Delete(std::string_view collection, DocumentId id,
                                                        WriteOptions options = {});

  // --- Queries: query.h ---

  ::aurora::Query Query(std::string_view collection) const;
  // A query that was parsed from text, or kept.
  ::aurora::Query Query(QuerySpec spec) const;

  // --- Operating ---

  DatabaseStats Stats() const;
  // Writes what is in memory to tables.
  AURORA_TASK_WRAPPER Task<absl::Status> Flush();
  // Merges all tables, so that deleted and replaced documents give back their space. Cancelled once
  // a stop is requested; what was merged by then stays, and Close ends the rest.
  AURORA_TASK_WRAPPER Task<absl::Status> Compact(std::stop_token stop = {});

  // --- Copies: docs/operations.md. Writers go on meanwhile. ---

  // Makes a database at `path`, where there must be nothing, that holds what was committed when
  // this began, and perhaps a little more. Shares its tables with this one by hard links where the
  // file system allows it. A crash or an error leaves nothing at `path`.
  //   AlreadyExists       there is something at `path`
  //   NotFound            its parent does not exist
  //   ResourceExhausted   the device is full
  AURORA_TASK_WRAPPER Task<absl::StatusOr<CheckpointInfo>> Checkpoint(std::string path,
                                                                      CopyOptions options = {});
  // Adds a backup to the set in directory `backups`, which is created if there is none. Copies only
  // what no earlier backup of the set has. BackupSet, in backup.h, lists, verifies, deletes and
  // restores.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<BackupInfo>> Backup(std::string backups,
                                                              std::string label = {},
                                                              CopyOptions options = {});
  // Archives what was committed until now, instead of waiting for Options::archive_interval. The
  // sequence of the last commit that is archived. FailedPrecondition without an archive.
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::uint64_t>> ArchiveNow();

 private:
  explicit Database(std::shared_ptr<engine::DatabaseImpl> impl) : impl_(std::move(impl)) {}
  static Task<absl::StatusOr<Database>> OpenDatabase(std::string path, Options options);

  std::shared_ptr<engine::DatabaseImpl> impl_;
};

}  // namespace aurora
