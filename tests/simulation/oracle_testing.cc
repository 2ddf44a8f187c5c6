#include "aurora/tests/simulation/oracle_testing.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora::proof {
namespace {

constexpr char kIdName[] = "_id";

Documents::iterator FindId(Documents* documents, const OracleValue& id) {
  return std::find_if(documents->begin(), documents->end(), [&](const DocumentHandle& document) {
    return document->id.has_value() && Identical(*document->id, id);
  });
}

void AddDefaults(const CollectionRules& rules, OracleValue::Members* fields) {
  for (const auto& [name, value] : rules.defaults) fields->try_emplace(name, value);
}

// Whether another of `documents` than `self` has one of the unique values of `fields`.
bool IsTaken(const CollectionRules& rules, const OracleValue::Members& fields,
             const Documents& documents, const OracleDocument* self) {
  for (const std::string& name : rules.unique) {
    const auto value = fields.find(name);
    if (value == fields.end() || value->second.is_null()) continue;
    for (const DocumentHandle& other : documents) {
      if (other.get() == self) continue;
      const auto theirs = other->fields.find(name);
      if (theirs != other->fields.end() && SameValue(theirs->second, value->second)) return true;
    }
  }
  return false;
}

Outcome Failed(absl::StatusCode code) {
  Outcome outcome;
  outcome.code = code;
  return outcome;
}

void NoteRow(const OracleDocument& document, std::uint64_t* next_row) {
  if (!document.generated || !document.id.has_value()) return;
  const std::uint64_t row = ToDocumentId(*document.id).EmbeddedRowId().value_or(0);
  *next_row = std::max(*next_row, row + 1);
}

Outcome Insert(const Operation& operation, const CollectionRules& rules, const Outcome* actual,
               OracleState* state) {
  Documents* const documents = &state->collections.at(operation.collection);
  if (!operation.valid) return Failed(absl::StatusCode::kInvalidArgument);
  Documents after = *documents;
  Outcome outcome;
  for (std::size_t i = 0; i < operation.objects.size(); ++i) {
    OracleDocument document;
    document.fields = operation.objects[i];
    document.born = operation.number;
    const auto own_id = document.fields.find(kIdName);
    if (own_id != document.fields.end()) {
      document.id = own_id->second;
      document.fields.erase(own_id);
      if (FindId(&after, *document.id) != after.end()) {
        return Failed(absl::StatusCode::kAlreadyExists);
      }
    } else {
      document.generated = true;
      if (actual != nullptr && i < actual->ids.size()) document.id = actual->ids[i];
      NoteRow(document, &state->next_rows[operation.collection]);
    }
    AddDefaults(rules, &document.fields);
    if (IsTaken(rules, document.fields, after, nullptr)) {
      return Failed(absl::StatusCode::kAlreadyExists);
    }
    outcome.ids.push_back(document.id);
    after.push_back(std::make_shared<const OracleDocument>(std::move(document)));
  }
  *documents = std::move(after);
  return outcome;
}

Outcome Change(const Operation& operation, const CollectionRules& rules, Documents::iterator target,
               Documents* documents) {
  if (!operation.valid) return Failed(absl::StatusCode::kInvalidArgument);
  OracleDocument changed = **target;
  if (operation.kind == Operation::Kind::kReplace) changed.fields.clear();
  for (const auto& [name, value] : operation.objects[0]) changed.fields[name] = value;
  AddDefaults(rules, &changed.fields);
  if (IsTaken(rules, changed.fields, *documents, target->get())) {
    return Failed(absl::StatusCode::kAlreadyExists);
  }
  *target = std::make_shared<const OracleDocument>(std::move(changed));
  return {};
}

Outcome Upsert(const Operation& operation, const CollectionRules& rules, OracleState* state) {
  Documents* const documents = &state->collections.at(operation.collection);
  const auto target = FindId(documents, operation.id);
  if (target != documents->end()) return Change(operation, rules, target, documents);
  Operation insert = operation;
  insert.objects[0][kIdName] = operation.id;
  Outcome outcome = Insert(insert, rules, nullptr, state);
  outcome.ids.clear();
  outcome.flag = outcome.code == absl::StatusCode::kOk;
  return outcome;
}

// --- Conditions. ---

const OracleValue* Step(const OracleValue& value, const std::string& name) {
  if (value.members() != nullptr) {
    const auto member = value.members()->find(name);
    return member == value.members()->end() ? nullptr : &member->second;
  }
  if (value.list() == nullptr) return nullptr;
  if (name.empty() || name.find_first_not_of("0123456789") != std::string::npos) return nullptr;
  const std::size_t index = std::stoul(name);
  return index < value.list()->size() ? &(*value.list())[index] : nullptr;
}

std::optional<OracleValue> At(const OracleDocument& document, const std::string& path) {
  if (path == kIdName) return document.id;
  const std::vector<std::string> names = ParseFieldPath(path);
  const auto first = document.fields.find(names[0]);
  const OracleValue* value = first == document.fields.end() ? nullptr : &first->second;
  for (std::size_t i = 1; i < names.size() && value != nullptr; ++i) value = Step(*value, names[i]);
  if (value == nullptr) return std::nullopt;
  return *value;
}

std::optional<OracleValue> OperandOf(const Condition& condition, const OracleDocument& document) {
  std::optional<OracleValue> value = At(document, condition.path);
  if (!condition.length || !value.has_value()) return value;
  if (value->text() != nullptr) return static_cast<std::int64_t>(value->text()->size());
  if (value->list() != nullptr) return static_cast<std::int64_t>(value->list()->size());
  return std::nullopt;
}

bool HasItem(const OracleValue& value, const OracleValue& wanted) {
  if (value.list() == nullptr) return false;
  return std::any_of(value.list()->begin(), value.list()->end(),
                     [&](const OracleValue& item) { return SameValue(item, wanted); });
}

bool HoldsOnText(Operator op, const OracleValue& value, const OracleValue& wanted) {
  if (value.text() == nullptr || wanted.text() == nullptr) return false;
  const std::string& text = *value.text();
  const std::string& part = *wanted.text();
  if (op == Operator::kContains) return text.find(part) != std::string::npos;
  if (text.size() < part.size()) return false;
  const std::size_t at = op == Operator::kStartsWith ? 0 : text.size() - part.size();
  return text.compare(at, part.size(), part) == 0;
}

bool IsOneOf(const OracleValue& value, const std::vector<OracleValue>& constants) {
  return std::any_of(constants.begin(), constants.end(),
                     [&](const OracleValue& constant) { return SameValue(value, constant); });
}

bool HoldsOnField(const Condition& condition, const OracleDocument& document) {
  const std::optional<OracleValue> found = OperandOf(condition, document);
  const OracleValue value = found.value_or(OracleValue());
  const std::vector<OracleValue>& constants = condition.constants;
  const auto ranks = [&](std::size_t i) {
    return !value.is_null() && SameKind(value, constants[i]);
  };
  switch (condition.op) {
    case Operator::kExists:
      return found.has_value();
    case Operator::kIsNull:
      return value.is_null();
    case Operator::kEqual:
    case Operator::kIn:
      return IsOneOf(value, constants);
    case Operator::kNotEqual:
    case Operator::kNotIn:
      return !IsOneOf(value, constants);
    case Operator::kLess:
      return ranks(0) && Order(value, constants[0]) < 0;
    case Operator::kLessOrEqual:
      return ranks(0) && Order(value, constants[0]) <= 0;
    case Operator::kGreater:
      return ranks(0) && Order(value, constants[0]) > 0;
    case Operator::kGreaterOrEqual:
      return ranks(0) && Order(value, constants[0]) >= 0;
    case Operator::kBetween:
      return ranks(0) && ranks(1) && Order(value, constants[0]) >= 0 &&
             Order(value, constants[1]) <= 0;
    case Operator::kAny:
      return HasItem(value, constants[0]);
    case Operator::kContains:
      return HasItem(value, constants[0]) || HoldsOnText(condition.op, value, constants[0]);
    case Operator::kStartsWith:
    case Operator::kEndsWith:
      return HoldsOnText(condition.op, value, constants[0]);
    default:
      AURORA_CHECK(false && "the oracle asks nothing of the kind");
      return false;
  }
}

Expression LeafExpression(const Condition& condition) {
  std::vector<Value> constants;
  for (const OracleValue& constant : condition.constants) constants.push_back(ToValue(constant));
  const FieldOperand field =
      condition.length ? Field(condition.path).Length() : Field(condition.path);
  switch (condition.op) {
    case Operator::kExists:
      return field.Exists();
    case Operator::kIsNull:
      return field.IsNull();
    case Operator::kEqual:
      return field == constants[0];
    case Operator::kNotEqual:
      return field != constants[0];
    case Operator::kIn:
      return field.In(std::move(constants));
    case Operator::kNotIn:
      return field.NotIn(std::move(constants));
    case Operator::kLess:
      return field < constants[0];
    case Operator::kLessOrEqual:
      return field <= constants[0];
    case Operator::kGreater:
      return field > constants[0];
    case Operator::kGreaterOrEqual:
      return field >= constants[0];
    case Operator::kBetween:
      return field.Between(constants[0], constants[1]);
    case Operator::kAny:
      return field.Any(constants[0]);
    case Operator::kContains:
      return field.Contains(constants[0]);
    case Operator::kStartsWith:
      return field.StartsWith(constants[0].AsString());
    default:
      return field.EndsWith(constants[0].AsString());
  }
}

// --- Queries. ---

void SetAt(OracleValue::Members* members, const std::vector<std::string>& path, std::size_t depth,
           const OracleValue& value) {
  OracleValue& slot = (*members)[path[depth]];
  if (depth + 1 == path.size()) {
    slot = value;
    return;
  }
  if (slot.members() == nullptr) slot = OracleValue::Members();
  SetAt(&std::get<OracleValue::Members>(slot.rep), path, depth + 1, value);
}

OracleDocument Project(const OracleDocument& document, const std::vector<std::string>& select) {
  if (select.empty()) return document;
  OracleDocument projected;
  projected.id = document.id;
  for (const std::string& path : select) {
    const std::optional<OracleValue> value = At(document, path);
    if (value.has_value() && path != kIdName) {
      SetAt(&projected.fields, ParseFieldPath(path), 0, *value);
    }
  }
  return projected;
}

Documents Matching(const OracleQuery& query, const OracleState& state) {
  Documents matching;
  for (const DocumentHandle& document : state.collections.at(query.collection)) {
    if (Holds(query.where, *document)) matching.push_back(document);
  }
  return matching;
}

}  // namespace

