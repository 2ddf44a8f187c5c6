#include "aurora/engine/document/schema_inference.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <optional>
#include <utility>

#include "aurora/engine/document/field_attributes.h"
#include "aurora/engine/document/schema_text.h"
#include "aurora/runtime/check.h"

namespace aurora {
namespace {

constexpr std::size_t kExampleBytesMax = 48;

bool MayBeDeclared(std::string_view name) {
  return Schema().Any(std::string(name)).Validate().ok();
}

bool IsExactDouble(std::int64_t number) {
  return CompareNumbers(number, static_cast<double>(number)) == 0;
}

std::uint64_t Total(const std::uint64_t (&count)[kTypeCount]) {
  return std::accumulate(std::begin(count), std::end(count), std::uint64_t{0});
}

std::string Percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0 || part == whole) return "100%";
  char text[16];
  std::snprintf(text, sizeof(text), "%.1f%%",
                std::min(99.9, 100.0 * static_cast<double>(part) / static_cast<double>(whole)));
  return text;
}

}  // namespace

void SchemaInference::Add(const ObjectView& object) {
  const std::size_t names_max = depth_ == 1 ? kDocumentNamesMax : kObjectNamesMax;
  ++objects_;
  for (const MemberView& member : object) {
    if (depth_ == 1 && member.name == kIdFieldName) continue;
    const auto found = positions_.find(member.name);
    if (found != positions_.end()) {
      AddTo(member.value, &names_[found->second].seen);
      continue;
    }
    if (!MayBeDeclared(member.name)) {
      has_other_names_ = true;
      continue;
    }
    if (names_.size() >= names_max) {
      too_many_names_ = true;
      continue;
    }
    positions_.emplace(std::string(member.name), names_.size());
    names_.push_back({std::string(member.name), Seen()});
    AddTo(member.value, &names_.back().seen);
  }
}

void SchemaInference::AddTo(const ValueView& value, Seen* seen) const {
  ++seen->count[static_cast<std::size_t>(value.type())];
  if (seen->example.empty() && !value.is_null()) {
    seen->example = DebugString(value, kExampleBytesMax);
  }
  if (value.type() == Type::kInt64) {
    seen->inexact_integer = seen->inexact_integer || !IsExactDouble(value.AsInt64());
  } else if (value.type() == Type::kArray) {
    // Arrays within arrays are free-form, so what is in them is not looked at.
    if (seen->items == nullptr) seen->items = std::make_unique<Seen>();
    for (const ValueView& item : value.AsArray()) {
      if (item.type() == Type::kArray) {
        ++seen->items->count[static_cast<std::size_t>(Type::kArray)];
      } else {
        AddTo(item, seen->items.get());
      }
    }
  } else if (value.type() == Type::kObject && depth_ < kDepthMax) {
    if (seen->members == nullptr) {
      seen->members = std::unique_ptr<SchemaInference>(new SchemaInference(depth_ + 1));
    }
    seen->members->Add(value.AsObject());
  }
}

// The one type that holds all that was seen; nullopt if there is none.
DeclaredType SchemaInference::TypeOf(const Seen& seen, bool null_is_a_type) {
  DeclaredType type;
  for (int i = null_is_a_type ? 0 : 1; i < kTypeCount; ++i) {
    if (seen.count[i] == 0) continue;
    const auto here = static_cast<Type>(i);
    if (!type.has_value()) {
      type = here;
    } else if (type == Type::kInt64 && here == Type::kDouble && !seen.inexact_integer) {
      type = Type::kDouble;
    } else {
      return std::nullopt;
    }
  }
  return type == Type::kNull ? std::nullopt : type;
}

bool SchemaInference::IsFreeForm() const { return too_many_names_ || names_.empty(); }

FieldSchema SchemaInference::InferField(const std::string& name, const Seen& seen) const {
  FieldSchema field;
  field.name = name;
  field.type = TypeOf(seen, /*null_is_a_type=*/false);
  const Seen* objects = &seen;
  if (field.type == Type::kArray) {
    field.item_type = TypeOf(*seen.items, /*null_is_a_type=*/true);
    objects = seen.items.get();
  }
  const bool is_object = field.type == Type::kObject || field.item_type == Type::kObject;
  if (is_object && objects->members != nullptr && !objects->members->IsFreeForm()) {
    field.object = std::make_shared<const Schema>(objects->members->Infer());
  }
  if (seen.count[static_cast<std::size_t>(Type::kNull)] > 0) field.attributes = kNullable;
  return field;
}

Schema SchemaInference::Infer() const {
  Schema schema;
  for (const auto& [name, seen] : names_) schema.Add(InferField(name, seen));
  if (has_other_names_ || too_many_names_) schema.Open();
  AURORA_DCHECK(depth_ > 1 || schema.Validate().ok());
  return schema;
}

void SchemaInference::AppendRows(const std::string& indent,
                                 std::vector<std::vector<std::string>>* rows) const {
  for (const auto& [name, seen] : names_) {
    const FieldSchema field = InferField(name, seen);
    rows->push_back({StrCat(indent, name), field.TypeText(), Percent(Total(seen.count), objects_),
                     DescribeAttributes(field.attributes), seen.example});
    if (field.object == nullptr) continue;
    const Seen& objects = field.type == Type::kArray ? *seen.items : seen;
    objects.members->AppendRows(indent + "  ", rows);
  }
  if (has_other_names_ || too_many_names_) {
    rows->push_back({StrCat(indent, "..."), "any", "", "undeclared fields are kept", ""});
  }
}

std::string SchemaInference::Table() const {
  std::vector<std::vector<std::string>> rows = {
      {"field", "type", "present", "attributes", "for example"}};
  AppendRows("", &rows);
  return AlignedTable(rows);
}

}  // namespace aurora
