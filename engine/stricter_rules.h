// What documents must keep beside their schema, while that is being changed to a stricter one.
//
// A change of schema that asks more of documents than the schema before is made in three steps:
// from some commit on, writes keep the rules of both; then all documents are checked; then the new
// schema takes the place of the old one. So no document can break the new rules once they hold, and
// writers never wait. Until the last step nothing of it is durable.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value_view.h"

namespace aurora::engine {

// Immutable and safe from every thread.
struct StricterRules {
  // Of what Schema::StricterBy makes.
  std::shared_ptr<const Layout> layout;
  // Names that an open schema declares from now on, so that undeclared fields may not have them.
  std::vector<std::string> new_names;
};

// What a change from `now` to `next`, a later version of it, asks of the documents that are there;
// null if nothing.
std::shared_ptr<const StricterRules> RulesOfChange(const Schema& now, const Schema& next);

// InvalidArgument, with the path of the field, if a document breaks the rules.
absl::Status CheckStricter(const StricterRules& rules, const DocumentId& id,
                           const ObjectView& fields);

}  // namespace aurora::engine
