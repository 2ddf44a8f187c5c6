// DatabaseImpl: versioned migrations (migration.h).
//
// The catalog knows of each version how many of its steps are done, and of a step that changes
// documents how many rows. That is committed together with what it tells: with the batch of
// documents, and right after any other step. So only a step of the other kinds can be done and not
// be known to be; it is done again then, and finds its work done.
#include <algorithm>
#include <utility>

#include "aurora/engine/database_impl.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

constexpr std::size_t kBatchRows = 128;

absl::Status CheckMigrations(const std::vector<Migration>& migrations) {
  std::uint32_t last = 0;
  for (const Migration& migration : migrations) {
    if (migration.version <= last) {
      return InvalidArgumentError("migrations: version ", migration.version, " follows ", last,
                                  "; versions must ascend, from 1");
    }
    last = migration.version;
    for (const MigrationStep& step : migration.steps) {
      if (step.kind == MigrationStep::Kind::kChangeDocuments && step.change == nullptr) {
        return InvalidArgumentError("migration ", migration.version, ": ", step.ToString(),
                                    " has no function");
      }
    }
  }
  return absl::OkStatus();
}

MigrationStatus StatusOf(const MigrationState& state) {
  MigrationStatus status;
  status.version = state.version;
  status.description = state.description;
  status.steps_done = state.steps_done;
  status.next_row = state.next_row;
  status.applied = state.applied();
  if (state.applied()) status.applied_at = absl::FromUnixMicros(state.applied_micros);
  return status;
}

}  // namespace

std::vector<MigrationStatus> DatabaseImpl::Migrations() const {
  std::vector<MigrationStatus> all;
  for (const MigrationState& state : catalog_.Migrations()) all.push_back(StatusOf(state));
  return all;
}

// What is recorded must be the beginning of what is given.
absl::Status DatabaseImpl::CheckHistory(const std::vector<Migration>& migrations) const {
  for (const MigrationState& state : catalog_.Migrations()) {
    const auto given =
        std::find_if(migrations.begin(), migrations.end(),
                     [&](const Migration& each) { return each.version == state.version; });
    if (given == migrations.end()) {
      if (state.applied()) continue;
      return FailedPreconditionError("migration ", state.version, " (", state.description,
                                     ") has begun, and must be completed first");
    }
    if (given->description != state.description) {
      return FailedPreconditionError("migration ", state.version, " is recorded as ",
                                     Quoted(state.description), ", not ",
                                     Quoted(given->description));
    }
  }
  const std::vector<MigrationState> recorded = catalog_.Migrations();
  if (recorded.empty()) return absl::OkStatus();
  for (const Migration& migration : migrations) {
    const bool known = std::any_of(
        recorded.begin(), recorded.end(),
        [&](const MigrationState& state) { return state.version == migration.version; });
    if (!known && migration.version < recorded.back().version) {
      return FailedPreconditionError("migration ", migration.version, " (", migration.description,
                                     ") is older than ", recorded.back().version,
                                     ", which has been applied");
    }
  }
  return absl::OkStatus();
}

Task<absl::StatusOr<std::vector<MigrationStatus>>> DatabaseImpl::Migrate(
    std::vector<Migration> migrations, MigrateOptions options) {
  AURORA_CO_ASSIGN(const Gate::Pass pass, EnterToWrite());
  AURORA_CO_RETURN_IF_ERROR(CheckMigrations(migrations));
  const AsyncMutex::Guard guard = co_await migrate_mutex_.Lock();
  AURORA_CO_RETURN_IF_ERROR(CheckHistory(migrations));
  std::vector<MigrationStatus> done;
  for (const Migration& migration : migrations) {
    std::optional<MigrationState> state = catalog_.FindMigration(migration.version);
    if (state.has_value() && state->applied()) continue;
    const bool is_new = !state.has_value();
    if (is_new) {
      state.emplace();
      state->version = migration.version;
      state->description = migration.description;
    }
    if (!options.dry_run) {
      const absl::Status applied = co_await RunMigration(&migration, &*state, is_new);
      if (!applied.ok()) {
        co_return Annotate(
            applied, StrCat("migration ", migration.version, " (", migration.description, ")"));
      }
    }
    done.push_back(StatusOf(*state));
  }
  co_return done;
}

