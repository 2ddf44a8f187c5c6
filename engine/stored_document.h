// A document as the store keeps it: the version of the schema that laid it out, then the message,
// in place and aligned.
//
//   0   u32   schema version
//   4   u32   zero
//   8         Cap'n Proto message (document_encoder.h)
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/document/layout.h"

namespace aurora::engine {

inline constexpr std::size_t kStoredHeaderBytes = 8;

// The header and `message`.
std::string StoreDocument(std::uint32_t schema_version, std::string_view message);

// Checks stored bytes from anywhere. DataLoss if they are no document of `layout`. The view is on
// `stored`, which must be aligned to 8 bytes and stay, as must `layout`.
absl::StatusOr<DocumentView> ViewStoredDocument(const Layout& layout, std::string_view stored);

// The same, as a document of its own; of any alignment.
absl::StatusOr<Document> LoadStoredDocument(std::shared_ptr<const Layout> layout,
                                            std::string_view stored);

}  // namespace aurora::engine
