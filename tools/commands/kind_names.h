// What the commands call the kinds of entries and operations.
#pragma once

#include <string_view>

#include "aurora/engine/record.h"
#include "aurora/lsm/expiry.h"
#include "aurora/lsm/types.h"

namespace aurora::tools {

std::string_view NameOfKind(lsm::EntryKind kind);
std::string_view NameOfKind(engine::OperationKind kind);

// Of an entry in a table, whose value has this form: a value that is here and expires is another
// thing to a reader than one that is elsewhere, though the entries are of one kind.
std::string_view NameOfEntry(lsm::EntryKind kind, const lsm::PutForm& form);

}  // namespace aurora::tools
