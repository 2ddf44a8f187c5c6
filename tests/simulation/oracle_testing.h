// The oracle: what a database should hold and answer, said as plainly as possible. Collections are
// lists of documents in the order of insertion, every answer comes of looking at all of them, and
// nothing is shared with the engine's evaluator, planner, indices or storage.
//
// States are values; documents are immutable and shared between them, so that a state can be kept
// for every commit.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "aurora/engine/document/document.h"
#include "aurora/engine/options.h"
#include "aurora/engine/query/expression.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/tests/simulation/oracle_value_testing.h"

namespace aurora::proof {

// --- Documents. ---

struct OracleDocument {
  std::optional<OracleValue> id;  // nullopt: a generated one that nobody was told
  OracleValue::Members fields;    // without the id
  bool generated = false;         // the id is, so it carries a row
  std::uint64_t born = 0;         // the operation that inserted it: see Candidate
};
using DocumentHandle = std::shared_ptr<const OracleDocument>;
using Documents = std::vector<DocumentHandle>;

OracleDocument FromDocument(const Document& document);
// The same fields, of the same types, and the same id, unless it is unknown.
bool SameDocument(const OracleDocument& a, const OracleDocument& b);
std::string Show(const OracleDocument& document);

// What the oracle knows of the schema of a collection.
struct CollectionRules {
  std::vector<std::string> unique;  // null and missing do not count
  OracleValue::Members defaults;    // of fields that are missing when a document is written
};

struct OracleState {
  std::map<std::string, Documents> collections;
  // Of each collection, a row above all that generated ids have told: none is used again.
  std::map<std::string, std::uint64_t> next_rows;
};
bool SameState(const OracleState& a, const OracleState& b);

// --- Operations. ---

struct Operation {
  enum class Kind : std::uint8_t {
    kInsert,  // all of `objects`, or none
    kUpdate,
    kReplace,
    kUpsert,
    kDelete,
    kCreate,  // the collection; not `valid`: with another schema than it has
    kGet,
    kCount,
  };
  Kind kind = Kind::kInsert;
  std::string collection;
  std::vector<OracleValue::Members> objects;  // an id of the user's own is the member "_id"
  OracleValue id;                             // of the others
  bool valid = true;                          // whether the objects fit the schema
  std::uint64_t number = 0;                   // above those of earlier operations
  std::optional<Durability> durability;

  bool writes() const { return kind < Kind::kGet; }
};
std::string Show(const Operation& operation);

// What an operation answers, or should.
struct Outcome {
  absl::StatusCode code = absl::StatusCode::kOk;
  bool flag = false;                            // upsert: inserted; delete: there was one
  std::vector<std::optional<OracleValue>> ids;  // insert; nullopt: a generated one, unknown
  std::optional<OracleDocument> document;       // get
  std::uint64_t count = 0;                      // count
};
std::string Show(const Outcome& outcome);
// True if `actual` is what `expected` says; a generated id is whatever it is.
bool Agrees(const Outcome& expected, const Outcome& actual);

// What `operation` should answer in `state`, which it changes. The ids that are generated are taken
// from `actual`, if it has them.
Outcome Apply(const Operation& operation, const CollectionRules& rules, const Outcome* actual,
              OracleState* state);

// --- Conditions and queries. ---

struct Condition {
  Operator op = Operator::kTrue;
  std::string path;
  bool length = false;  // of what is at `path`, not that itself
  std::vector<OracleValue> constants;
  std::vector<Condition> children;
};
bool Holds(const Condition& condition, const OracleDocument& document);
Expression ToExpression(const Condition& condition);

struct OracleQuery {
  std::string collection;
  Condition where;
  std::vector<std::pair<std::string, bool>> order_by;  // path; true: descending
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> limit;
  std::vector<std::string> select;  // empty: whole documents
};
std::vector<OracleDocument> Answer(const OracleQuery& query, const OracleState& state);
std::uint64_t CountOf(const OracleQuery& query, const OracleState& state);
QuerySpec ToSpec(const OracleQuery& query);

// --- States against what is found. ---

// What a database holds: of each collection, its documents in the order of a scan.
using Found = std::map<std::string, std::vector<OracleDocument>>;

// A state that may have been reached. Operations from `unordered_from` on ran side by side, so the
// order of the documents that they inserted is open.
struct Candidate {
  OracleState state;
  std::uint64_t unordered_from = UINT64_MAX;
};

// The state that `found` is of, if it is `candidate`: with the ids and the order that were open.
// Else nullopt, and `*difference` tells the first thing that differs.
std::optional<OracleState> Explain(const Candidate& candidate, const Found& found,
                                   std::string* difference);

}  // namespace aurora::proof
