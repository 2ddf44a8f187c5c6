#include "aurora/lsm/copy_checks_testing.h"

#include <memory>
#include <utility>
#include <vector>

#include "aurora/runtime/status.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {
namespace {

// Runs `task` and keeps what it returns.
Task<void> Keep(Task<absl::Status> task, absl::Status* status) {
  *status = co_await std::move(task);
}

Task<absl::Status> LiveOnCopy(Environment* environment, StoreModel* copy, std::size_t last) {
  AURORA_CO_RETURN_IF_ERROR(co_await copy->Open(environment));
  AURORA_CO_RETURN_IF_ERROR(co_await copy->CheckRecovered(/*machine=*/true));
  if (copy->commit_count() > last) {
    co_return InternalError("holds ", copy->commit_count(), " commits and was done after ", last);
  }
  for (int i = 0; i < 8; ++i) AURORA_CO_RETURN_IF_ERROR(co_await copy->Commit(std::nullopt));
  AURORA_CO_RETURN_IF_ERROR(co_await copy->store().store().Compact());
  AURORA_CO_RETURN_IF_ERROR(co_await copy->CheckAll());
  co_return co_await copy->Close();
}

}  // namespace

Task<absl::Status> WriteAndCompact(StoreModel* model, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < 5; ++i) AURORA_CO_RETURN_IF_ERROR(co_await model->Commit(std::nullopt));
    AURORA_CO_RETURN_IF_ERROR(co_await model->store().store().Flush());
  }
  co_return co_await model->store().store().Compact();
}

absl::Status RunBesideWriter(Simulation* simulation, StoreModel* model, Task<absl::Status> copying,
                             int rounds) {
  absl::Status copied;
  absl::Status written;
  std::vector<Task<void>> both;
  both.push_back(Keep(std::move(copying), &copied));
  both.push_back(Keep(WriteAndCompact(model, rounds), &written));
  simulation->RunAll(std::move(both));
  AURORA_RETURN_IF_ERROR(Annotate(written, "the writer"));
  return copied;
}

absl::Status CheckCopy(Simulation* simulation, const StoreModel& history, std::string directory,
                       std::uint64_t seed, CommitSpan span) {
  const std::unique_ptr<StoreModel> copy = history.ForkCopy(seed, directory, span.first);
  absl::Status status =
      simulation->Run(LiveOnCopy(&simulation->environment(), copy.get(), span.last));
  if (copy->is_open()) simulation->Run(copy->Close()).IgnoreError();
  return Annotate(status, StrCat("the copy ", directory));
}

absl::Status ConcludeRun(Simulation* simulation, StoreModel* model, absl::Status status) {
  if (!model->is_open()) return status;
  const absl::Status closed = simulation->Run(model->Close());
  return status.ok() ? closed : status;
}

}  // namespace aurora::lsm