OracleDocument FromDocument(const Document& document) {
  OracleDocument result;
  result.id = FromView(document.id().ToValue());
  for (const MemberView member : document.fields()) {
    if (member.name != kIdName) {
      result.fields.emplace(std::string(member.name), FromView(member.value));
    }
  }
  return result;
}

bool SameState(const OracleState& a, const OracleState& b) {
  const auto same = [](const DocumentHandle& x, const DocumentHandle& y) {
    return x == y || SameDocument(*x, *y);
  };
  return std::equal(a.collections.begin(), a.collections.end(), b.collections.begin(),
                    b.collections.end(), [&](const auto& x, const auto& y) {
                      return x.first == y.first &&
                             std::equal(x.second.begin(), x.second.end(), y.second.begin(),
                                        y.second.end(), same);
                    });
}

bool SameDocument(const OracleDocument& a, const OracleDocument& b) {
  if (a.id.has_value() && b.id.has_value() && !Identical(*a.id, *b.id)) return false;
  return Identical(OracleValue(a.fields), OracleValue(b.fields));
}

std::string Show(const OracleDocument& document) {
  return StrCat(document.id.has_value() ? Show(*document.id) : std::string("(some id)"), " ",
                Show(document.fields));
}

std::string Show(const Operation& operation) {
  static constexpr const char* kNames[] = {"insert", "update", "replace", "upsert",
                                           "delete", "create", "get",     "count"};
  std::string text = StrCat(kNames[static_cast<int>(operation.kind)], " ", operation.collection);
  if (operation.kind != Operation::Kind::kInsert) StrAppend(&text, " ", Show(operation.id));
  for (const OracleValue::Members& object : operation.objects) {
    StrAppend(&text, " ", Show(object));
  }
  if (!operation.valid) text += " (invalid)";
  if (operation.durability.has_value()) {
    StrAppend(&text, " (durability ", static_cast<int>(*operation.durability), ")");
  }
  return text;
}

