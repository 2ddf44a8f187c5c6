// Cap'n Proto's encoding (https://capnproto.org/encoding.html), as much of it as documents use: one
// segment, no framing, in canonical form. A message is a sequence of 8-byte words, little-endian;
// the first is the pointer to the root struct. Struct and list pointers:
//
//   bits  0-1   0 for a struct, 1 for a list
//         2-31  from the end of the pointer to the start of what it points to, in words, signed
//   struct: 32-47 size of the data section in words; 48-63 number of pointers
//   list:   32-34 size of an element (ElementSize); 35-63 number of elements or, for kComposite,
//   words
//           without the tag. The tag is a struct pointer whose offset is the number of elements.
//
// Loads and stores work at any address.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace aurora::internal {

static_assert(std::endian::native == std::endian::little,
              "documents are read in place, which needs a little-endian machine");

inline constexpr std::uint32_t kWordBytes = 8;
inline constexpr std::uint64_t kEmptyStructPointer = 0xFFFFFFFC;
inline constexpr std::uint32_t kListElementsMax = (1u << 29) - 1;
// Structs that hold nothing take no room in a list. No document has more of these in all its lists,
// so that a few bytes cannot stand for any number of items.
inline constexpr std::uint64_t kEmptyStructsMax = 1'000'000;

enum class ElementSize : std::uint8_t {
  kVoid = 0,
  kBit = 1,
  kByte = 2,
  kTwoBytes = 3,
  kFourBytes = 4,
  kEightBytes = 5,
  kPointer = 6,
  kComposite = 7,
};

inline std::uint64_t LoadWord(const void* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}
inline void StoreWord(void* at, std::uint64_t word) { std::memcpy(at, &word, sizeof(word)); }

// `offset` in words from the end of the pointer.
inline std::uint64_t StructPointer(std::int32_t offset, std::uint32_t data_words,
                                   std::uint32_t pointers) {
  return static_cast<std::uint32_t>(offset) << 2 | static_cast<std::uint64_t>(data_words) << 32 |
         static_cast<std::uint64_t>(pointers) << 48;
}
inline std::uint64_t ListPointer(std::int32_t offset, ElementSize size, std::uint32_t count) {
  return static_cast<std::uint32_t>(offset) << 2 | 1 | static_cast<std::uint64_t>(size) << 32 |
         static_cast<std::uint64_t>(count) << 35;
}

inline std::uint32_t PointerKind(std::uint64_t pointer) { return pointer & 3; }
inline std::int32_t PointerOffset(std::uint64_t pointer) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(pointer)) >> 2;
}
inline std::uint32_t StructDataWords(std::uint64_t pointer) { return pointer >> 32 & 0xFFFF; }
inline std::uint32_t StructPointers(std::uint64_t pointer) {
  return static_cast<std::uint32_t>(pointer >> 48);
}
inline ElementSize ListElementSize(std::uint64_t pointer) {
  return static_cast<ElementSize>(pointer >> 32 & 7);
}
inline std::uint32_t ListCount(std::uint64_t pointer) {
  return static_cast<std::uint32_t>(pointer >> 35);
}
// Of the tag of a composite list.
inline std::uint32_t TagCount(std::uint64_t tag) { return static_cast<std::uint32_t>(tag) >> 2; }

// A struct in a message: its data section, and behind it its pointers. What is beyond either reads
// as zero.
struct StructRef {
  const std::uint8_t* data = nullptr;
  std::uint32_t data_bytes = 0;
  std::uint32_t pointers = 0;

  bool Bit(std::uint32_t bit) const {
    const std::uint32_t byte = bit >> 3;
    return byte < data_bytes && (data[byte] >> (bit & 7) & 1) != 0;
  }
  // `offset` in bytes, a multiple of 8.
  std::uint64_t Word(std::uint32_t offset) const {
    return offset < data_bytes ? LoadWord(data + offset) : 0;
  }
  const std::uint8_t* PointerAt(std::uint32_t index) const {
    return data + data_bytes + index * kWordBytes;
  }
  bool HasPointer(std::uint32_t index) const {
    return index < pointers && LoadWord(PointerAt(index)) != 0;
  }
};

// What a pointer that is known to be good points to.
inline const std::uint8_t* Target(const std::uint8_t* at, std::uint64_t pointer) {
  return at + kWordBytes + static_cast<std::int64_t>(PointerOffset(pointer)) * kWordBytes;
}
inline StructRef FollowStruct(const std::uint8_t* at) {
  const std::uint64_t pointer = LoadWord(at);
  return {Target(at, pointer), StructDataWords(pointer) * kWordBytes, StructPointers(pointer)};
}
// The bytes of a Data, or of a Text with its NUL.
inline std::string_view FollowBytes(const std::uint8_t* at) {
  const std::uint64_t pointer = LoadWord(at);
  return {reinterpret_cast<const char*>(Target(at, pointer)), ListCount(pointer)};
}
inline std::string_view FollowText(const std::uint8_t* at) {
  const std::string_view bytes = FollowBytes(at);
  return bytes.substr(0, bytes.size() - 1);
}

// The struct Value of value.capnp.
inline constexpr std::uint32_t kValueDataWords = 2;
inline constexpr std::uint32_t kValuePointers = 2;
inline constexpr std::uint32_t kValueNamePointer = 0;
inline constexpr std::uint32_t kValueContentPointer = 1;
inline constexpr std::uint32_t kValueBoolBit = 16;
inline constexpr std::uint32_t kValueNumberOffset = 8;

}  // namespace aurora::internal
