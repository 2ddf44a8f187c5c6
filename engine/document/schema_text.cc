#include "aurora/engine/document/schema_text.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "aurora/engine/document/field_attributes.h"
#include "aurora/engine/document/utf8.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr struct {
  FieldFlag flag;
  std::string_view name;
} kFlags[] = {{kRequired, "required"}, {kNullable, "nullable"}, {kUnique, "unique"},
              {kIndexed, "indexed"},   {kText, "text"},         {kAllowNaN, "allow_nan"}};

constexpr struct {
  OnDelete on_delete;
  std::string_view name;
} kOnDelete[] = {{OnDelete::kRestrict, "restrict"},
                 {OnDelete::kCascade, "cascade"},
                 {OnDelete::kSetNull, "set_null"}};

void SetAttributes(const FieldAttributes& attributes, Object* out) {
  for (const auto& [flag, name] : kFlags) {
    if (attributes.Has(flag)) out->Set(name, true);
  }
  if (attributes.default_value.has_value()) out->Set("default", *attributes.default_value);
  if (attributes.min.has_value()) out->Set("min", *attributes.min);
  if (attributes.max.has_value()) out->Set("max", *attributes.max);
  // As far as int64 goes, which is further than any value is long.
  const auto length = [](std::uint64_t length) {
    return static_cast<std::int64_t>(
        std::min<std::uint64_t>(length, std::numeric_limits<std::int64_t>::max()));
  };
  if (attributes.min_length.has_value()) out->Set("min_length", length(*attributes.min_length));
  if (attributes.max_length.has_value()) out->Set("max_length", length(*attributes.max_length));
  if (!attributes.one_of.empty()) out->Set("one_of", Array(attributes.one_of));
  if (attributes.pattern.has_value()) out->Set("pattern", *attributes.pattern);
  if (attributes.format.has_value()) out->Set("format", TextFormatName(*attributes.format));
  if (attributes.reference.has_value()) {
    const auto index = static_cast<std::size_t>(attributes.reference->on_delete);
    out->Set("references", {{"collection", attributes.reference->collection},
                            {"on_delete", std::string(kOnDelete[index].name)}});
  }
}

Value FieldToValue(const FieldSchema& field) {
  Object out = {{"name", field.name},
                {"type", std::string(DeclaredTypeName(field.type))},
                {"id", field.id},
                {"added_in", field.added_in}};
  if (field.dropped()) out.Set("dropped_in", field.dropped_in);
  if (field.type == Type::kArray) out.Set("items", std::string(DeclaredTypeName(field.item_type)));
  if (field.object != nullptr) out.Set("object", SchemaToValue(*field.object));
  SetAttributes(field.attributes, &out);
  const std::optional<Value>& default_value = field.attributes.default_value;
  // Of a field of any type, 1 and 1.0 are equal and not the same.
  const bool same = field.initial == default_value &&
                    (!default_value.has_value() || field.initial->type() == default_value->type());
  if (!same) {
    Array initial;
    if (field.initial.has_value()) initial.Append(*field.initial);
    out.Set("initial", std::move(initial));
  }
  return out;
}

// Reads the members of an object one by one; what was not read at the end is unknown.
class MemberReader {
 public:
  MemberReader(const ObjectView& object, std::string_view what) : object_(object), what_(what) {}

  std::optional<ValueView> Take(std::string_view name) {
    auto value = object_.Find(name);
    if (value.has_value()) ++taken_;
    return value;
  }

  absl::StatusOr<std::optional<ValueView>> TakeTyped(std::string_view name, Type type) {
    auto value = Take(name);
    if (value.has_value() && value->type() != type) return Malformed(name);
    return value;
  }

  absl::StatusOr<std::optional<std::uint32_t>> TakeNumber(std::string_view name) {
    AURORA_ASSIGN_OR_RETURN(const auto value, TakeTyped(name, Type::kInt64));
    if (!value.has_value()) return std::optional<std::uint32_t>();
    if (value->AsInt64() < 0 || value->AsInt64() > std::numeric_limits<std::int32_t>::max()) {
      return Malformed(name);
    }
    return std::optional<std::uint32_t>(static_cast<std::uint32_t>(value->AsInt64()));
  }

  absl::Status Malformed(std::string_view name) const {
    const auto value = object_.Find(name);
    return DataLossError("a stored schema gives ", what_, " the member ", Quoted(name), " ",
                         value.has_value() ? DebugString(*value, 64) : "not at all");
  }

  absl::Status Finish() const {
    if (taken_ == object_.size()) return absl::OkStatus();
    return DataLossError("a stored schema gives ", what_,
                         " attributes that are not known here: ", DebugString(object_, 512));
  }

 private:
  const ObjectView object_;
  const std::string what_;
  std::size_t taken_ = 0;
};

