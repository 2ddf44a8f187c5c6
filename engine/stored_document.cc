#include "aurora/engine/stored_document.h"

#include <utility>

#include "aurora/engine/document/document_validator.h"
#include "aurora/lsm/coding.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora::engine {
namespace {

absl::StatusOr<std::uint32_t> ReadVersion(const Layout& layout, std::string_view stored) {
  lsm::ByteReader reader(stored);
  const std::uint32_t version = reader.ReadFixed32();
  const std::uint32_t zero = reader.ReadFixed32();
  if (!reader.ok() || zero != 0) return DataLossError("a stored document with a malformed header");
  if (version == 0 || version > layout.version()) {
    return DataLossError("a stored document of schema version ", version, "; the newest is ",
                         layout.version());
  }
  return version;
}

}  // namespace

std::string StoreDocument(std::uint32_t schema_version, std::string_view message) {
  std::string stored;
  stored.reserve(kStoredHeaderBytes + message.size());
  lsm::AppendFixed32(&stored, schema_version);
  lsm::AppendFixed32(&stored, 0);
  stored.append(message);
  return stored;
}

absl::StatusOr<DocumentView> ViewStoredDocument(const Layout& layout, std::string_view stored) {
  AURORA_DCHECK(reinterpret_cast<std::uintptr_t>(stored.data()) % 8 == 0);
  AURORA_ASSIGN_OR_RETURN(const std::uint32_t version, ReadVersion(layout, stored));
  const std::string_view message = stored.substr(kStoredHeaderBytes);
  AURORA_RETURN_IF_ERROR(ValidateDocument(message, layout));
  return DocumentView(layout, message, version);
}

absl::StatusOr<Document> LoadStoredDocument(std::shared_ptr<const Layout> layout,
                                            std::string_view stored) {
  AURORA_ASSIGN_OR_RETURN(const std::uint32_t version, ReadVersion(*layout, stored));
  return Document::Open(std::move(layout), stored.substr(kStoredHeaderBytes), version);
}

}  // namespace aurora::engine
