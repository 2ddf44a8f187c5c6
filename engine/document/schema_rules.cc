#include "aurora/engine/document/schema_rules.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "aurora/engine/document/field_rules.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/utf8.h"
#include "aurora/runtime/status.h"

namespace aurora::internal {
namespace {

bool IsScalar(DeclaredType type) {
  return type.has_value() && *type != Type::kArray && *type != Type::kObject &&
         *type != Type::kNull;
}

bool HasRange(DeclaredType type) {
  return type == Type::kInt64 || type == Type::kDouble || type == Type::kTimestamp;
}

bool HasLength(DeclaredType type) {
  return type == Type::kString || type == Type::kBytes || type == Type::kArray;
}

// Whether a value may stand for one of `type`: numbers where they are exact.
bool Fits(const ValueView& value, DeclaredType type) {
  if (!type.has_value() || value.type() == *type) return true;
  if (*type == Type::kDouble && value.type() == Type::kInt64) {
    return CompareNumbers(value.AsInt64(), static_cast<double>(value.AsInt64())) == 0;
  }
  return false;
}

absl::Status CheckName(std::string_view name, bool outermost) {
  if (name.empty()) return InvalidArgumentError("a field has an empty name");
  if (name.size() > kFieldNameBytesMax) {
    return InvalidArgumentError("field name ", Quoted(name), " is longer than ", kFieldNameBytesMax,
                                " bytes");
  }
  if (!IsValidUtf8(name)) {
    return InvalidArgumentError("field name ", Quoted(name), " is not valid UTF-8");
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      return InvalidArgumentError("field name ", Quoted(name), " holds a control character");
    }
  }
  if (name.find('.') != std::string_view::npos) {
    return InvalidArgumentError("field name ", Quoted(name),
                                " holds a dot, which separates the names of a path; declare an ",
                                "object for nested fields");
  }
  if (name.front() == '$') {
    return InvalidArgumentError("field name ", Quoted(name),
                                " starts with $, which is kept for types that JSON lacks");
  }
  if (outermost && name == kIdFieldName) {
    return InvalidArgumentError("field \"_id\" is there without being declared");
  }
  return absl::OkStatus();
}

absl::Status CheckReserved(const FieldSchema& field) {
  if (field.attributes.Has(kText)) {
    return UnimplementedError("text indices (kText) are not available yet");
  }
  if (field.attributes.reference.has_value()) {
    return UnimplementedError("references to collections are not available yet");
  }
  return absl::OkStatus();
}

absl::Status CheckFlags(const FieldSchema& field, bool outermost) {
  const FieldAttributes& attributes = field.attributes;
  if ((attributes.flags & ~kAllFieldFlags) != 0) {
    return InvalidArgumentError("has unknown flags, ", attributes.flags & ~kAllFieldFlags);
  }
  const bool scalar = IsScalar(field.type);
  if (attributes.Has(kUnique) && !scalar) {
    return InvalidArgumentError(
        "is unique, but values of type ", field.TypeText(),
        " cannot be; only bool, numbers, string, bytes, uuid and timestamp ", "can");
  }
  const bool array_of_scalars = field.type == Type::kArray && IsScalar(field.item_type);
  if (attributes.Has(kIndexed) && !scalar && !array_of_scalars) {
    return InvalidArgumentError("is indexed, but values of type ", field.TypeText(),
                                " cannot be; only bool, numbers, string, bytes, uuid, timestamp ",
                                "and arrays of these can");
  }
  if ((attributes.Has(kUnique) || attributes.Has(kIndexed)) && !outermost) {
    return UnimplementedError("is within an object, where indices are not available yet");
  }
  if (attributes.Has(kUnique) && attributes.default_value.has_value() &&
      !attributes.default_value->is_null()) {
    return InvalidArgumentError("is unique and has a default, which only one document could have");
  }
  if (attributes.Has(kAllowNaN) && (IsScalar(field.type) || IsScalar(field.item_type)) &&
      field.type != Type::kDouble && field.item_type != Type::kDouble) {
    return InvalidArgumentError("allows NaN, which type ", field.TypeText(), " does not have");
  }
  return absl::OkStatus();
}

absl::Status CheckRange(const FieldSchema& field) {
  const FieldAttributes& attributes = field.attributes;
  for (const auto& bound : {attributes.min, attributes.max}) {
    if (!bound.has_value()) continue;
    if (!HasRange(field.type)) {
      return InvalidArgumentError("has a minimum or maximum, which type ", field.TypeText(),
                                  " cannot have; int64, double and timestamp can");
    }
    const bool number = field.type != Type::kTimestamp;
    if (number ? !bound->is_number() : bound->type() != Type::kTimestamp) {
      return InvalidArgumentError("has the bound ", DebugString(*bound), ", which is of type ",
                                  TypeName(bound->type()), ", not ", field.TypeText());
    }
  }
  if (attributes.min.has_value() && attributes.max.has_value() &&
      Compare(*attributes.min, *attributes.max) > 0) {
    return InvalidArgumentError("has the minimum ", DebugString(*attributes.min),
                                " above the maximum ", DebugString(*attributes.max));
  }
  const bool length = attributes.min_length.has_value() || attributes.max_length.has_value();
  if (length && !HasLength(field.type)) {
    return InvalidArgumentError("has a minimum or maximum length, which type ", field.TypeText(),
                                " cannot have; string, bytes and array can");
  }
  if (attributes.min_length.value_or(0) > attributes.max_length.value_or(UINT64_MAX)) {
    return InvalidArgumentError("has the minimum length ", *attributes.min_length,
                                " above the maximum length ", *attributes.max_length);
  }
  return absl::OkStatus();
}

absl::Status CheckTextRules(const FieldSchema& field) {
  const FieldAttributes& attributes = field.attributes;
  if ((attributes.pattern.has_value() || attributes.format.has_value()) &&
      field.type != Type::kString) {
    return InvalidArgumentError("has a pattern or format, which only strings can have, not ",
                                field.TypeText());
  }
  for (const Value& value : attributes.one_of) {
    if (!IsScalar(field.type)) {
      return InvalidArgumentError("lists the values that it may have, which type ",
                                  field.TypeText(), " cannot");
    }
    if (!Fits(value, field.type)) {
      return InvalidArgumentError("may have the value ", DebugString(value), ", which is of type ",
                                  TypeName(value.type()), ", not ", field.TypeText());
    }
  }
  return absl::OkStatus();
}

// Whether a value that is not null is one of the field's type.
bool FitsField(const FieldSchema& field, const Value& value) {
  if (!Fits(value, field.type)) return false;
  if (field.type != Type::kArray) return true;
  return std::all_of(value.AsArray().begin(), value.AsArray().end(), [&](const Value& item) {
    return Fits(item, field.item_type) && !(field.item_type.has_value() && item.is_null());
  });
}

// Its rules may have changed since; its type cannot.
absl::Status CheckInitial(const FieldSchema& field) {
  if (!field.initial.has_value() || field.initial->is_null()) return absl::OkStatus();
  if (field.object == nullptr && FitsField(field, *field.initial)) return absl::OkStatus();
  return InvalidArgumentError("has the initial value ", DebugString(*field.initial),
                              ", which is not of type ", field.TypeText());
}

absl::Status CheckDefault(const FieldSchema& field, const FieldRules& rules) {
  if (!field.attributes.default_value.has_value()) return absl::OkStatus();
  const Value& value = *field.attributes.default_value;
  if (value.is_null()) {
    if (field.attributes.Has(kNullable)) return absl::OkStatus();
    return InvalidArgumentError("has the default null but is not nullable");
  }
  if (field.object != nullptr) {
    return UnimplementedError("has a default, which declared objects cannot have yet; give ",
                              "defaults to the fields in it");
  }
  if (!FitsField(field, value)) {
    return InvalidArgumentError("has the default ", DebugString(value), ", which is not of type ",
                                field.TypeText());
  }
  if (value.type() == Type::kDouble && std::isnan(value.AsDouble()) &&
      !field.attributes.Has(kAllowNaN)) {
    return InvalidArgumentError("has the default NaN but does not allow NaN");
  }
  if (auto violation = rules.Violation(value); violation.has_value()) {
    return InvalidArgumentError("has the default ", DebugString(value), ", which ", *violation);
  }
  return absl::OkStatus();
}

absl::Status ValidateFields(const Schema& schema, std::string_view path, int depth);

absl::Status ValidateField(const FieldSchema& field, int depth) {
  const bool outermost = depth == 1;
  AURORA_RETURN_IF_ERROR(CheckReserved(field));
  if (field.type == Type::kNull || field.item_type == Type::kNull) {
    return InvalidArgumentError("is of type null; declare another type and kNullable");
  }
  AURORA_RETURN_IF_ERROR(CheckFlags(field, outermost));
  AURORA_RETURN_IF_ERROR(CheckRange(field));
  AURORA_RETURN_IF_ERROR(CheckTextRules(field));
  AURORA_ASSIGN_OR_RETURN(const FieldRules rules, FieldRules::Compile(field.attributes));
  AURORA_RETURN_IF_ERROR(CheckDefault(field, rules));
  return CheckInitial(field);
}

absl::Status ValidateFields(const Schema& schema, std::string_view path, int depth) {
  if (depth > kSchemaDepthMax) {
    return InvalidArgumentError("schemas are nested more than ", kSchemaDepthMax, " deep at field ",
                                Quoted(path));
  }
  if (schema.next_id() > kSchemaFieldsMax) {
    return InvalidArgumentError("a schema may have ", kSchemaFieldsMax,
                                " fields, dropped ones included, not ", schema.next_id());
  }
  std::set<std::string_view> names;
  for (const FieldSchema& field : schema.fields()) {
    const std::string full_name = StrCat(path, field.name);
    AURORA_RETURN_IF_ERROR(CheckName(field.name, depth == 1));
    if (!field.dropped() && !names.insert(field.name).second) {
      return InvalidArgumentError("field ", Quoted(full_name), " is declared twice");
    }
    if (absl::Status valid = ValidateField(field, depth); !valid.ok()) {
      return MakeStatus(valid.code(), StrCat("field ", Quoted(full_name), ": ", valid.message()));
    }
    if (field.object != nullptr) {
      AURORA_RETURN_IF_ERROR(ValidateFields(*field.object, StrCat(full_name, "."), depth + 1));
    }
  }
  return absl::OkStatus();
}

std::string Shown(const std::optional<Value>& value) {
  return value.has_value() ? DebugString(*value) : "none";
}

template <class T>
std::string ShownNumber(const std::optional<T>& value) {
  return value.has_value() ? StrCat(*value) : "none";
}

bool Same(const std::optional<Value>& a, const std::optional<Value>& b) {
  return a.has_value() == b.has_value() && (!a.has_value() || (a->type() == b->type() && *a == *b));
}

std::optional<std::string> FlagDifference(const FieldAttributes& a, const FieldAttributes& b) {
  static constexpr struct {
    FieldFlag flag;
    std::string_view name;
  } kFlags[] = {{kRequired, "required"}, {kNullable, "nullable"}, {kUnique, "unique"},
                {kIndexed, "indexed"},   {kText, "text"},         {kAllowNaN, "open to NaN"}};
  for (const auto& [flag, name] : kFlags) {
    if (a.Has(flag) && !b.Has(flag)) return StrCat("it is ", name, ", not otherwise");
    if (!a.Has(flag) && b.Has(flag)) return StrCat("it is not ", name, ", but should be");
  }
  return std::nullopt;
}

std::optional<std::string> AttributeDifference(const FieldAttributes& a, const FieldAttributes& b) {
  const auto differ = [](std::string_view what, std::string_view x, std::string_view y) {
    return StrCat("the ", what, " is ", x, ", not ", y);
  };
  if (auto flags = FlagDifference(a, b); flags.has_value()) return flags;
  if (!Same(a.default_value, b.default_value)) {
    return differ("default", Shown(a.default_value), Shown(b.default_value));
  }
  if (!Same(a.min, b.min)) return differ("minimum", Shown(a.min), Shown(b.min));
  if (!Same(a.max, b.max)) return differ("maximum", Shown(a.max), Shown(b.max));
  if (a.min_length != b.min_length) {
    return differ("minimum length", ShownNumber(a.min_length), ShownNumber(b.min_length));
  }
  if (a.max_length != b.max_length) {
    return differ("maximum length", ShownNumber(a.max_length), ShownNumber(b.max_length));
  }
  if (a.one_of != b.one_of) {
    return differ("list of values", DebugString(Value(Array(a.one_of))),
                  DebugString(Value(Array(b.one_of))));
  }
  if (a.pattern != b.pattern) {
    return differ("pattern", Quoted(a.pattern.value_or("")), Quoted(b.pattern.value_or("")));
  }
  if (a.format != b.format) {
    const auto name = [](std::optional<TextFormat> format) {
      return format.has_value() ? TextFormatName(*format) : std::string_view("none");
    };
    return differ("format", name(a.format), name(b.format));
  }
  if (a.reference != b.reference) return "the reference differs";
  return std::nullopt;
}

std::optional<std::string> FieldDifference(const FieldSchema& a, const FieldSchema& b,
                                           const std::string& full_name) {
  const std::string start = StrCat("field ", Quoted(full_name), ": ");
  if (a.type != b.type || a.item_type != b.item_type) {
    return StrCat(start, "the type is ", a.TypeText(), ", not ", b.TypeText());
  }
  if ((a.object == nullptr) != (b.object == nullptr)) {
    return StrCat(start, "the object is ", a.object == nullptr ? "free-form" : "declared", ", not ",
                  b.object == nullptr ? "free-form" : "declared");
  }
  if (auto attributes = AttributeDifference(a.attributes, b.attributes); attributes.has_value()) {
    return StrCat(start, *attributes);
  }
  if (a.object == nullptr) return std::nullopt;
  return SchemaDifference(*a.object, *b.object, StrCat(full_name, "."));
}

}  // namespace