absl::Status ReadReference(MemberReader* reader, FieldAttributes* attributes) {
  AURORA_ASSIGN_OR_RETURN(const auto reference, reader->TakeTyped("references", Type::kObject));
  if (!reference.has_value()) return absl::OkStatus();
  const auto collection = reference->AsObject().Find("collection");
  const auto on_delete = reference->AsObject().Find("on_delete");
  if (!collection.has_value() || collection->type() != Type::kString || !on_delete.has_value() ||
      on_delete->type() != Type::kString) {
    return reader->Malformed("references");
  }
  for (const auto& [value, name] : kOnDelete) {
    if (on_delete->AsString() != name) continue;
    attributes->reference = FieldReference{std::string(collection->AsString()), value};
    return absl::OkStatus();
  }
  return reader->Malformed("references");
}

absl::Status ReadAttributes(MemberReader* reader, FieldAttributes* attributes) {
  for (const auto& [flag, name] : kFlags) {
    AURORA_ASSIGN_OR_RETURN(const auto value, reader->TakeTyped(name, Type::kBool));
    if (value.has_value() && value->AsBool()) attributes->flags |= flag;
  }
  if (auto value = reader->Take("default"); value.has_value()) {
    attributes->default_value = Value(*value);
  }
  if (auto value = reader->Take("min"); value.has_value()) attributes->min = Value(*value);
  if (auto value = reader->Take("max"); value.has_value()) attributes->max = Value(*value);
  for (auto [name, length] : {std::pair("min_length", &attributes->min_length),
                              std::pair("max_length", &attributes->max_length)}) {
    AURORA_ASSIGN_OR_RETURN(const auto value, reader->TakeTyped(name, Type::kInt64));
    if (!value.has_value()) continue;
    if (value->AsInt64() < 0) return reader->Malformed(name);
    *length = static_cast<std::uint64_t>(value->AsInt64());
  }
  AURORA_ASSIGN_OR_RETURN(const auto one_of, reader->TakeTyped("one_of", Type::kArray));
  if (one_of.has_value()) {
    for (const ValueView& value : one_of->AsArray()) attributes->one_of.emplace_back(value);
  }
  AURORA_ASSIGN_OR_RETURN(const auto pattern, reader->TakeTyped("pattern", Type::kString));
  if (pattern.has_value()) attributes->pattern = std::string(pattern->AsString());
  AURORA_ASSIGN_OR_RETURN(const auto format, reader->TakeTyped("format", Type::kString));
  if (format.has_value()) {
    attributes->format = ParseTextFormatName(format->AsString());
    if (!attributes->format.has_value()) return reader->Malformed("format");
  }
  return ReadReference(reader, attributes);
}

absl::StatusOr<Schema> ReadSchema(const ValueView& value, int depth);

absl::Status ReadType(MemberReader* reader, std::string_view name, DeclaredType* type) {
  AURORA_ASSIGN_OR_RETURN(const auto text, reader->TakeTyped(name, Type::kString));
  if (!text.has_value()) return reader->Malformed(name);
  *type = ParseTypeName(text->AsString());
  if (!type->has_value() && text->AsString() != "any") return reader->Malformed(name);
  return absl::OkStatus();
}

absl::Status ReadInitial(MemberReader* reader, FieldSchema* field) {
  field->initial = field->attributes.default_value;
  AURORA_ASSIGN_OR_RETURN(const auto initial, reader->TakeTyped("initial", Type::kArray));
  if (!initial.has_value()) return absl::OkStatus();
  if (initial->AsArray().size() > 1) return reader->Malformed("initial");
  field->initial.reset();
  for (const ValueView& value : initial->AsArray()) field->initial = Value(value);
  return absl::OkStatus();
}

absl::StatusOr<FieldSchema> ReadField(const ValueView& value, int depth) {
  if (value.type() != Type::kObject)
    return DataLossError("a stored schema holds a field of no form");
  MemberReader reader(value.AsObject(), "a field");
  FieldSchema field;
  AURORA_ASSIGN_OR_RETURN(const auto name, reader.TakeTyped("name", Type::kString));
  AURORA_ASSIGN_OR_RETURN(const auto id, reader.TakeNumber("id"));
  AURORA_ASSIGN_OR_RETURN(const auto added_in, reader.TakeNumber("added_in"));
  AURORA_ASSIGN_OR_RETURN(const auto dropped_in, reader.TakeNumber("dropped_in"));
  if (!name.has_value()) return reader.Malformed("name");
  if (!id.has_value()) return reader.Malformed("id");
  if (!added_in.has_value()) return reader.Malformed("added_in");
  field.name = std::string(name->AsString());
  field.id = *id;
  field.added_in = *added_in;
  field.dropped_in = dropped_in.value_or(0);
  AURORA_RETURN_IF_ERROR(ReadType(&reader, "type", &field.type));
  if (field.type == Type::kArray) {
    AURORA_RETURN_IF_ERROR(ReadType(&reader, "items", &field.item_type));
  }
  if (const auto object = reader.Take("object"); object.has_value()) {
    if (field.type != Type::kObject && field.item_type != Type::kObject) {
      return reader.Malformed("object");
    }
    AURORA_ASSIGN_OR_RETURN(Schema nested, ReadSchema(*object, depth + 1));
    field.object = std::make_shared<const Schema>(std::move(nested));
  }
  AURORA_RETURN_IF_ERROR(ReadAttributes(&reader, &field.attributes));
  AURORA_RETURN_IF_ERROR(ReadInitial(&reader, &field));
  AURORA_RETURN_IF_ERROR(reader.Finish());
  return field;
}

