#include <cstdio>

#include "aurora/aurora.h"

using namespace aurora;

Task<absl::Status> Run() {
  AURORA_CO_ASSIGN(Database db, co_await Database::Open("shop.aurora"));
  AURORA_CO_RETURN_IF_ERROR(co_await db.CreateCollection(
      "products",
      Schema().String("sku", kUnique).String("name").Double("price").Bool("in_stock", kIndexed)));
  Object lamp = {{"sku", "A-1"}, {"name", "Lamp"}, {"price", 39.5}, {"in_stock", true}};
  AURORA_CO_RETURN_IF_ERROR(co_await db.Upsert("products", "lamp", lamp));
  Query query = db.Query("products")
                    .Where(Field("in_stock") == true && Field("price") < 100)
                    .OrderBy("price")
                    .Limit(10);
  AURORA_CO_ASSIGN(std::vector<Document> cheap, co_await query.Collect());
  for (const Document& document : cheap) std::printf("%s\n", document.ToJson().c_str());
  co_return co_await db.Close();
}

int main() { return BlockOn(Run()).ok() ? 0 : 1; }
