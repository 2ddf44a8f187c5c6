#include "aurora/tests/simulation/oracle_random_testing.h"

#include <iterator>
#include <utility>

#include "aurora/engine/document/field_attributes.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora::proof {
namespace {

constexpr std::int64_t kBeyondDouble = (std::int64_t{1} << 53) + 1;

CollectionModel Things() {
  CollectionModel things;
  things.name = "things";
  things.schema = Schema()
                      .String("sku", kUnique)
                      .Int64("serial", kUnique | kNullable)
                      .String("kind", kIndexed)
                      .Double("price", kIndexed | kNullable)
                      .Int64("level", kIndexed | kNullable | AtLeast(-5) | AtMost(99))
                      .Bool("live", kIndexed)
                      .Array("tags", Type::kString, kIndexed)
                      .Array("marks", Type::kInt64, kIndexed | kNullable)
                      .String("state", kIndexed | OneOf({"open", "closed"}) | Default("open"))
                      .String("name", kRequired)
                      .String("text")
                      .Object("place", Schema().String("city").Int64("zip"));
  things.rules.unique = {"sku", "serial"};
  things.rules.defaults["state"] = OracleValue("open");
  things.indexed = {"sku", "serial", "kind", "price", "level", "live", "tags", "marks", "state"};
  return things;
}

CollectionModel Notes() {
  CollectionModel notes;
  notes.name = "notes";
  notes.schema =
      Schema().String("kind", kIndexed).Double("price", kIndexed).Any("body", kNullable).Open();
  notes.indexed = {"kind", "price"};
  return notes;
}

const std::vector<std::string>& FieldsOf(const std::string& collection) {
  static const auto* const things = new std::vector<std::string>{
      "sku", "serial", "kind", "price", "level", "live", "tags", "marks", "state", "text", "place"};
  static const auto* const notes =
      new std::vector<std::string>{"kind", "price", "body", "extra", "other"};
  return collection == "things" ? *things : *notes;
}

}  // namespace

const std::vector<CollectionModel>& CollectionModels() {
  static const auto* const models = new std::vector<CollectionModel>{Notes(), Things()};
  return *models;
}

const CollectionRules& RulesOf(const std::string& collection) {
  for (const CollectionModel& model : CollectionModels()) {
    if (model.name == collection) return model.rules;
  }
  static const auto* const none = new CollectionRules;
  return *none;
}

std::string OracleRandom::DrawCollection() { return OneIn(4) ? "notes" : "things"; }

// --- Values. ---

OracleValue OracleRandom::DrawFree(int depth) {
  switch (Below(depth > 0 ? 9 : 7)) {
    case 0:
      return {};
    case 1:
      return OneIn(2);
    case 2:
      return static_cast<std::int64_t>(Below(4));
    case 3:
      return static_cast<double>(Below(8)) / 2;
    case 4:
    case 5:
      return StrCat("w", Below(6));
    case 6:
      return OneIn(2) ? OracleValue(kBeyondDouble) : OracleValue(9007199254740992.0);
    case 7: {
      OracleValue::List list;
      for (std::uint64_t n = Below(4); n > 0; --n) list.push_back(DrawFree(depth - 1));
      return list;
    }
    default: {
      OracleValue::Members members;
      for (const char* name : {"a", "b"}) {
        if (OneIn(2)) members[name] = DrawFree(depth - 1);
      }
      return members;
    }
  }
}

OracleValue OracleRandom::DrawValue(const std::string& field) {
  static constexpr const char* kKinds[] = {"bed", "chair", "desk", "lamp", ""};
  static constexpr double kPrices[] = {-1.5, 0, 2, 2.5, 3, 100, 1e300, 9007199254740992.0};
  if (field == "sku") return StrCat("s", Below(24));
  if (field == "serial") {
    return OneIn(6) ? kBeyondDouble : static_cast<std::int64_t>(Below(20)) - 2;
  }
  if (field == "kind") return kKinds[Below(std::size(kKinds))];
  if (field == "price") return kPrices[Below(std::size(kPrices))];
  if (field == "level") return static_cast<std::int64_t>(Below(12)) - 5;
  if (field == "live") return OneIn(2);
  if (field == "state") return OneIn(2) ? "open" : "closed";
  if (field == "name") return StrCat("n", Below(5));
  if (field == "text") {
    // Now and then enough to fill memtables and segments of the log.
    const std::uint64_t length = OneIn(20) ? 400'000 : OneIn(6) ? 3000 : 30;
    return std::string(Below(length), static_cast<char>('a' + Below(3)));
  }
  if (field == "tags" || field == "marks") {
    OracleValue::List list;
    for (std::uint64_t n = Below(4); n > 0; --n) {
      const std::uint64_t item = Below(6);
      if (field == "tags") list.push_back(std::string(1, static_cast<char>('a' + item)));
      if (field == "marks") list.push_back(static_cast<std::int64_t>(item));
    }
    return list;
  }
  if (field == "place") {
    OracleValue::Members place;
    if (!OneIn(3)) place["city"] = StrCat("c", Below(3));
    if (OneIn(2)) place["zip"] = static_cast<std::int64_t>(Below(3));
    return place;
  }
  return DrawFree(2);
}

