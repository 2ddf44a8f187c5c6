#include "aurora/engine/document/capnp_model.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/strings.h"

namespace aurora::internal {
namespace {

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Words that the schema language reads as something else at the start of a declaration.
bool IsReserved(std::string_view name) {
  static constexpr std::string_view kReserved[] = {
      "annotation", "const", "enum", "group", "import", "interface", "struct", "union", "using"};
  return std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved);
}

// Gives names that are unique within a struct, earlier fields first, so that later ones change
// none.
class NameScope {
 public:
  std::string Unique(std::string name) {
    std::string unique = name;
    for (int i = 2; !names_.insert(unique).second; ++i) unique = StrCat(name, "X", i);
    return unique;
  }

 private:
  StringSet names_;
};

CapnpType ScalarType(CapnpKind kind) { return {.kind = kind}; }

CapnpType StructType(std::uint64_t id, std::string_view name, bool list) {
  return {
      .kind = CapnpKind::kStruct, .list = list, .struct_id = id, .struct_name = std::string(name)};
}

CapnpType ListType(ItemStorage item, const CapnpStruct* child) {
  switch (item) {
    case ItemStorage::kBool:
      return {.kind = CapnpKind::kBool, .list = true};
    case ItemStorage::kInt64:
    case ItemStorage::kTimestamp:
      return {.kind = CapnpKind::kInt64, .list = true};
    case ItemStorage::kDouble:
      return {.kind = CapnpKind::kFloat64, .list = true};
    case ItemStorage::kText:
      return {.kind = CapnpKind::kText, .list = true};
    case ItemStorage::kData:
      return {.kind = CapnpKind::kData, .list = true};
    case ItemStorage::kUuid:
      return StructType(kCapnpUuidId, "Uuid", true);
    case ItemStorage::kAny:
      return StructType(kCapnpValueId, "Value", true);
    case ItemStorage::kStruct:
      AURORA_CHECK(child != nullptr);
      return StructType(child->id, child->name, true);
  }
  AURORA_CHECK(false);
}

CapnpType FieldType(const FieldAccess& access, const CapnpStruct* child) {
  switch (access.storage) {
    case Storage::kBool:
      return ScalarType(CapnpKind::kBool);
    case Storage::kInt64:
    case Storage::kTimestamp:
      return ScalarType(CapnpKind::kInt64);
    case Storage::kDouble:
      return ScalarType(CapnpKind::kFloat64);
    case Storage::kUuid:
      return ScalarType(CapnpKind::kUInt64);
    case Storage::kText:
      return ScalarType(CapnpKind::kText);
    case Storage::kData:
      return ScalarType(CapnpKind::kData);
    case Storage::kAny:
      return StructType(kCapnpValueId, "Value", false);
    case Storage::kFreeObject:
    case Storage::kUndeclared:
      return StructType(kCapnpValueId, "Value", true);
    case Storage::kStruct:
      AURORA_CHECK(child != nullptr);
      return StructType(child->id, child->name, false);
    case Storage::kList:
      return ListType(access.item, child);
  }
  AURORA_CHECK(false);
}

CapnpStruct MakeStruct(const StructLayout& layout, std::string name, std::string_view path);

void AddId(CapnpStruct* out, NameScope* scope) {
  const auto add = [&](std::string_view name, std::string_view comment, std::uint32_t ordinal,
                       CapnpKind kind, std::uint32_t offset) {
    CapnpField field;
    field.name = scope->Unique(std::string(name));
    field.comment = comment;
    field.ordinal = ordinal;
    field.type = ScalarType(kind);
    field.offset = offset;
    out->fields.push_back(std::move(field));
  };
  add("idHigh", "the id, if it is a uuid: its first 8 bytes as a big-endian number", 0,
      CapnpKind::kUInt64, kIdHighOffset / kWordBytes);
  add("idLow", "and its last 8; or the id itself, if it is an integer", 1, CapnpKind::kUInt64,
      kIdLowOffset / kWordBytes);
  add("idText", "the id, if it is text", 2, CapnpKind::kText, kIdTextPointer);
  add("idKind", "0: no id, 1: a uuid, 2: an integer, 3: text", 3, CapnpKind::kUInt8, kIdKindByte);
}

void AddBit(std::string name, std::uint32_t ordinal, std::uint32_t bit, CapnpStruct* out,
            NameScope* scope) {
  CapnpField field;
  field.name = scope->Unique(std::move(name));
  field.ordinal = ordinal;
  field.offset = bit;
  field.type = ScalarType(CapnpKind::kBool);
  out->fields.push_back(std::move(field));
}

void AddField(const StructLayout& layout, FieldSlot slot, std::string_view path, CapnpStruct* out,
              NameScope* fields, NameScope* types) {
  const FieldLayout& source = layout.field(slot);
  const FieldAccess& access = layout.access(slot);
  const CapnpStruct* child = nullptr;
  if (source.child != nullptr) {
    // The slot tells a dropped field from a later one of the same name.
    const std::string child_path = StrCat(path, ".", slot);
    out->nested.push_back(MakeStruct(
        *source.child, types->Unique(CapnpName(source.schema.name, /*upper=*/true)), child_path));
    child = &out->nested.back();
  }
  CapnpField field;
  const std::string name = CapnpName(source.schema.name, /*upper=*/false);
  field.name = fields->Unique(name);
  if (field.name != source.schema.name) field.original_name = source.schema.name;
  field.comment = source.schema.TypeText();
  if (source.schema.dropped()) StrAppend(&field.comment, ", dropped");
  field.ordinal = source.ordinal;
  field.type = FieldType(access, child);
  field.uuid_group = access.storage == Storage::kUuid;
  const bool word = !IsPointer(access.storage) && access.storage != Storage::kBool;
  field.offset = word ? access.offset / kWordBytes : access.offset;
  const std::uint32_t set_ordinal = source.ordinal + (field.uuid_group ? 2 : 1);
  const std::string unique = field.name;
  out->fields.push_back(std::move(field));
  AddBit(unique + "Set", set_ordinal, access.set_bit, out, fields);
  AddBit(unique + "Null", set_ordinal + 1, access.null_bit, out, fields);
}

CapnpStruct MakeStruct(const StructLayout& layout, std::string name, std::string_view path) {
  CapnpStruct out;
  out.name = std::move(name);
  out.id = CapnpId(path);
  out.data_words = layout.data_words();
  out.pointers = layout.pointers();
  // References to nested structs are kept while more are added.
  out.nested.reserve(layout.slot_count());
  NameScope fields;
  NameScope types;
  types.Unique("Value");
  types.Unique("Uuid");
  types.Unique(out.name);
  if (layout.outermost()) AddId(&out, &fields);
  for (FieldSlot slot = 0; slot < layout.slot_count(); ++slot) {
    if (slot != layout.undeclared_slot()) {
      AddField(layout, slot, path, &out, &fields, &types);
      continue;
    }
    CapnpField field;
    field.name = fields.Unique("undeclared");
    field.comment = "fields that the schema does not declare";
    field.ordinal = layout.undeclared_ordinal();
    field.offset = layout.access(slot).offset;
    field.type = FieldType(layout.access(slot), nullptr);
    out.fields.push_back(std::move(field));
  }
  return out;
}

}  // namespace

