// The program of docs/guide/migrations.md: prices become cents.
#include <cmath>
#include <cstdio>

#include "aurora/aurora.h"

using namespace aurora;

absl::StatusOr<std::optional<Object>> ToCents(const Document& product) {
  if (product.Get("price").is_null()) return std::nullopt;
  std::int64_t cents = std::llround(product.Get("price").ToDouble() * 100);
  return Object{{"cents", cents}};
}

std::vector<Migration> Migrations() {
  Schema first = Schema().String("name").Double("price");
  Schema both = Schema().String("name").Double("price").Int64("cents");
  Schema last = Schema().String("name").Int64("cents", kIndexed);
  return {
      {1, "products", {MigrationStep::CreateCollection("products", first)}},
      {2,
       "prices in cents",
       {MigrationStep::AlterCollection("products", both),
        MigrationStep::ChangeDocuments("products", ToCents),
        MigrationStep::AlterCollection("products", last)}},
  };
}

Task<absl::Status> Show(Database db) {
  MigrateOptions options;
  options.dry_run = true;
  std::vector<Migration> migrations = Migrations();
  AURORA_CO_ASSIGN(std::vector<MigrationStatus> pending,
                   co_await db.Migrate(std::move(migrations), options));
  for (const MigrationStatus& each : pending) {
    std::printf("pending: %d %s\n", static_cast<int>(each.version), each.description.c_str());
  }
  for (const MigrationStatus& each : db.Migrations()) {
    std::printf("%s: %d %s\n", each.applied ? "applied" : "begun", static_cast<int>(each.version),
                each.description.c_str());
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Run() {
  AURORA_CO_ASSIGN(Database db, co_await Database::Open("shop.aurora"));
  // A program of last year.
  std::vector<Migration> old = Migrations();
  old.pop_back();
  if (db.Migrations().size() < 2) {
    AURORA_CO_RETURN_IF_ERROR((co_await db.Migrate(std::move(old))).status());
    Object lamp = {{"name", "Lamp"}, {"price", 39.5}};
    AURORA_CO_RETURN_IF_ERROR(co_await db.Upsert("products", "lamp", lamp));
  }
  // The one of today.
  AURORA_CO_RETURN_IF_ERROR(co_await Show(db));
  std::vector<Migration> migrations = Migrations();
  AURORA_CO_ASSIGN(std::vector<MigrationStatus> applied,
                   co_await db.Migrate(std::move(migrations)));
  std::printf("%d applied\n", static_cast<int>(applied.size()));
  AURORA_CO_ASSIGN(std::optional<Document> lamp, co_await db.Get("products", "lamp"));
  std::printf("%s\n", lamp->ToJson().c_str());
  co_return co_await db.Close();
}

int main() {
  absl::Status status = BlockOn(Run());
  if (!status.ok()) std::printf("%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
