// Schemas as values, to be stored (EncodeValue) or shown as JSON, and as tables for people.
//
//   {"version": 1, "next_id": 2, "open_id": 1,
//    "fields": [{"name": "sku", "type": "string", "id": 0, "added_in": 1, "unique": true}]}
//
// A field is an object of name, type, id, added_in and, where they are not the default: items (the
// type of an array's items), fields and so on (of declared objects, in "object"), dropped_in,
// required, nullable, unique, indexed, text, allow_nan, default, min, max, min_length, max_length,
// one_of, pattern, format, references, initial (an array of the value, or of none, that documents
// older than the field show, where that is not the default). "open" is there if undeclared fields
// are admitted.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"

namespace aurora {

Value SchemaToValue(const Schema& schema);

// The schema that SchemaToValue was given, ids and versions included. DataLoss for anything else,
// unknown members too: they would be attributes that this version does not enforce.
absl::StatusOr<Schema> SchemaFromValue(const ValueView& value);

// One line for each field, aligned; those of objects indented below them. Ends with a new line.
std::string SchemaTable(const Schema& schema);

// "required, unique, default 3, 0 to 10": what a schema says of a field beside its type.
std::string DescribeAttributes(const FieldAttributes& attributes);

// Rows of cells, the first the header, as lines of columns two spaces apart. Column widths count
// code points.
std::string AlignedTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace aurora
