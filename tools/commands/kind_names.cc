#include "aurora/tools/commands/kind_names.h"

namespace aurora::tools {

std::string_view NameOfKind(lsm::EntryKind kind) {
  switch (kind) {
    case lsm::EntryKind::kDelete:
      return "delete";
    case lsm::EntryKind::kPut:
      return "put";
    case lsm::EntryKind::kMerge:
      return "merge";
    case lsm::EntryKind::kDeleteRange:
      return "delete range";
    case lsm::EntryKind::kSeparatedPut:
      return "put elsewhere";
    case lsm::EntryKind::kExpiringPut:
      return "put for a time";
  }
  return "unknown";
}

std::string_view NameOfKind(engine::OperationKind kind) {
  switch (kind) {
    case engine::OperationKind::kInsert:
      return "insert";
    case engine::OperationKind::kUpdate:
      return "update";
    case engine::OperationKind::kDelete:
      return "delete";
    case engine::OperationKind::kDefineCollection:
      return "define collection";
    case engine::OperationKind::kDropCollection:
      return "drop collection";
    case engine::OperationKind::kBackfillIndex:
      return "backfill index";
    case engine::OperationKind::kMigrate:
      return "migrate";
  }
  return "unknown";
}

std::string_view NameOfEntry(lsm::EntryKind kind, const lsm::PutForm& form) {
  const bool expires_here = form.expires() && !form.is_separated;
  return NameOfKind(expires_here ? lsm::EntryKind::kExpiringPut : kind);
}

}  // namespace aurora::tools
