#include "aurora/engine/migration.h"

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

MigrationStep Make(MigrationStep::Kind kind, std::string collection) {
  MigrationStep step;
  step.kind = kind;
  step.collection = std::move(collection);
  return step;
}

}  // namespace

MigrationStep MigrationStep::CreateCollection(std::string name, Schema schema) {
  MigrationStep step = Make(Kind::kCreateCollection, std::move(name));
  step.schema = std::move(schema);
  return step;
}

MigrationStep MigrationStep::AlterCollection(std::string name, Schema schema) {
  MigrationStep step = Make(Kind::kAlterCollection, std::move(name));
  step.schema = std::move(schema);
  return step;
}

MigrationStep MigrationStep::RenameField(std::string collection, std::string from, std::string to) {
  MigrationStep step = Make(Kind::kRenameField, std::move(collection));
  step.from = std::move(from);
  step.to = std::move(to);
  return step;
}

MigrationStep MigrationStep::RenameCollection(std::string from, std::string to) {
  MigrationStep step = Make(Kind::kRenameCollection, std::move(from));
  step.to = std::move(to);
  return step;
}

MigrationStep MigrationStep::DropCollection(std::string name) {
  return Make(Kind::kDropCollection, std::move(name));
}

MigrationStep MigrationStep::CreateIndex(std::string collection, std::string field,
                                         IndexOptions options) {
  MigrationStep step = Make(Kind::kCreateIndex, std::move(collection));
  step.from = std::move(field);
  step.index = options;
  return step;
}

MigrationStep MigrationStep::DropIndex(std::string collection, std::string field) {
  MigrationStep step = Make(Kind::kDropIndex, std::move(collection));
  step.from = std::move(field);
  return step;
}

MigrationStep MigrationStep::ChangeDocuments(std::string collection, DocumentChange change) {
  MigrationStep step = Make(Kind::kChangeDocuments, std::move(collection));
  step.change = std::move(change);
  return step;
}

std::string MigrationStep::ToString() const {
  switch (kind) {
    case Kind::kCreateCollection:
      return StrCat("create collection ", collection);
    case Kind::kAlterCollection:
      return StrCat("alter collection ", collection);
    case Kind::kRenameField:
      return StrCat("rename field ", collection, ".", from, " to ", to);
    case Kind::kRenameCollection:
      return StrCat("rename collection ", collection, " to ", to);
    case Kind::kDropCollection:
      return StrCat("drop collection ", collection);
    case Kind::kCreateIndex:
      return StrCat("create index ", collection, ".", from);
    case Kind::kDropIndex:
      return StrCat("drop index ", collection, ".", from);
    case Kind::kChangeDocuments:
      return StrCat("change documents of ", collection);
  }
  AURORA_CHECK(false);
}

}  // namespace aurora
