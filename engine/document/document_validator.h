// Whether bytes are a document that EncodeDocument can have written with a layout, or an older
// version of it. What passes is safe to read in place, whoever wrote it: every pointer leads to
// where the next object starts, so nothing overlaps, nothing is left over, nothing is out of
// bounds, and the bytes stand for no more than they could hold. Text is not checked to be UTF-8,
// nor the members of a free-form object to have different names.
//
// Linear in the size; the stack is bounded by DocumentLimits::Absolute().depth_max.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "aurora/engine/document/layout.h"

namespace aurora {

// Else DataLoss, with the byte at which it goes wrong.
absl::Status ValidateDocument(std::string_view bytes, const Layout& layout);

// The same of what EncodeValue writes.
absl::Status ValidateValueMessage(std::string_view bytes);

}  // namespace aurora