absl::Status ValidateSchema(const Schema& schema) { return ValidateFields(schema, "", 1); }

std::optional<std::string> SchemaDifference(const Schema& a, const Schema& b,
                                            std::string_view path) {
  for (const FieldSchema& field : a.fields()) {
    if (field.dropped()) continue;
    const std::string full_name = StrCat(path, field.name);
    const FieldSchema* other = b.Find(field.name);
    if (other == nullptr) {
      return StrCat("field ", Quoted(full_name), " (", field.TypeText(), ") is missing");
    }
    if (auto difference = FieldDifference(field, *other, full_name); difference.has_value()) {
      return difference;
    }
  }
  for (const FieldSchema& field : b.fields()) {
    if (field.dropped() || a.Find(field.name) != nullptr) continue;
    return StrCat("field ", Quoted(StrCat(path, field.name)), " (", field.TypeText(), ") is new");
  }
  if (a.open() != b.open()) {
    const std::string where = path.empty()
                                  ? "the schema"
                                  : StrCat("the object ", Quoted(path.substr(0, path.size() - 1)));
    return StrCat(where, " is ", a.open() ? "open" : "closed", ", not ",
                  b.open() ? "open" : "closed");
  }
  return std::nullopt;
}

bool AddsRules(const FieldAttributes& now, const FieldAttributes& next) {
  const auto gains = [&](FieldFlag flag) { return next.Has(flag) && !now.Has(flag); };
  const auto changed = [](const auto& a, const auto& b) { return b.has_value() && a != b; };
  return gains(kRequired) || (now.Has(kNullable) && !next.Has(kNullable)) ||
         (now.Has(kAllowNaN) && !next.Has(kAllowNaN)) || changed(now.min, next.min) ||
         changed(now.max, next.max) || changed(now.min_length, next.min_length) ||
         changed(now.max_length, next.max_length) || changed(now.pattern, next.pattern) ||
         changed(now.format, next.format) || (!next.one_of.empty() && now.one_of != next.one_of);
}

}  // namespace aurora::internal
