// Where the fields of a schema are in a stored document.
//
// A document is a Cap'n Proto struct; its schema, built from ours at run time, has for each field,
// in the order of the ids (capnp_schema.h writes it out):
//
//   the value      Bool, Int64, Float64, Text, Data, List(..), a struct; a uuid is a group of two
//   UInt64 one Bool       set: the field holds a value one Bool       null: the field holds null
//
// A field with neither bit is missing; both are never on. Offsets are those that the Cap'n Proto
// compiler gives, so a field's place depends on the fields with smaller ids only, and layouts only
// grow: what was written with a smaller layout reads right with a larger one. All defaults are
// zero. The outermost struct starts with the id of the document. Undeclared fields of an open
// schema are a list of Value (value.capnp), with the names in it.
//
// Immutable and safe from every thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/document/field_rules.h"
#include "aurora/engine/document/schema.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/engine/document/wire.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora {

// The place of a field within the struct that declares it: its id in the schema.
using FieldSlot = std::uint32_t;

namespace internal {

// How a value is stored. Those from kText on are pointers.
enum class Storage : std::uint8_t {
  kBool,
  kInt64,
  kDouble,
  kTimestamp,
  kUuid,
  kText,
  kData,
  kAny,         // a struct Value
  kFreeObject,  // a list of Value with names
  kStruct,
  kList,
  // Not a field: the list of undeclared ones.
  kUndeclared,
};
inline bool IsPointer(Storage storage) { return storage >= Storage::kText; }

// How the items of a kList are stored.
enum class ItemStorage : std::uint8_t {
  kBool,
  kInt64,
  kDouble,
  kTimestamp,
  kUuid,  // a struct of two UInt64
  kText,
  kData,
  kAny,  // a struct Value
  kStruct,
};

// All that reading a field needs: 16 bytes.
struct FieldAccess {
  // kBool: bit; other scalars: byte, a multiple of 8; pointers: index.
  std::uint32_t offset = 0;
  std::uint32_t set_bit = 0;
  std::uint32_t null_bit = 0;
  Storage storage = Storage::kUndeclared;
  ItemStorage item = ItemStorage::kBool;
  // Documents older than the field show its initial value.
  bool has_initial = false;
};

class StructLayout;

struct FieldLayout {
  FieldSchema schema;
  FieldRules rules;
  // Both of the field's own type.
  std::optional<Value> default_value;
  std::optional<Value> initial_value;
  std::unique_ptr<const StructLayout> child;  // of kStruct, and of the items kStruct
  // The first of the Cap'n Proto ordinals that the field uses: value (two for a uuid), set, null.
  std::uint32_t ordinal = 0;
};

// Where the id of a document is, in the outermost struct.
enum class IdKind : std::uint8_t { kNone = 0, kUuid = 1, kInt64 = 2, kString = 3 };
inline constexpr std::uint32_t kIdHighOffset = 0;
inline constexpr std::uint32_t kIdLowOffset = 8;
inline constexpr std::uint32_t kIdKindByte = 16;
inline constexpr std::uint32_t kIdTextPointer = 0;
inline constexpr std::uint32_t kIdOrdinals = 4;

class StructLayout final : public ObjectSource {
 public:
  // `schema` is valid.
  static absl::StatusOr<std::unique_ptr<const StructLayout>> Create(const Schema& schema,
                                                                    bool outermost);

  bool outermost() const { return outermost_; }
  bool open() const { return open_; }
  std::uint32_t data_words() const { return data_words_; }
  std::uint32_t pointers() const { return pointers_; }
  // One for each id that the schema ever gave, kUndeclared among them.
  std::uint32_t slot_count() const { return static_cast<std::uint32_t>(access_.size()); }
  const FieldAccess& access(FieldSlot slot) const {
    AURORA_DCHECK(slot < access_.size());
    return access_[slot];
  }
  const FieldLayout& field(FieldSlot slot) const {
    AURORA_DCHECK(slot < fields_.size());
    return fields_[slot];
  }
  // The slot of the undeclared fields, if the schema was ever open.
  std::optional<FieldSlot> undeclared_slot() const { return undeclared_slot_; }
  std::uint32_t undeclared_ordinal() const { return undeclared_ordinal_; }
  // Fields that are not dropped only.
  std::optional<FieldSlot> Find(std::string_view name) const;
  // The slots, ascending, of fields that are required or have a default.
  const std::vector<FieldSlot>& attended_slots() const { return attended_slots_; }
  // The slot of each pointer. That of the id, kIdTextPointer of an outermost struct, means nothing.
  const std::vector<FieldSlot>& pointer_slots() const { return pointer_slots_; }
  // For each word of the data section the bits that anything uses.
  const std::vector<std::uint64_t>& used_bits() const { return used_bits_; }
  // Reads lists of structs of this layout.
  const ArraySource* item_source() const { return &item_source_; }

  // ObjectSource. Position 0 is the id, if outermost; then come the slots, then the undeclared
  // fields. `data` is the data section, `detail` its words and, from bit 16 up, the number of
  // pointers.
  std::uint32_t Next(const ObjectRef& ref, std::uint32_t position) const override;
  MemberView Member(const ObjectRef& ref, std::uint32_t position) const override;
  std::size_t Size(const ObjectRef& ref) const override;
  std::optional<ValueView> Find(const ObjectRef& ref, std::string_view name) const override;

 private:
  class ItemSource final : public ArraySource {
   public:
    explicit ItemSource(const StructLayout* layout) : layout_(layout) {}
    ValueView Item(const ArrayRef& ref, std::uint32_t index) const override;

   private:
    const StructLayout* layout_;
  };

  StructLayout() : item_source_(this) {}

  std::vector<FieldAccess> access_;
  std::vector<FieldLayout> fields_;
  StringMap<FieldSlot> by_name_;
  std::vector<FieldSlot> attended_slots_;
  std::vector<FieldSlot> pointer_slots_;
  std::vector<std::uint64_t> used_bits_;
  std::optional<FieldSlot> undeclared_slot_;
  std::uint32_t undeclared_ordinal_ = 0;
  std::uint32_t data_words_ = 0;
  std::uint32_t pointers_ = 0;
  bool outermost_ = false;
  bool open_ = false;
  ItemSource item_source_;
};

}  // namespace internal

class Layout {
 public:
  // What Schema::Validate refuses is refused here; so is (ResourceExhausted) a schema whose fields
  // do not fit into a Cap'n Proto struct.
  static absl::StatusOr<std::shared_ptr<const Layout>> Create(const Schema& schema);

  const Schema& schema() const { return schema_; }
  std::uint32_t version() const { return schema_.version(); }
  // A field of the outermost struct; constant time. nullopt if it is not declared.
  std::optional<FieldSlot> Find(std::string_view name) const { return root_->Find(name); }
  const internal::StructLayout& root() const { return *root_; }

 private:
  Layout() = default;

  Schema schema_;
  std::unique_ptr<const internal::StructLayout> root_;
};

}  // namespace aurora
