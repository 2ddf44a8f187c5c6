// Any text as the id of a document: refused, or an id that its own text and key lead back to.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aurora/engine/document/document_id.h"
#include "aurora/runtime/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& id :
       {aurora::DocumentId::Parse(text), aurora::DocumentId::FromEncodedKey(text)}) {
    if (!id.ok()) continue;
    const auto parsed = aurora::DocumentId::Parse(id->ToString());
    AURORA_CHECK(parsed.ok() && *parsed == *id);
    const auto decoded = aurora::DocumentId::FromEncodedKey(id->EncodedKey());
    AURORA_CHECK(decoded.ok() && *decoded == *id);
    id->EmbeddedRowId();
  }
  return 0;
}
