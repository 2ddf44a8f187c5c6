// Making a database of what a damaged one still proves.
//
//   AURORA_CO_ASSIGN(RepairReport report, co_await RepairDatabase("shop.aurora", "saved.aurora"));
//
// docs/operations.md says what the result is worth, and what to do first.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/store_salvage.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora {

struct RepairOptions {
  // Only report what is lost and what could be saved; make nothing. `target` may then be empty.
  bool dry_run = false;
  // The progress and the end of the work; its rate is not bounded.
  lsm::CopyOptions copy;
  // Null: the real machine's.
  std::shared_ptr<Environment> environment;
};

struct RepairReport {
  struct Collection {
    std::string name;
    std::uint64_t documents = 0;  // that the result has
    std::uint64_t next_row = 0;
  };
  // A document that can be read and is not in the result, and why.
  struct SetAside {
    std::string collection;
    std::string id;  // as text; empty if it cannot be told
    lsm::Sequence sequence = 0;
    std::string reason;
  };
  // Entries whose collection nothing defines any more.
  struct LostKeyspace {
    lsm::KeyspaceId keyspace = 0;
    std::uint64_t entries = 0;
  };

  lsm::SalvageReport salvage;
  std::vector<Collection> collections;  // by name
  std::vector<SetAside> set_aside;      // the first kSetAsideMax
  std::uint64_t set_aside_count = 0;
  std::vector<LostKeyspace> lost_keyspaces;
  std::uint64_t lost_operations = 0;  // of the log, on collections that nothing defines
  // No collection's definition was found, though something was committed.
  bool catalog_lost = false;

  static constexpr std::size_t kSetAsideMax = 1000;
  bool has_losses() const {
    return salvage.has_losses() || set_aside_count > 0 || !lost_keyspaces.empty() ||
           lost_operations > 0 || catalog_lost;
  }
};

// Reads the database at `source`, damaged or whole, and makes a new one at `target`, where there
// must be nothing: there whole or not at all. Each document is the newest version that can be
// proved. Every index is made anew, from the documents. Where two versions claim the same id or
// unique value the older is outdated for sure, since its newer version must have given it up: it is
// left out and reported. The result has the same database id, an epoch of its own, and documents
// keep their ids.
//
// `source` is only read, and locked meanwhile where that is possible. Memory: the documents that
// the log's tail holds, and, if anything is lost, 16 bytes for each document.
//   NotFound, FailedPrecondition  there is none; it is open elsewhere; or of another version
//   AlreadyExists                 there is something at `target`
//   DataLoss                      nothing can be read that says which database it is
//   Cancelled, ResourceExhausted  as asked for; no room
Task<absl::StatusOr<RepairReport>> RepairDatabase(std::string source, std::string target,
                                                  RepairOptions options = {});

}  // namespace aurora