std::string Show(const Outcome& outcome) {
  if (outcome.code != absl::StatusCode::kOk) return absl::StatusCodeToString(outcome.code);
  std::string text = outcome.flag ? "yes" : "ok";
  for (const std::optional<OracleValue>& id : outcome.ids) {
    StrAppend(&text, " ", id.has_value() ? Show(*id) : std::string("(some id)"));
  }
  if (outcome.document.has_value()) StrAppend(&text, " ", Show(*outcome.document));
  if (outcome.count > 0) StrAppend(&text, " ", outcome.count);
  return text;
}

bool Agrees(const Outcome& expected, const Outcome& actual) {
  if (expected.code != actual.code || expected.flag != actual.flag ||
      expected.count != actual.count || expected.ids.size() != actual.ids.size() ||
      expected.document.has_value() != actual.document.has_value()) {
    return false;
  }
  for (std::size_t i = 0; i < expected.ids.size(); ++i) {
    const auto& id = expected.ids[i];
    if (id.has_value() && actual.ids[i].has_value() && !Identical(*id, *actual.ids[i])) {
      return false;
    }
  }
  return !expected.document.has_value() || SameDocument(*expected.document, *actual.document);
}

Outcome Apply(const Operation& operation, const CollectionRules& rules, const Outcome* actual,
              OracleState* state) {
  if (operation.kind == Operation::Kind::kCreate) {
    const bool added = state->collections.try_emplace(operation.collection).second;
    const bool other = !added && !operation.valid;
    return Failed(other ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kOk);
  }
  if (operation.kind == Operation::Kind::kInsert) return Insert(operation, rules, actual, state);
  if (operation.kind == Operation::Kind::kUpsert) return Upsert(operation, rules, state);
  Documents* const documents = &state->collections.at(operation.collection);
  Outcome outcome;
  if (operation.kind == Operation::Kind::kCount) {
    outcome.count = documents->size();
    return outcome;
  }
  const auto target = FindId(documents, operation.id);
  if (operation.kind == Operation::Kind::kGet) {
    if (target != documents->end()) outcome.document = **target;
    return outcome;
  }
  if (operation.kind == Operation::Kind::kDelete) {
    outcome.flag = target != documents->end();
    if (outcome.flag) documents->erase(target);
    return outcome;
  }
  if (target == documents->end()) return Failed(absl::StatusCode::kNotFound);
  return Change(operation, rules, target, documents);
}

