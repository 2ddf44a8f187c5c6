// Versioned migrations: changes of schemas and documents that a program brings along, each applied
// once, in order.
//
//   AURORA_CO_RETURN_IF_ERROR((co_await db.Migrate({
//       {1, "prices in cents", {
//           MigrationStep::AlterCollection("products", Products().Int64("cents")),
//           MigrationStep::ChangeDocuments("products", [](const Document& product) {
//             return Changes({{"cents", std::llround(product.Get("price").ToDouble() * 100)}});
//           })}}})).status());
//
// Each version is recorded in the database. A crash, or an error, stops a migration between two
// steps, or between two batches of a step that changes documents; the next Migrate goes on there.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/index_info.h"

namespace aurora {

// The fields to be set in a document, as Database::Update sets them; nullopt leaves it as it is. An
// error stops the migration there. Called once for each document that is changed; perhaps more than
// once if others write it meanwhile, and then with what they wrote.
using DocumentChange = std::function<absl::StatusOr<std::optional<Object>>(const Document&)>;

struct MigrationStep {
  enum class Kind : std::uint8_t {
    kCreateCollection,
    kAlterCollection,
    kRenameField,
    kRenameCollection,
    kDropCollection,
    kCreateIndex,
    kDropIndex,
    kChangeDocuments,
  };

  // Each as the function of Database with that name.
  static MigrationStep CreateCollection(std::string name, Schema schema);
  static MigrationStep AlterCollection(std::string name, Schema schema);
  static MigrationStep RenameField(std::string collection, std::string from, std::string to);
  static MigrationStep RenameCollection(std::string from, std::string to);
  static MigrationStep DropCollection(std::string name);
  static MigrationStep CreateIndex(std::string collection, std::string field,
                                   IndexOptions options = {});
  static MigrationStep DropIndex(std::string collection, std::string field);
  // Looks at every document of the collection, also at those that are inserted meanwhile, and
  // changes those for which `change` says so.
  static MigrationStep ChangeDocuments(std::string collection, DocumentChange change);

  // "create index products.price"
  std::string ToString() const;

  Kind kind = Kind::kCreateCollection;
  std::string collection;
  std::string from;  // a field
  std::string to;    // a field or a collection
  Schema schema;
  IndexOptions index;
  DocumentChange change;
};

struct Migration {
  std::uint32_t version = 0;  // from 1
  std::string description;
  std::vector<MigrationStep> steps;
};

struct MigrationStatus {
  std::uint32_t version = 0;
  std::string description;
  // Steps that are done. Of one that changes documents, rows below `next_row` are done too.
  std::uint32_t steps_done = 0;
  std::uint64_t next_row = 0;
  bool applied = false;
  absl::Time applied_at = absl::InfinitePast();  // if it is
};

struct MigrateOptions {
  // Says what would be done, and does nothing.
  bool dry_run = false;
};

}  // namespace aurora