OracleValue::Members OracleRandom::DrawObject(const std::string& collection, bool whole) {
  OracleValue::Members object;
  for (const std::string& field : FieldsOf(collection)) {
    if (Below(3) >= (whole ? 2u : 1u)) continue;
    const bool nullable = field == "serial" || field == "marks" || field == "level" ||
                          (field == "price" && collection == "things");
    const bool null = nullable && OneIn(6);
    object[field] = null ? OracleValue() : DrawValue(field);
  }
  if (collection == "things" && (whole || OneIn(3))) object["name"] = DrawValue("name");
  return object;
}

// --- Writes. ---

OracleValue OracleRandom::DrawOwnId() {
  if (OneIn(2)) return StrCat("own", Below(10));
  return static_cast<std::int64_t>(Below(10));
}

OracleValue OracleRandom::DrawId(const OracleState& state, const std::string& collection,
                                 std::span<const OracleValue> dead) {
  const Documents& documents = state.collections.at(collection);
  const std::uint64_t what = Below(8);
  if (what == 0 && !dead.empty()) return dead[Below(dead.size())];
  if (what > 1 && !documents.empty()) {
    const std::optional<OracleValue>& id = documents[Below(documents.size())]->id;
    if (id.has_value()) return *id;
  }
  return DrawOwnId();
}

// Makes objects that do not fit the schema, in one of the ways in which they may not.
void OracleRandom::Spoil(const std::string& collection, Operation* operation) {
  operation->valid = false;
  OracleValue::Members& object = operation->objects[Below(operation->objects.size())];
  // What an update or an upsert leaves out, the document may have.
  const bool is_whole =
      operation->kind == Operation::Kind::kInsert || operation->kind == Operation::Kind::kReplace;
  switch (collection == "notes" ? 0 : Below(is_whole ? 6 : 5)) {
    case 0:
      object["kind"] = OracleValue(7);
      break;
    case 1:
      object["level"] = OracleValue(1000);
      break;
    case 2:
      object["unheard"] = OracleValue("of");
      break;
    case 3:
      object["live"] = OracleValue();
      break;
    case 4:
      object["state"] = OracleValue("ajar");
      break;
    default:
      object.erase("name");
  }
}

Operation OracleRandom::DrawWrite(const OracleState& state, std::span<const OracleValue> dead) {
  Operation operation;
  operation.collection = DrawCollection();
  const std::size_t size = state.collections.at(operation.collection).size();
  const std::uint64_t what = Below(20) + (size > 40 ? 6 : 0);
  if (what < 8) {
    operation.kind = Operation::Kind::kInsert;
    const std::uint64_t count = OneIn(4) ? 2 + Below(5) : 1;
    for (std::uint64_t i = 0; i < count; ++i) {
      operation.objects.push_back(DrawObject(operation.collection, /*whole=*/true));
      if (OneIn(4)) operation.objects.back()["_id"] = DrawOwnId();
    }
  } else {
    operation.id = DrawId(state, operation.collection, dead);
    operation.kind = what < 13   ? Operation::Kind::kUpdate
                     : what < 15 ? Operation::Kind::kReplace
                     : what < 17 ? Operation::Kind::kUpsert
                                 : Operation::Kind::kDelete;
    const bool whole = operation.kind != Operation::Kind::kUpdate;
    if (operation.kind != Operation::Kind::kDelete) {
      operation.objects.push_back(DrawObject(operation.collection, whole));
    }
  }
  if (!operation.objects.empty() && OneIn(15)) Spoil(operation.collection, &operation);
  if (OneIn(4)) operation.durability = static_cast<Durability>(Below(3));
  return operation;
}

Operation OracleRandom::DrawContended(const OracleState& state, const std::string& collection,
                                      const OracleValue& id, const OracleValue::Members& shared) {
  Operation operation;
  operation.collection = collection;
  operation.id = id;
  const std::uint64_t what = Below(12);
  if (what < 2) {
    operation.kind = what == 0 ? Operation::Kind::kGet : Operation::Kind::kCount;
    return operation;
  }
  operation.objects.push_back(DrawObject(collection, /*whole=*/true));
  OracleValue::Members& object = operation.objects[0];
  for (const auto& [name, value] : shared) {
    if (OneIn(2)) object[name] = value;
  }
  if (what < 5) {
    operation.kind = Operation::Kind::kInsert;
    if (OneIn(3) && !std::holds_alternative<Uuid>(id.rep)) object["_id"] = id;
  } else if (what < 8) {
    operation.kind = Operation::Kind::kUpdate;
    // One field each, so that an update that is lost is missed.
    while (object.size() > 1) object.erase(std::next(object.begin(), Below(object.size())));
  } else if (what < 9) {
    operation.kind = Operation::Kind::kReplace;
  } else if (what < 10) {
    operation.kind = Operation::Kind::kUpsert;
  } else {
    operation.kind = Operation::Kind::kDelete;
    operation.objects.clear();
  }
  if (OneIn(4)) operation.id = DrawId(state, collection, {});
  return operation;
}