bool Holds(const Condition& condition, const OracleDocument& document) {
  const auto holds = [&](const Condition& child) { return Holds(child, document); };
  switch (condition.op) {
    case Operator::kTrue:
      return true;
    case Operator::kNot:
      return !holds(condition.children[0]);
    case Operator::kAnd:
      return std::all_of(condition.children.begin(), condition.children.end(), holds);
    case Operator::kOr:
      return std::any_of(condition.children.begin(), condition.children.end(), holds);
    default:
      return HoldsOnField(condition, document);
  }
}

Expression ToExpression(const Condition& condition) {
  if (condition.op == Operator::kTrue) return Expression();
  if (condition.children.empty()) return LeafExpression(condition);
  Expression expression = ToExpression(condition.children[0]);
  if (condition.op == Operator::kNot) return !expression;
  for (std::size_t i = 1; i < condition.children.size(); ++i) {
    const Expression child = ToExpression(condition.children[i]);
    expression = condition.op == Operator::kAnd ? expression && child : expression || child;
  }
  return expression;
}

std::vector<OracleDocument> Answer(const OracleQuery& query, const OracleState& state) {
  const Documents matching = Matching(query, state);
  std::vector<std::size_t> order(matching.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    for (const auto& [path, descending] : query.order_by) {
      const auto values = Order(At(*matching[a], path).value_or(OracleValue()),
                                At(*matching[b], path).value_or(OracleValue()));
      if (values != 0) return descending ? values > 0 : values < 0;
    }
    return a < b;  // a tie: in the order of insertion
  };
  std::sort(order.begin(), order.end(), before);
  std::vector<OracleDocument> answer;
  for (std::size_t i = query.offset; i < order.size(); ++i) {
    if (query.limit.has_value() && answer.size() >= *query.limit) break;
    answer.push_back(Project(*matching[order[i]], query.select));
  }
  return answer;
}

