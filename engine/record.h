// The envelope: what the commit log says of one transaction.
//
// A record is complete: replay, indices, change streams, live queries and diffs need no other
// source and no read. It holds the transaction's id, its label, the time by which `now()` was
// decided, and its operations. An insert carries the new document; an update the new document,
// which fields changed and their old values; a delete the old document; every one names its
// collection, its row and the version of the schema that its documents are laid out by.
//
//   u8       envelope version, 1
//   varint   transaction id
//   bytes    label
//   varint   tick: microseconds since 1970, zigzag
//   varint   number of operations, each:
//     u8       kind
//     varint   collection
//     of documents (insert, update, delete):
//       varint   row id
//       varint   schema version
//       bytes    document id, as an order-preserving key
//       bytes    new document             insert, update
//       varint   number of changed slots, then each as a varint, strictly ascending      update
//       bytes    old document: whole for a delete; for an update the object {field: old value} of
//                the changed fields that had one, as EncodeValue writes it
//     of collections (define, drop):
//       bytes    definition (catalog.capnp): the new one. Absent if the collection is dropped
//     of a migration (whose collection is 0):
//       bytes    how far it is (migration_state.h)
//     of the building of an index (backfill):
//       varint   keyspace of the index
//       varint   next row: the documents below it are in the index now
//       bytes    of each document between the next row of before and this one, in their order:
//                varint row, less the row before it; bytes value of the field, as an
//                order-preserving key, that of null if it has none
//
// `bytes` is a varint length and that many bytes. Nothing may follow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace aurora::engine {

using CollectionId = std::uint32_t;

enum class OperationKind : std::uint8_t {
  kInsert = 1,
  kUpdate = 2,
  kDelete = 3,
  // Makes a collection, or changes one: its name, its schema, which indices it has.
  kDefineCollection = 4,
  kDropCollection = 5,
  // What an index needs of documents that were there before it. Replay cannot read documents, so
  // the record holds what they had in the field.
  kBackfillIndex = 6,
  // How far a migration is, beside the documents that it has changed.
  kMigrate = 7
};

// Views of whatever the operation was made of or read from.
struct Operation {
  OperationKind kind = OperationKind::kInsert;
  CollectionId collection = 0;
  std::uint64_t row = 0;
  std::uint32_t schema_version = 0;
  std::string_view id;
  std::string_view document;  // the message, without the header of stored_document.h
  std::vector<std::uint32_t> changed_slots;
  std::string_view old_document;  // of an update, an object of the old values
  std::string_view definition;    // of kMigrate, the state
  std::uint32_t keyspace = 0;     // of kBackfillIndex, as are these
  std::uint64_t next_row = 0;
  std::string_view backfill;
};

struct Record {
  std::uint64_t transaction_id = 0;
  std::string_view label;
  std::int64_t tick_micros = 0;
  std::vector<Operation> operations;
};

std::string EncodeRecord(const Record& record);

// One document of an Operation::backfill.
struct BackfilledRow {
  std::uint64_t row = 0;
  std::string_view value;
};
// Ascending rows, below the next one.
std::string EncodeBackfill(const std::vector<BackfilledRow>& rows);
// Views of `bytes`. DataLoss if they are none, or name rows that are not below `next_row`.
absl::StatusOr<std::vector<BackfilledRow>> DecodeBackfill(std::string_view bytes,
                                                          std::uint64_t next_row);

// A record whose views point into `bytes`. DataLoss if they are not one; allocates in proportion to
// them.
absl::StatusOr<Record> DecodeRecord(std::string_view bytes);

}  // namespace aurora::engine