Task<absl::Status> DatabaseImpl::RunMigration(const Migration* migration, MigrationState* state,
                                              bool is_new) {
  if (is_new) AURORA_CO_RETURN_IF_ERROR(co_await RecordMigration(*state));
  bool may_be_done = !is_new;
  while (state->steps_done < migration->steps.size()) {
    AURORA_CO_RETURN_IF_ERROR(CheckNotClosing());
    const MigrationStep& step = migration->steps[state->steps_done];
    const absl::Status ran = co_await RunMigrationStep(&step, state, may_be_done);
    if (!ran.ok()) {
      co_return Annotate(ran, StrCat("step ", state->steps_done + 1, ", ", step.ToString()));
    }
    ++state->steps_done;
    state->next_row = 0;
    may_be_done = false;
    if (state->steps_done < migration->steps.size()) {
      AURORA_CO_RETURN_IF_ERROR(co_await RecordMigration(*state));
    }
  }
  state->applied_micros = std::max<std::int64_t>(NextTick(), 1);
  co_return co_await RecordMigration(*state);
}

Task<absl::Status> DatabaseImpl::RecordMigration(MigrationState state) {
  const std::string encoded = EncodeMigration(state);
  Operation operation;
  operation.kind = OperationKind::kMigrate;
  operation.definition = encoded;
  EntryBuilder nothing;
  const auto record = [&](lsm::Sequence) {
    catalog_.SetMigration(state);
    return absl::OkStatus();
  };
  co_return co_await CommitOperation(&operation, &nothing, record);
}

Task<absl::Status> DatabaseImpl::RunMigrationStep(const MigrationStep* step, MigrationState* state,
                                                  bool may_be_done) {
  using Kind = MigrationStep::Kind;
  absl::Status status;
  switch (step->kind) {
    case Kind::kCreateCollection:
      co_return co_await CreateCollection(step->collection, step->schema);
    case Kind::kAlterCollection:
      co_return co_await AlterCollection(step->collection, step->schema);
    case Kind::kRenameField:
      status = co_await RenameField(step->collection, step->from, step->to);
      break;
    case Kind::kRenameCollection:
      status = co_await RenameCollection(step->collection, step->to);
      break;
    case Kind::kDropCollection:
      status = co_await DropCollection(step->collection);
      break;
    case Kind::kCreateIndex:
      co_return co_await CreateIndex(step->collection, step->from, step->index);
    case Kind::kDropIndex:
      status = co_await DropIndex(step->collection, step->from);
      break;
    case Kind::kChangeDocuments:
      co_return co_await ChangeDocuments(step, state);
  }
  // What was to be renamed or dropped was there when the migration came to this step.
  if (may_be_done && absl::IsNotFound(status)) co_return absl::OkStatus();
  co_return status;
}

// --- Documents ---

Task<absl::Status> DatabaseImpl::ChangeDocuments(const MigrationStep* step, MigrationState* state) {
  AURORA_CO_ASSIGN(const std::shared_ptr<CollectionState> collection,
                   FindCollection(step->collection));
  std::size_t rows = kBatchRows;
  for (bool more = true; more;) {
    AURORA_CO_RETURN_IF_ERROR(CheckNotClosing());
    const absl::StatusOr<bool> changed = co_await ChangeBatch(collection, step, state, rows);
    if (changed.ok()) {
      more = *changed;
      rows = std::min(rows * 2, kBatchRows);
    } else if (absl::IsAborted(changed.status())) {
      rows = std::max<std::size_t>(rows / 2, 1);
      AURORA_CO_RETURN_IF_ERROR(co_await AwaitWinner());
    } else {
      co_return changed.status();
    }
    co_await Yield();
  }
  co_return absl::OkStatus();
}

}  // namespace aurora::engine
