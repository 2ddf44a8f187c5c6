#include "aurora/engine/document/schema.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "aurora/engine/document/schema_rules.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/status.h"

namespace aurora {

std::string_view DeclaredTypeName(DeclaredType type) {
  return type.has_value() ? TypeName(*type) : "any";
}

std::string FieldSchema::TypeText() const {
  if (type != Type::kArray) return std::string(DeclaredTypeName(type));
  return StrCat("array of ", DeclaredTypeName(item_type));
}

Schema& Schema::Add(FieldSchema field) {
  field.id = next_id_++;
  field.added_in = version_;
  field.dropped_in = 0;
  field.initial = field.attributes.default_value;
  fields_.push_back(std::move(field));
  return *this;
}

Schema& Schema::AddTyped(std::string name, DeclaredType type, FieldAttributes attributes) {
  FieldSchema field;
  field.name = std::move(name);
  field.type = type;
  field.attributes = std::move(attributes);
  return Add(std::move(field));
}

Schema& Schema::Bool(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kBool, std::move(attributes));
}
Schema& Schema::Int64(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kInt64, std::move(attributes));
}
Schema& Schema::Double(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kDouble, std::move(attributes));
}
Schema& Schema::String(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kString, std::move(attributes));
}
Schema& Schema::Bytes(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kBytes, std::move(attributes));
}
Schema& Schema::Uuid(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kUuid, std::move(attributes));
}
Schema& Schema::Timestamp(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kTimestamp, std::move(attributes));
}
Schema& Schema::Object(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), Type::kObject, std::move(attributes));
}
Schema& Schema::Any(std::string name, FieldAttributes attributes) {
  return AddTyped(std::move(name), std::nullopt, std::move(attributes));
}

Schema& Schema::Array(std::string name, DeclaredType item, FieldAttributes attributes) {
  FieldSchema field;
  field.name = std::move(name);
  field.type = Type::kArray;
  field.item_type = item;
  field.attributes = std::move(attributes);
  return Add(std::move(field));
}

Schema& Schema::Array(std::string name, const Schema& item, FieldAttributes attributes) {
  FieldSchema field;
  field.name = std::move(name);
  field.type = Type::kArray;
  field.item_type = Type::kObject;
  field.object = std::make_shared<const Schema>(item);
  field.attributes = std::move(attributes);
  return Add(std::move(field));
}

Schema& Schema::Object(std::string name, const Schema& object, FieldAttributes attributes) {
  FieldSchema field;
  field.name = std::move(name);
  field.type = Type::kObject;
  field.object = std::make_shared<const Schema>(object);
  field.attributes = std::move(attributes);
  return Add(std::move(field));
}

Schema& Schema::Open() {
  open_ = true;
  if (!open_id_.has_value()) open_id_ = next_id_++;
  return *this;
}

const FieldSchema* Schema::Find(std::string_view name) const {
  for (const FieldSchema& field : fields_) {
    if (!field.dropped() && field.name == name) return &field;
  }
  return nullptr;
}

absl::Status Schema::Validate() const { return internal::ValidateSchema(*this); }

std::optional<std::string> Schema::Difference(const Schema& other) const {
  return internal::SchemaDifference(*this, other, "");
}

absl::StatusOr<Schema> Schema::Evolve(const Schema& desired) const {
  if (!Difference(desired).has_value()) return *this;
  return EvolveTo(desired, version_ + 1, /*outermost=*/true);
}

absl::StatusOr<Schema> Schema::EvolveTo(const Schema& desired, std::uint32_t version,
                                        bool outermost) const {
  Schema next = *this;
  next.version_ = version;
  next.open_ = false;
  for (FieldSchema& field : next.fields_) {
    if (field.dropped()) continue;
    const FieldSchema* wanted = desired.Find(field.name);
    if (wanted == nullptr) {
      field.dropped_in = version;
      continue;
    }
    const bool same_shape = field.type == wanted->type && field.item_type == wanted->item_type &&
                            (field.object == nullptr) == (wanted->object == nullptr);
    if (!same_shape) {
      return FailedPreconditionError("field ", Quoted(field.name), " is of type ", field.TypeText(),
                                     "; to make it ", wanted->TypeText(),
                                     " its documents must be converted");
    }
    field.attributes = wanted->attributes;
    // No document is older than the first version.
    if (field.added_in == 1) field.initial = field.attributes.default_value;
    if (field.object != nullptr) {
      auto object = field.object->EvolveTo(*wanted->object, version, /*outermost=*/false);
      if (!object.ok()) {
        return Annotate(object.status(), StrCat("within field ", Quoted(field.name)));
      }
      field.object = std::make_shared<const Schema>(*std::move(object));
    }
  }
  for (const FieldSchema& wanted : desired.fields_) {
    if (wanted.dropped() || Find(wanted.name) != nullptr) continue;
    if (wanted.attributes.Has(kRequired) && !wanted.attributes.default_value.has_value()) {
      return FailedPreconditionError("the new field ", Quoted(wanted.name),
                                     " is required but has no default for the documents that ",
                                     "are there");
    }
    if (open_ && !outermost) {
      return FailedPreconditionError("the new field ", Quoted(wanted.name),
                                     " is within an object that is open, where documents may have ",
                                     "a field of that name already");
    }
    next.Add(wanted);
  }
  if (desired.open_) next.Open();
  return next;
}

