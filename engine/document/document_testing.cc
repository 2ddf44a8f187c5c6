#include "aurora/engine/document/document_testing.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace aurora {
namespace {

constexpr DeclaredType kItemTypes[] = {
    Type::kBool, Type::kInt64,     Type::kDouble, Type::kString, Type::kBytes,
    Type::kUuid, Type::kTimestamp, Type::kObject, Type::kArray,  std::nullopt,
};

Value RandomOfType(RandomValues* random, DeclaredType type) {
  if (!type.has_value()) {
    while (true) {
      Value value = WithoutNaN(random->Next(2));
      if (!value.is_null()) return value;
    }
  }
  switch (*type) {
    case Type::kBool:
      return random->OneIn(2);
    case Type::kInt64:
      return random->Integer();
    case Type::kDouble:
      return random->Double();
    case Type::kString:
      return random->Text();
    case Type::kBytes:
      return Bytes{random->Bytes()};
    case Type::kUuid:
      return random->NextUuid();
    case Type::kTimestamp:
      return random->NextTimestamp();
    case Type::kArray:
      return WithoutNaN(random->NextArray(2));
    default:
      return WithoutNaN(random->NextObject(2));
  }
}

Value RandomOfField(RandomValues* random, const FieldSchema& field) {
  if (field.type == Type::kArray) {
    Array array;
    for (std::uint64_t n = random->Below(5); n > 0; --n) {
      array.Append(field.object != nullptr ? Value(RandomObject(random, *field.object))
                                           : RandomOfType(random, field.item_type));
    }
    return array;
  }
  if (field.object != nullptr) return RandomObject(random, *field.object);
  return RandomOfType(random, field.type);
}

}  // namespace

Value WithoutNaN(const Value& value) {
  switch (value.type()) {
    case Type::kDouble:
      return std::isnan(value.AsDouble()) ? Value(0.0) : value;
    case Type::kArray: {
      Array clean;
      for (const Value& item : value.AsArray()) clean.Append(WithoutNaN(item));
      return clean;
    }
    case Type::kObject: {
      Object clean;
      for (const auto& [name, member] : value.AsObject()) clean.Set(name, WithoutNaN(member));
      return clean;
    }
    default:
      return value;
  }
}

Schema RandomSchema(RandomValues* random, int fields_max, int depth) {
  Schema schema;
  const std::uint64_t count = random->Below(static_cast<std::uint64_t>(fields_max) + 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    if (random->OneIn(15)) schema.Open();
    FieldSchema field;
    field.name = "f" + std::to_string(i);
    if (random->OneIn(2)) field.attributes = kNullable;
    switch (random->Below(4)) {
      case 0:
        field.type = Type::kArray;
        field.item_type = kItemTypes[random->Below(std::size(kItemTypes))];
        break;
      default:
        do {
          field.type = kItemTypes[random->Below(std::size(kItemTypes))];
        } while (field.type == Type::kArray);
    }
    const bool objects = field.type == Type::kObject || field.item_type == Type::kObject;
    if (objects && depth > 1 && random->OneIn(2)) {
      field.object = std::make_shared<const Schema>(RandomSchema(random, fields_max, depth - 1));
    }
    if (field.object == nullptr && field.type != Type::kArray && random->OneIn(8)) {
      field.attributes = field.attributes | Default(RandomOfType(random, field.type));
    }
    schema.Add(std::move(field));
  }
  return schema;
}

Object RandomObject(RandomValues* random, const Schema& schema) {
  std::vector<std::pair<std::string, Value>> members;
  for (const FieldSchema& field : schema.fields()) {
    if (field.dropped() || random->OneIn(3)) continue;
    if (field.attributes.Has(kNullable) && random->OneIn(4)) {
      members.emplace_back(field.name, nullptr);
    } else {
      members.emplace_back(field.name, RandomOfField(random, field));
    }
  }
  if (schema.open()) {
    for (std::uint64_t i = random->Below(3); i > 0; --i) {
      members.emplace_back("u" + std::to_string(i) + random->Text(), WithoutNaN(random->Next(2)));
    }
  }
  for (std::size_t i = members.size(); random->OneIn(2) && i > 1; --i) {
    std::swap(members[i - 1], members[random->Below(i)]);
  }
  Object object;
  for (auto& [name, value] : members) object.Set(name, std::move(value));
  return object;
}

Object WithDefaults(const Schema& schema, const Object& object) {
  Object complete;
  for (const auto& [name, value] : object) {
    const FieldSchema* field = schema.Find(name);
    if (field == nullptr || field->object == nullptr || value.is_null()) {
      complete.Set(name, value);
    } else if (value.type() == Type::kObject) {
      complete.Set(name, WithDefaults(*field->object, value.AsObject()));
    } else {
      Array items;
      for (const Value& item : value.AsArray()) {
        items.Append(WithDefaults(*field->object, item.AsObject()));
      }
      complete.Set(name, std::move(items));
    }
  }
  for (const FieldSchema& field : schema.fields()) {
    if (field.dropped() || !field.attributes.default_value.has_value()) continue;
    if (!complete.Contains(field.name)) complete.Set(field.name, *field.attributes.default_value);
  }
  return complete;
}

}  // namespace aurora
