// Reading fields of validated messages. Inline where it is hot: a scalar field is a load of its
// FieldAccess, a bit test and a load.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "aurora/engine/document/layout.h"
#include "aurora/engine/document/value_view.h"
#include "aurora/engine/document/wire.h"
#include "aurora/runtime/compiler.h"

namespace aurora::internal {

inline ObjectRef ToObjectRef(const StructRef& ref, const StructLayout& layout,
                             std::uint32_t version, std::uint32_t count) {
  return {.source = &layout,
          .data = ref.data,
          .count = count,
          .detail = ref.data_bytes / kWordBytes | ref.pointers << 16,
          .version = version};
}

// The object that a struct is, `version` being that of the schema with which it was written.
ObjectView ReadStruct(const StructRef& ref, const StructLayout& layout, std::uint32_t version);

// A struct Value; a list of them as an array; one with names as an object. `at` is the pointer.
ValueView ReadValueStruct(const StructRef& ref);
ArrayView ReadValueArray(const std::uint8_t* at);
ObjectView ReadValueObject(const std::uint8_t* at);

// The id of a document, or null if it has none.
ValueView ReadId(const StructRef& root);

// A field that is set and stored behind a pointer.
ValueView ReadPointerField(const StructRef& ref, const StructLayout& layout, FieldSlot slot,
                           std::uint32_t version);

// A field that is not set: null, the default of a field that the document is older than, or
// missing.
std::optional<ValueView> ReadUnsetField(const StructRef& ref, const StructLayout& layout,
                                        FieldSlot slot, std::uint32_t version);

// A field that is set.
inline ValueView ReadSetField(const StructRef& ref, const StructLayout& layout, FieldSlot slot,
                              std::uint32_t version) {
  const FieldAccess& access = layout.access(slot);
  switch (access.storage) {
    case Storage::kBool:
      return ref.Bit(access.offset);
    case Storage::kInt64:
      return static_cast<std::int64_t>(ref.Word(access.offset));
    case Storage::kDouble:
      return std::bit_cast<double>(ref.Word(access.offset));
    case Storage::kTimestamp:
      return Timestamp{static_cast<std::int64_t>(ref.Word(access.offset))};
    case Storage::kUuid:
      return Uuid::FromHalves(ref.Word(access.offset), ref.Word(access.offset + kWordBytes));
    case Storage::kText:
      return FollowText(ref.PointerAt(access.offset));
    default:
      return ReadPointerField(ref, layout, slot, version);
  }
}

inline bool IsSet(const StructRef& ref, const StructLayout& layout, FieldSlot slot) {
  return ref.Bit(layout.access(slot).set_bit);
}

// A field of any state: nullopt if it is missing.
inline std::optional<ValueView> ReadField(const StructRef& ref, const StructLayout& layout,
                                          FieldSlot slot, std::uint32_t version) {
  if (AURORA_LIKELY(IsSet(ref, layout, slot))) return ReadSetField(ref, layout, slot, version);
  return ReadUnsetField(ref, layout, slot, version);
}

// The list of undeclared fields; empty if there are none.
ObjectView ReadUndeclared(const StructRef& ref, const StructLayout& layout);

// A member by name: declared, undeclared or the id.
std::optional<ValueView> ReadMember(const StructRef& ref, const StructLayout& layout,
                                    std::string_view name, std::uint32_t version);

}  // namespace aurora::internal
