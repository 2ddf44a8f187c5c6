// What the documents of a collection look like: their fields, in order, with types and attributes.
//
//   Schema products = Schema().String("sku", kUnique | kRequired).Double("price", kIndexed)
//       .Array("tags", Type::kString, kIndexed)
//       .Object("maker", Schema().String("name").String("city"));
//
// A builder takes whatever it is told; Validate says what is wrong with it, and everything that
// uses a schema calls Validate first. Not thread-safe while it is built; a value type otherwise.
//
// Each field has an id, given in the order of declaration and never used again within its schema.
// The ids determine where the fields are in a stored document (layout.h), so a schema that has
// documents changes only through Evolve: fields are added with new ids, and dropped ones keep
// theirs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/document/field_attributes.h"
#include "aurora/engine/document/value_view.h"

namespace aurora {

class Schema;

// The names of the fields that every document has, whatever its schema: its id.
inline constexpr std::string_view kIdFieldName = "_id";

inline constexpr std::size_t kSchemaFieldsMax = 2000;  // of one schema, dropped ones included
inline constexpr int kSchemaDepthMax = 16;             // of schemas within schemas
inline constexpr std::size_t kFieldNameBytesMax = 255;

// The type of a field, or of the items of an array. nullopt is any type, free-form.
using DeclaredType = std::optional<Type>;

// "any" or the name of the type.
std::string_view DeclaredTypeName(DeclaredType type);

struct FieldSchema {
  std::string name;
  DeclaredType type;
  // Of kArray.
  DeclaredType item_type;
  // Of kObject, and of the items of kArray if those are kObject. Null: free-form.
  std::shared_ptr<const Schema> object;
  FieldAttributes attributes;
  std::uint32_t id = 0;
  // The version of the (outermost) schema that added the field, and, if not 0, that dropped it.
  std::uint32_t added_in = 1;
  std::uint32_t dropped_in = 0;
  // What documents show that are older than the field: its default when it was added. It stays,
  // whatever becomes of the default, because indices hold it.
  std::optional<Value> initial;

  bool dropped() const { return dropped_in != 0; }
  // "double", "array of string", "array of any", "object".
  std::string TypeText() const;
};

class Schema {
 public:
  Schema() = default;

  Schema& Bool(std::string name, FieldAttributes attributes = {});
  Schema& Int64(std::string name, FieldAttributes attributes = {});
  Schema& Double(std::string name, FieldAttributes attributes = {});
  Schema& String(std::string name, FieldAttributes attributes = {});
  Schema& Bytes(std::string name, FieldAttributes attributes = {});
  Schema& Uuid(std::string name, FieldAttributes attributes = {});
  Schema& Timestamp(std::string name, FieldAttributes attributes = {});
  // An array of items of one type, of items of any types, of objects.
  Schema& Array(std::string name, DeclaredType item, FieldAttributes attributes = {});
  Schema& Array(std::string name, const Schema& item, FieldAttributes attributes = {});
  // A free-form object; one with declared fields.
  Schema& Object(std::string name, FieldAttributes attributes = {});
  Schema& Object(std::string name, const Schema& object, FieldAttributes attributes = {});
  // A value of any type.
  Schema& Any(std::string name, FieldAttributes attributes = {});
  // As each of the above does.
  Schema& Add(FieldSchema field);

  // Admits fields that are not declared. Free-form values all.
  Schema& Open();

  // In the order of their ids, dropped ones included.
  const std::vector<FieldSchema>& fields() const { return fields_; }
  // The field of that name, unless dropped; or nullptr. Linear.
  const FieldSchema* Find(std::string_view name) const;
  bool open() const { return open_; }
  // The id of the place for undeclared fields, which is given like that of a field when the schema
  // is first opened; nullopt if it never was.
  std::optional<std::uint32_t> open_id() const { return open_id_; }
  std::uint32_t version() const { return version_; }
  // One more than the largest id given.
  std::uint32_t next_id() const { return next_id_; }

  // InvalidArgument for what makes no sense, Unimplemented for what is reserved: bad or duplicate
  // names, attributes that do not fit the type or each other, a default that breaks the field's own
  // rules. Names the field.
  absl::Status Validate() const;

  // What tells this schema apart from `other`, for people: "field \"price\": the type is double,
  // not int64". nullopt if they declare the same; the order of fields, ids and versions do not
  // matter.
  std::optional<std::string> Difference(const Schema& other) const;

  // The next version of this schema, which declares what `desired` does: fields of the same name
  // keep their ids, new ones get new ids, missing ones are dropped. Returns this schema unchanged
  // if nothing differs. FailedPrecondition: a field changes its type, or a new one is required and
  // has no default, which needs the documents converted; or it would be new within an object that
  // is open, where documents may have a field of that name already.
  absl::StatusOr<Schema> Evolve(const Schema& desired) const;
  // The next version of this schema, in which the field `from` is called `to`. NotFound,
  // AlreadyExists.
  absl::StatusOr<Schema> Rename(std::string_view from, std::string_view to) const;
  // Whether documents of this schema may break the rules of `next`, which Evolve made of it.
  bool MayBreak(const Schema& next) const;
  // This schema with the stricter rules of `next`, and without its additions and removals: what
  // documents of this one must keep to become documents of that one.
  Schema StricterBy(const Schema& next) const;

  // As stored: from fields with ids and versions. Refuses (DataLoss) what no builder and no Evolve
  // can have made.
  struct Parts {
    std::vector<FieldSchema> fields;
    bool open = false;
    std::optional<std::uint32_t> open_id;
    std::uint32_t version = 1;
    std::uint32_t next_id = 0;
  };
  static absl::StatusOr<Schema> FromParts(Parts parts, bool outermost = true);

 private:
  Schema& AddTyped(std::string name, DeclaredType type, FieldAttributes attributes);
  absl::StatusOr<Schema> EvolveTo(const Schema& desired, std::uint32_t version,
                                  bool outermost) const;

  std::vector<FieldSchema> fields_;
  bool open_ = false;
  std::optional<std::uint32_t> open_id_;
  std::uint32_t version_ = 1;
  std::uint32_t next_id_ = 0;
};

}  // namespace aurora
