// The program of docs/guide/schema.md: a collection whose schema changes while it holds documents.
#include <cstdio>

#include "aurora/aurora.h"

using namespace aurora;

Schema FirstProducts() {
  return Schema()
      .String("sku", kUnique | kRequired)
      .String("name", kRequired)
      .Double("price", AtLeast(0));
}

Schema Products() {
  return Schema()
      .String("sku", kUnique | kRequired)
      .String("title", kRequired | MaxLength(80))
      .Double("price", AtLeast(0))
      .String("state", kIndexed | OneOf({"new", "sold"}) | Default("new"));
}

Task<absl::Status> Fill(Database db) {
  AURORA_CO_RETURN_IF_ERROR(co_await db.CreateCollection("products", FirstProducts()));
  for (int i = 1; i <= 100; ++i) {
    Object product = {{"sku", StrCat("A-", i)}, {"name", StrCat("Lamp ", i)}, {"price", i * 0.5}};
    AURORA_CO_RETURN_IF_ERROR(co_await db.Upsert("products", DocumentId(i), product));
  }
  co_return absl::OkStatus();
}

Task<absl::Status> Change(Database db) {
  AURORA_CO_RETURN_IF_ERROR(co_await db.RenameField("products", "name", "title"));
  AURORA_CO_RETURN_IF_ERROR(co_await db.AlterCollection("products", Products()));
  AURORA_CO_ASSIGN(std::uint64_t fresh,
                   co_await db.Query("products").Where(Field("state") == "new").Count());
  std::printf("%d new\n", static_cast<int>(fresh));
  co_return absl::OkStatus();
}

Task<absl::Status> Refuse(Database db) {
  Schema cheap = Schema()
                     .String("sku", kUnique | kRequired)
                     .String("title", kRequired | MaxLength(80))
                     .Double("price", AtLeast(0) | AtMost(20))
                     .String("state", kIndexed | OneOf({"new", "sold"}) | Default("new"));
  absl::Status refused = co_await db.AlterCollection("products", cheap);
  // collection "products": document 41 does not fit the new schema: field "price": ...
  std::printf("%s\n", refused.ToString().c_str());
  co_return absl::OkStatus();
}

Task<absl::Status> Index(Database db) {
  AURORA_CO_RETURN_IF_ERROR(co_await db.CreateIndex("products", "price"));
  AURORA_CO_ASSIGN(std::vector<IndexInfo> indices, co_await db.ListIndexes("products"));
  for (const IndexInfo& index : indices) {
    std::printf("index %s: %s\n", index.field.c_str(),
                index.state == IndexState::kReady ? "ready" : "being built");
  }
  co_return co_await db.DropIndex("products", "price");
}

Task<absl::Status> Run() {
  AURORA_CO_ASSIGN(Database db, co_await Database::Open("shop.aurora"));
  if (db.Collections().empty()) {
    AURORA_CO_RETURN_IF_ERROR(co_await Fill(db));
    AURORA_CO_RETURN_IF_ERROR(co_await Change(db));
    AURORA_CO_RETURN_IF_ERROR(co_await Refuse(db));
    AURORA_CO_RETURN_IF_ERROR(co_await Index(db));
    AURORA_CO_RETURN_IF_ERROR(co_await db.RenameCollection("products", "goods"));
  }
  AURORA_CO_RETURN_IF_ERROR(co_await db.DropCollection("goods"));
  co_return co_await db.Close();
}

int main() {
  absl::Status status = BlockOn(Run());
  if (!status.ok()) std::printf("%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