absl::StatusOr<Schema> Schema::Rename(std::string_view from, std::string_view to) const {
  const FieldSchema* const field = Find(from);
  if (field == nullptr) return NotFoundError("there is no field ", Quoted(from));
  if (from == to) return *this;
  if (Find(to) != nullptr) return AlreadyExistsError("there is a field ", Quoted(to), " already");
  Schema next = *this;
  ++next.version_;
  next.fields_[static_cast<std::size_t>(field - fields_.data())].name = std::string(to);
  AURORA_RETURN_IF_ERROR(next.Validate());
  return next;
}

bool Schema::MayBreak(const Schema& next) const {
  if (open_ && !next.open_) return true;
  for (const FieldSchema& wanted : next.fields_) {
    if (wanted.dropped()) continue;
    const auto field = std::find_if(fields_.begin(), fields_.end(),
                                    [&](const FieldSchema& f) { return f.id == wanted.id; });
    if (field == fields_.end()) continue;
    if (internal::AddsRules(field->attributes, wanted.attributes) ||
        (field->object != nullptr && field->object->MayBreak(*wanted.object))) {
      return true;
    }
  }
  return false;
}

Schema Schema::StricterBy(const Schema& next) const {
  Schema stricter = *this;
  stricter.open_ = open_ && next.open_;
  for (FieldSchema& field : stricter.fields_) {
    const auto wanted = std::find_if(next.fields_.begin(), next.fields_.end(),
                                     [&](const FieldSchema& f) { return f.id == field.id; });
    if (field.dropped() || wanted == next.fields_.end() || wanted->dropped()) continue;
    const bool newly_required =
        wanted->attributes.Has(kRequired) && !field.attributes.Has(kRequired);
    field.attributes = wanted->attributes;
    // A default does not reach documents that are there.
    if (newly_required) field.attributes.default_value.reset();
    if (field.object != nullptr) {
      field.object = std::make_shared<const Schema>(field.object->StricterBy(*wanted->object));
    }
  }
  return stricter;
}

absl::StatusOr<Schema> Schema::FromParts(Parts parts, bool outermost) {
  std::set<std::uint32_t> ids;
  if (parts.open_id.has_value()) ids.insert(*parts.open_id);
  std::uint32_t last_id = 0;
  for (const FieldSchema& field : parts.fields) {
    if (!ids.insert(field.id).second || field.id < last_id) {
      return DataLossError("the stored schema gives field ", Quoted(field.name), " the id ",
                           field.id, " out of order");
    }
    last_id = field.id;
    const bool versions_fit = field.added_in >= 1 && field.added_in <= parts.version &&
                              field.dropped_in <= parts.version &&
                              (field.dropped_in == 0 || field.dropped_in > field.added_in);
    if (!versions_fit) {
      return DataLossError("the stored schema gives field ", Quoted(field.name),
                           " versions that do not fit: added in ", field.added_in, ", dropped in ",
                           field.dropped_in, ", of ", parts.version);
    }
  }
  // Every id is given to something, so the places of fields follow from the ids alone.
  const bool dense = ids.size() == parts.next_id && (ids.empty() || *ids.rbegin() < parts.next_id);
  if (!dense || parts.version == 0 || (parts.open && !parts.open_id.has_value())) {
    return DataLossError("the stored schema has ids or a version that do not fit together");
  }
  Schema schema;
  schema.fields_ = std::move(parts.fields);
  schema.open_ = parts.open;
  schema.open_id_ = parts.open_id;
  schema.version_ = parts.version;
  schema.next_id_ = parts.next_id;
  if (!outermost) return schema;
  const absl::Status valid = schema.Validate();
  if (!valid.ok()) return DataLossError("the stored schema is not valid: ", ToStd(valid.message()));
  return schema;
}

}  // namespace aurora