// --- Queries. ---

std::string OracleRandom::DrawPath(const std::string& collection) {
  static constexpr const char* kOthers[] = {"_id",       "nothing", "place.city",
                                            "place.zip", "tags.0",  "marks.1",
                                            "body.a",    "name",    "extra.0"};
  if (OneIn(5)) return kOthers[Below(std::size(kOthers))];
  const std::vector<std::string>& fields = FieldsOf(collection);
  return fields[Below(fields.size())];
}

OracleValue OracleRandom::DrawConstant(const std::string& path, const OracleState& state,
                                       const std::string& collection) {
  if (OneIn(12)) return DrawFree(1);
  if (path == "_id") return DrawId(state, collection, {});
  if (path == "place.city") return StrCat("c", Below(3));
  if (path == "place.zip" || path == "marks.1") return static_cast<std::int64_t>(Below(6));
  if (path == "tags.0") return std::string(1, static_cast<char>('a' + Below(6)));
  OracleValue value = DrawValue(path);
  // The same number as another type.
  const auto* integer = std::get_if<std::int64_t>(&value.rep);
  if (integer != nullptr && OneIn(3)) return static_cast<double>(*integer);
  const auto* real = std::get_if<double>(&value.rep);
  if (real != nullptr && OneIn(3)) {
    return static_cast<std::int64_t>(*real < 1e18 ? *real : 7);
  }
  return value;
}

Condition OracleRandom::DrawLeaf(const OracleState& state, const std::string& collection) {
  static constexpr Operator kOperators[] = {
      Operator::kEqual,   Operator::kEqual,       Operator::kEqual,
      Operator::kEqual,   Operator::kNotEqual,    Operator::kLess,
      Operator::kGreater, Operator::kLessOrEqual, Operator::kGreaterOrEqual,
      Operator::kBetween, Operator::kIn,          Operator::kIn,
      Operator::kNotIn,   Operator::kContains,    Operator::kStartsWith,
      Operator::kAny,     Operator::kAny,         Operator::kAny,
      Operator::kIsNull,  Operator::kExists,      Operator::kEndsWith};
  Condition leaf;
  leaf.op = kOperators[Below(std::size(kOperators))];
  leaf.path = DrawPath(collection);
  const auto draw = [&] { return DrawConstant(leaf.path, state, collection); };
  switch (leaf.op) {
    case Operator::kIsNull:
    case Operator::kExists:
      return leaf;
    case Operator::kIn:
    case Operator::kNotIn:
      for (std::uint64_t n = Below(4); n > 0; --n) leaf.constants.push_back(draw());
      return leaf;
    case Operator::kBetween:
      leaf.constants = {draw(), draw()};
      return leaf;
    case Operator::kStartsWith:
    case Operator::kEndsWith:
      leaf.constants = {OracleValue(OneIn(2) ? "s" : "1")};
      return leaf;
    case Operator::kAny:
    case Operator::kContains: {
      OracleValue constant = draw();
      const OracleValue::List* list = constant.list();
      if (list != nullptr && !list->empty() && !OneIn(8)) constant = OracleValue((*list)[0]);
      leaf.constants = {std::move(constant)};
      return leaf;
    }
    default:
      leaf.length = OneIn(8);
      leaf.constants = {leaf.length ? OracleValue(static_cast<int>(Below(4))) : draw()};
      return leaf;
  }
}

Condition OracleRandom::DrawCondition(const OracleState& state, const std::string& collection,
                                      int depth) {
  if (depth == 0 || OneIn(3)) return DrawLeaf(state, collection);
  Condition condition;
  const std::uint64_t what = Below(7);
  condition.op = what < 3 ? Operator::kAnd : what < 6 ? Operator::kOr : Operator::kNot;
  const std::uint64_t count = condition.op == Operator::kNot ? 1 : 2 + Below(2);
  for (std::uint64_t i = 0; i < count; ++i) {
    condition.children.push_back(DrawCondition(state, collection, depth - 1));
  }
  return condition;
}

OracleQuery OracleRandom::DrawQuery(const OracleState& state) {
  OracleQuery query;
  query.collection = DrawCollection();
  if (!OneIn(10)) query.where = DrawCondition(state, query.collection, 2);
  if (OneIn(2)) {
    for (std::uint64_t n = 1 + Below(2); n > 0; --n) {
      query.order_by.emplace_back(DrawPath(query.collection), OneIn(2));
    }
  }
  if (OneIn(4)) query.offset = Below(8);
  if (OneIn(2)) query.limit = Below(12);
  if (OneIn(4)) {
    for (std::uint64_t n = 1 + Below(3); n > 0; --n) {
      const std::string path = DrawPath(query.collection);
      const bool has_index = path == "tags.0" || path == "marks.1" || path == "extra.0";
      if (!has_index) query.select.push_back(path);
    }
  }
  return query;
}

}  // namespace aurora::proof
