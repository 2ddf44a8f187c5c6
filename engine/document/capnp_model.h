// A layout in the terms of Cap'n Proto, from which both its text and its nodes are made.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/engine/document/layout.h"

namespace aurora::internal {

// The ids of value.capnp.
inline constexpr std::uint64_t kCapnpValueId = 0xcb4628ce1edef039;
inline constexpr std::uint64_t kCapnpUuidId = 0x8e1f3a6f0c9b2d47;

enum class CapnpKind : std::uint8_t {
  kBool,
  kUInt8,
  kInt64,
  kUInt64,
  kFloat64,
  kText,
  kData,
  kStruct
};

struct CapnpType {
  CapnpKind kind = CapnpKind::kBool;
  bool list = false;  // a list of the kind
  std::uint64_t struct_id = 0;
  std::string struct_name{};  // as the text says it
};

struct CapnpField {
  std::string name;
  std::string comment;
  std::string original_name;  // if it differs from `name`
  std::uint32_t ordinal = 0;
  std::uint32_t offset = 0;  // in units of the type's size; the index of a pointer
  CapnpType type;
  // A uuid: a group of two UInt64, `high` at `offset` and `low` behind it, with two ordinals.
  bool uuid_group = false;
};

struct CapnpStruct {
  std::string name;
  std::uint64_t id = 0;
  std::uint32_t data_words = 0;
  std::uint32_t pointers = 0;
  std::vector<CapnpField> fields;  // by ordinal
  std::vector<CapnpStruct> nested;
};

CapnpStruct MakeCapnpStruct(const Layout& layout, std::string_view collection);

// FNV-1a of 64 bits, with the top bit set, as ids of Cap'n Proto have it.
std::uint64_t CapnpId(std::string_view path);

// Letters and digits of `name` in lowerCamelCase or UpperCamelCase, never empty.
std::string CapnpName(std::string_view name, bool upper);

}  // namespace aurora::internal