absl::StatusOr<Schema> ReadSchema(const ValueView& value, int depth) {
  if (value.type() != Type::kObject || depth > kSchemaDepthMax) {
    return DataLossError("a stored schema is of no form that a schema has");
  }
  MemberReader reader(value.AsObject(), "a schema");
  Schema::Parts parts;
  AURORA_ASSIGN_OR_RETURN(const auto version, reader.TakeNumber("version"));
  AURORA_ASSIGN_OR_RETURN(const auto next_id, reader.TakeNumber("next_id"));
  AURORA_ASSIGN_OR_RETURN(const auto open, reader.TakeTyped("open", Type::kBool));
  AURORA_ASSIGN_OR_RETURN(parts.open_id, reader.TakeNumber("open_id"));
  AURORA_ASSIGN_OR_RETURN(const auto fields, reader.TakeTyped("fields", Type::kArray));
  if (!version.has_value()) return reader.Malformed("version");
  if (!next_id.has_value()) return reader.Malformed("next_id");
  if (!fields.has_value()) return reader.Malformed("fields");
  parts.version = *version;
  parts.next_id = *next_id;
  parts.open = open.has_value() && open->AsBool();
  for (const ValueView& field : fields->AsArray()) {
    AURORA_ASSIGN_OR_RETURN(FieldSchema read, ReadField(field, depth));
    parts.fields.push_back(std::move(read));
  }
  AURORA_RETURN_IF_ERROR(reader.Finish());
  return Schema::FromParts(std::move(parts), depth == 1);
}

void AppendRows(const Schema& schema, const std::string& indent,
                std::vector<std::vector<std::string>>* rows) {
  for (const FieldSchema& field : schema.fields()) {
    if (field.dropped()) continue;
    rows->push_back(
        {StrCat(indent, field.name), field.TypeText(), DescribeAttributes(field.attributes)});
    if (field.object != nullptr) AppendRows(*field.object, indent + "  ", rows);
  }
  if (schema.open()) rows->push_back({StrCat(indent, "..."), "any", "undeclared fields are kept"});
}

}  // namespace

Value SchemaToValue(const Schema& schema) {
  Array fields;
  for (const FieldSchema& field : schema.fields()) fields.Append(FieldToValue(field));
  Object out = {{"version", schema.version()}, {"next_id", schema.next_id()}};
  if (schema.open()) out.Set("open", true);
  if (schema.open_id().has_value()) out.Set("open_id", *schema.open_id());
  out.Set("fields", std::move(fields));
  return out;
}

absl::StatusOr<Schema> SchemaFromValue(const ValueView& value) { return ReadSchema(value, 1); }

std::string DescribeAttributes(const FieldAttributes& attributes) {
  std::vector<std::string> parts;
  for (const auto& [flag, name] : kFlags) {
    if (attributes.Has(flag)) parts.emplace_back(flag == kAllowNaN ? "may be NaN" : name);
  }
  if (attributes.default_value.has_value()) {
    parts.push_back(StrCat("default ", DebugString(*attributes.default_value, 40)));
  }
  if (attributes.min.has_value()) parts.push_back(StrCat("from ", DebugString(*attributes.min)));
  if (attributes.max.has_value()) parts.push_back(StrCat("to ", DebugString(*attributes.max)));
  if (attributes.min_length.has_value()) {
    parts.push_back(StrCat("length from ", *attributes.min_length));
  }
  if (attributes.max_length.has_value()) {
    parts.push_back(StrCat("length to ", *attributes.max_length));
  }
  if (!attributes.one_of.empty()) {
    parts.push_back(StrCat("one of ", DebugString(Value(Array(attributes.one_of)), 60)));
  }
  if (attributes.pattern.has_value())
    parts.push_back(StrCat("matches ", Quoted(*attributes.pattern)));
  if (attributes.format.has_value()) {
    parts.push_back(StrCat("format ", TextFormatName(*attributes.format)));
  }
  if (attributes.reference.has_value()) {
    parts.push_back(StrCat("references ", attributes.reference->collection));
  }
  std::string text;
  for (const std::string& part : parts) StrAppend(&text, text.empty() ? "" : ", ", part);
  return text;
}

std::string AlignedTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (widths.size() < row.size()) widths.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Utf8Length(row[i]));
    }
  }
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.append(row[i]).append(widths[i] - Utf8Length(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    table.append(line).push_back('\n');
  }
  return table;
}

std::string SchemaTable(const Schema& schema) {
  std::vector<std::vector<std::string>> rows = {{"field", "type", "attributes"}};
  AppendRows(schema, "", &rows);
  return AlignedTable(rows);
}

}  // namespace aurora