std::uint64_t CountOf(const OracleQuery& query, const OracleState& state) {
  return Matching(query, state).size();
}

QuerySpec ToSpec(const OracleQuery& query) {
  QuerySpec spec;
  spec.collection = query.collection;
  spec.where = ToExpression(query.where);
  for (const auto& [path, descending] : query.order_by) {
    const Direction direction = descending ? Direction::kDescending : Direction::kAscending;
    spec.order_by.push_back({ParseFieldPath(path), direction});
  }
  spec.offset = query.offset;
  if (query.limit.has_value()) spec.limit = *query.limit;
  for (const std::string& path : query.select) spec.select.push_back(ParseFieldPath(path));
  return spec;
}

namespace {

// One collection; the result is empty, and `*difference` is not, if they differ.
Documents ExplainDocuments(const Documents& expected, const std::vector<OracleDocument>& found,
                           std::uint64_t unordered_from, std::string* difference) {
  Documents left = expected;
  Documents explained;
  for (const OracleDocument& document : found) {
    const auto match = std::find_if(left.begin(), left.end(), [&](const DocumentHandle& candidate) {
      return SameDocument(*candidate, document);
    });
    const bool is_in_order =
        match == left.begin() || (match != left.end() && left.front()->born >= unordered_from);
    if (match == left.end() || !is_in_order) {
      *difference = StrCat("there is ", Show(document), " instead of ",
                           left.empty() ? std::string("the end") : Show(*left.front()));
      return {};
    }
    auto adopted = std::make_shared<OracleDocument>(**match);
    adopted->id = document.id;
    explained.push_back(std::move(adopted));
    left.erase(match);
  }
  if (!left.empty()) *difference = StrCat("it ends before ", Show(*left.front()));
  return explained;
}

}  // namespace

std::optional<OracleState> Explain(const Candidate& candidate, const Found& found,
                                   std::string* difference) {
  OracleState explained;
  explained.next_rows = candidate.state.next_rows;
  for (const auto& [name, documents] : candidate.state.collections) {
    const auto theirs = found.find(name);
    if (theirs == found.end()) {
      *difference = StrCat("collection ", Quoted(name), " is missing");
      return std::nullopt;
    }
    std::string detail;
    explained.collections[name] =
        ExplainDocuments(documents, theirs->second, candidate.unordered_from, &detail);
    if (!detail.empty()) {
      *difference = StrCat("in collection ", Quoted(name), " ", detail);
      return std::nullopt;
    }
    for (const DocumentHandle& document : explained.collections[name]) {
      NoteRow(*document, &explained.next_rows[name]);
    }
  }
  for (const auto& [name, documents] : found) {
    if (candidate.state.collections.contains(name)) continue;
    *difference = StrCat("collection ", Quoted(name), " should not be there");
    return std::nullopt;
  }
  return explained;
}

}  // namespace aurora::proof
