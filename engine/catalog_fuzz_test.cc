// Any bytes as the saved catalog, and as the definition of one collection: refused, or one that is
// written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "aurora/engine/catalog.h"
#include "aurora/engine/collection.h"
#include "aurora/runtime/check.h"

namespace aurora::engine {
namespace {

void ReadCatalog(std::string_view bytes) {
  Catalog catalog;
  std::int64_t tick = 0;
  if (!catalog.Restore(bytes, &tick).ok()) return;
  const std::string once = catalog.Save(tick);
  Catalog again;
  std::int64_t again_tick = 0;
  AURORA_CHECK(again.Restore(once, &again_tick).ok());
  AURORA_CHECK(again_tick == tick && again.Save(tick) == once);
}

void ReadDefinition(std::string_view bytes) {
  const auto definition = CollectionDefinition::Decode(bytes);
  if (!definition.ok()) return;
  const std::string once = (*definition)->Encode();
  const auto again = CollectionDefinition::Decode(once);
  AURORA_CHECK(again.ok() && (*again)->Encode() == once);
}

}  // namespace
}  // namespace aurora::engine

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  aurora::engine::ReadCatalog(bytes);
  aurora::engine::ReadDefinition(bytes);
  return 0;
}
