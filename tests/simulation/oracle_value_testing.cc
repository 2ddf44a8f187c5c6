#include "aurora/tests/simulation/oracle_value_testing.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora::proof {
namespace {

// Rank of the kind; both numbers share one.
int Rank(const OracleValue& value) {
  const auto index = static_cast<int>(value.rep.index());
  return index <= 2 ? index : index - 1;
}

std::strong_ordering FromSign(int sign) {
  if (sign == 0) return std::strong_ordering::equal;
  return sign < 0 ? std::strong_ordering::less : std::strong_ordering::greater;
}

int Sign(int comparison) { return comparison < 0 ? -1 : comparison > 0; }

// 64 bits of mantissa: exact for every int64 and every double.
static_assert(__LDBL_MANT_DIG__ >= 64);
long double Worth(const OracleValue& number) {
  if (const auto* integer = std::get_if<std::int64_t>(&number.rep)) {
    return static_cast<long double>(*integer);
  }
  return static_cast<long double>(std::get<double>(number.rep));
}

std::strong_ordering OrderLists(const OracleValue::List& a, const OracleValue::List& b) {
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const std::strong_ordering items = Order(a[i], b[i]);
    if (items != 0) return items;
  }
  return a.size() <=> b.size();
}

std::strong_ordering OrderMembers(const OracleValue::Members& a, const OracleValue::Members& b) {
  auto i = a.begin();
  auto j = b.begin();
  for (; i != a.end() && j != b.end(); ++i, ++j) {
    if (const int names = i->first.compare(j->first); names != 0) return FromSign(Sign(names));
    const std::strong_ordering values = Order(i->second, j->second);
    if (values != 0) return values;
  }
  return a.size() <=> b.size();
}

}  // namespace

std::strong_ordering Order(const OracleValue& a, const OracleValue& b) {
  if (Rank(a) != Rank(b)) return Rank(a) <=> Rank(b);
  if (a.is_null()) return std::strong_ordering::equal;
  if (a.is_number()) {
    if (Worth(a) == Worth(b)) return std::strong_ordering::equal;
    return FromSign(Worth(a) < Worth(b) ? -1 : 1);
  }
  if (const auto* yes = std::get_if<bool>(&a.rep)) {
    return FromSign(int{*yes} - int{std::get<bool>(b.rep)});
  }
  if (a.text() != nullptr) return FromSign(Sign(a.text()->compare(*b.text())));
  if (a.list() != nullptr) return OrderLists(*a.list(), *b.list());
  if (a.members() != nullptr) return OrderMembers(*a.members(), *b.members());
  const auto& x = std::get<Uuid>(a.rep).bytes;
  const auto& y = std::get<Uuid>(b.rep).bytes;
  if (std::equal(x.begin(), x.end(), y.begin())) return std::strong_ordering::equal;
  const bool less = std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end());
  return FromSign(less ? -1 : 1);
}

bool Identical(const OracleValue& a, const OracleValue& b) {
  if (a.rep.index() != b.rep.index()) return false;
  if (a.list() != nullptr) {
    return std::equal(a.list()->begin(), a.list()->end(), b.list()->begin(), b.list()->end(),
                      Identical);
  }
  if (a.members() != nullptr) {
    const auto same = [](const auto& x, const auto& y) {
      return x.first == y.first && Identical(x.second, y.second);
    };
    return std::equal(a.members()->begin(), a.members()->end(), b.members()->begin(),
                      b.members()->end(), same);
  }
  return Order(a, b) == 0;
}

bool SameKind(const OracleValue& a, const OracleValue& b) { return Rank(a) == Rank(b); }

Value ToValue(const OracleValue& value) {
  if (const auto* yes = std::get_if<bool>(&value.rep)) return Value(*yes);
  if (const auto* integer = std::get_if<std::int64_t>(&value.rep)) return Value(*integer);
  if (const auto* real = std::get_if<double>(&value.rep)) return Value(*real);
  if (const auto* uuid = std::get_if<Uuid>(&value.rep)) return Value(*uuid);
  if (value.text() != nullptr) return Value(*value.text());
  if (value.members() != nullptr) return Value(ToObject(*value.members()));
  if (value.list() == nullptr) return Value();
  std::vector<Value> items;
  for (const OracleValue& item : *value.list()) items.push_back(ToValue(item));
  return Value(Array(std::move(items)));
}

Object ToObject(const OracleValue::Members& members) {
  Object object;
  for (const auto& [name, value] : members) AURORA_CHECK(object.Add(name, ToValue(value)));
  return object;
}

DocumentId ToDocumentId(const OracleValue& id) {
  if (const auto* integer = std::get_if<std::int64_t>(&id.rep)) return DocumentId(*integer);
  if (const auto* uuid = std::get_if<Uuid>(&id.rep)) return DocumentId(*uuid);
  return DocumentId(std::get<std::string>(id.rep));
}

OracleValue FromView(const ValueView& view) {
  switch (view.type()) {
    case Type::kNull:
      return {};
    case Type::kBool:
      return view.AsBool();
    case Type::kInt64:
      return view.AsInt64();
    case Type::kDouble:
      return view.AsDouble();
    case Type::kString:
      return std::string(view.AsString());
    case Type::kUuid:
      return view.AsUuid();
    case Type::kArray: {
      OracleValue::List list;
      for (const ValueView item : view.AsArray()) list.push_back(FromView(item));
      return list;
    }
    case Type::kObject: {
      OracleValue::Members members;
      for (const MemberView member : view.AsObject()) {
        members.emplace(std::string(member.name), FromView(member.value));
      }
      return members;
    }
    default:
      AURORA_CHECK(false && "the oracle writes no such type");
      return {};
  }
}

std::string Show(const OracleValue& value) { return DebugString(ToValue(value)); }
std::string Show(const OracleValue::Members& members) {
  return DebugString(Value(ToObject(members)));
}

}  // namespace aurora::proof
