// Values as the oracle has them: the plainest form that tells every type apart, with its own
// comparison, so that nothing of the engine decides what the engine should have answered.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "aurora/engine/document/document_id.h"
#include "aurora/engine/document/uuid.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"

namespace aurora::proof {

struct OracleValue {
  using List = std::vector<OracleValue>;
  using Members = std::map<std::string, OracleValue>;

  OracleValue() = default;
  OracleValue(bool value) : rep(value) {}
  OracleValue(int value) : rep(std::int64_t{value}) {}
  OracleValue(std::int64_t value) : rep(value) {}
  OracleValue(double value) : rep(value) {}
  OracleValue(const char* value) : rep(std::string(value)) {}
  OracleValue(std::string value) : rep(std::move(value)) {}
  OracleValue(const Uuid& value) : rep(value) {}
  OracleValue(List value) : rep(std::move(value)) {}
  OracleValue(Members value) : rep(std::move(value)) {}

  bool is_null() const { return rep.index() == 0; }
  bool is_number() const { return rep.index() == 2 || rep.index() == 3; }
  // Null if it is something else.
  const std::string* text() const { return std::get_if<std::string>(&rep); }
  const List* list() const { return std::get_if<List>(&rep); }
  const Members* members() const { return std::get_if<Members>(&rep); }

  // In the order of the types: see Order.
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Uuid, List, Members> rep;
};

// null < bool < number < string < uuid < array < object; numbers by what they are worth.
std::strong_ordering Order(const OracleValue& a, const OracleValue& b);
// Whether a query may tell them apart; 3 and 3.0 it may not.
inline bool SameValue(const OracleValue& a, const OracleValue& b) { return Order(a, b) == 0; }
// Equal and of equal types, all the way down: what comes back must be what was put in.
bool Identical(const OracleValue& a, const OracleValue& b);
// Of one kind: ranges hold only within it.
bool SameKind(const OracleValue& a, const OracleValue& b);

Value ToValue(const OracleValue& value);
Object ToObject(const OracleValue::Members& members);
// `id` is a string, an int64 or a uuid.
DocumentId ToDocumentId(const OracleValue& id);
OracleValue FromView(const ValueView& view);

// For people; long texts are cut.
std::string Show(const OracleValue& value);
std::string Show(const OracleValue::Members& members);

}  // namespace aurora::proof
