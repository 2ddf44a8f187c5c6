// Checkpoints: a directory that opens as the database was at one sequence, made while it is
// written.
//
// Tables are given a second name (a hard link), and copied where that is not possible: another
// device, or a file system without links. So a checkpoint on the same device costs the log's tail
// and some directory entries, and later the space of the tables that the original drops. A linked
// table is one file: damage to it is damage to both. A backup (backup_set.h) shares nothing.
//
// Log segments are copied up to the sequence, never linked: the original recycles them. Record
// files are like tables.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora::lsm {

struct CheckpointInfo {
  Sequence sequence = 0;  // of the last commit in it
  std::uint64_t linked_bytes = 0;
  std::uint64_t copied_bytes = 0;
};

// Makes a checkpoint at `directory`, whose parent must exist. Everything in it is durable when this
// returns. After an error, or a crash, there is nothing at `directory`, unless the error says that
// it is complete and only its name may not be durable; what is left beside it
// (`<directory>.incomplete`) goes with the next attempt. `environment` and `store` must live until
// then; the store must not be closed meanwhile.
//   AlreadyExists       there is something at `directory`
//   NotFound            its parent does not exist
//   FailedPrecondition  another checkpoint is being made there
//   ResourceExhausted   the device is full
//   DataLoss            a table that had to be copied is damaged
Task<absl::StatusOr<CheckpointInfo>> MakeCheckpoint(Environment* environment, Store* store,
                                                    std::string directory,
                                                    CopyOptions options = {});

}  // namespace aurora::lsm
