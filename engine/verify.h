// Checking a database without opening it.
//
//   AURORA_CO_ASSIGN(VerifyReport report, co_await VerifyDatabase("shop.aurora"));
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "aurora/lsm/file_copier.h"
#include "aurora/lsm/store_verifier.h"
#include "aurora/runtime/environment.h"
#include "aurora/runtime/task.h"

namespace aurora {

using VerifyFinding = lsm::Finding;
using VerifyReport = lsm::VerifyReport;

// Reads every byte that means anything and lists all that is wrong (lsm/store_verifier.h says what
// is compared with what, and what means nothing); the records that the next open would replay must
// be such. Changes nothing, takes no lock, and may run beside a process that has the database open.
// An error is one of the attempt: NotFound, FailedPrecondition (not a database, another version),
// Unavailable (changes too fast), Cancelled.
Task<absl::StatusOr<VerifyReport>> VerifyDatabase(
    std::string path, lsm::CopyOptions options = {},
    std::shared_ptr<Environment> environment = nullptr);

}  // namespace aurora