std::uint64_t CapnpId(std::string_view path) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : path) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return hash | std::uint64_t{1} << 63;
}

std::string CapnpName(std::string_view name, bool upper) {
  std::string out;
  bool next_upper = upper;
  for (const char c : name) {
    if (!IsLower(c) && !IsUpper(c) && !IsDigit(c)) {
      next_upper = !out.empty() || upper;
      continue;
    }
    if (out.empty() && IsDigit(c)) out = upper ? "F" : "f";
    const bool first = out.empty();
    if (first && !upper && IsUpper(c)) {
      out.push_back(static_cast<char>(c - 'A' + 'a'));
    } else if ((next_upper || (first && upper)) && IsLower(c)) {
      out.push_back(static_cast<char>(c - 'a' + 'A'));
    } else {
      out.push_back(c);
    }
    next_upper = false;
  }
  if (out.empty()) out = upper ? "Field" : "field";
  if (IsReserved(out)) out += "Field";
  return out;
}

CapnpStruct MakeCapnpStruct(const Layout& layout, std::string_view collection) {
  std::string name = CapnpName(collection, /*upper=*/true);
  if (name == "Value" || name == "Uuid") name += "Document";
  return MakeStruct(layout.root(), std::move(name), StrCat("aurora collection ", collection));
}

}  // namespace aurora::internal
