// From values to a stored document: one canonical Cap'n Proto message (layout.h), a multiple of 8
// bytes. Canonical means that equal documents have equal bytes, whatever the order in which their
// members were given and whatever the version of the layout, as long as they hold the same fields.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/limits.h"
#include "aurora/engine/document/value_view.h"

namespace aurora {

// The document `fields` with the id `id`, which is stored in it. If `fields` has a member "_id", it
// must be that id. Fields that are missing get their defaults. Numbers are converted between int64
// and double where that is exact; nothing else is.
//
// InvalidArgument, with the path of the field, what was expected and what was found: a wrong type,
// a missing required field, null where it may not be, a rule broken, an undeclared field of a
// schema that is not open, a name twice, a string that is not UTF-8, NaN. ResourceExhausted: a
// limit.
//
// Linear in the size of the values.
absl::StatusOr<std::string> EncodeDocument(const Layout& layout,
                                           const std::optional<DocumentId>& id,
                                           const ObjectView& fields,
                                           const DocumentLimits& limits = DocumentLimits());

// Any value but NaN as a message of its own: the struct Value of value.capnp. Errors as above.
absl::StatusOr<std::string> EncodeValue(const ValueView& value,
                                        const DocumentLimits& limits = DocumentLimits());

}  // namespace aurora
