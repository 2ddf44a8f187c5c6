// The growing bytes of a canonical message: objects in preorder, each right behind the one before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "aurora/engine/document/wire.h"
#include "aurora/runtime/check.h"

namespace aurora::internal {

// The size of a struct's two sections.
struct StructSize {
  std::uint32_t data_words = 0;
  std::uint32_t pointers = 0;

  std::uint32_t words() const { return data_words + pointers; }
  void Include(const StructSize& other) {
    if (other.data_words > data_words) data_words = other.data_words;
    if (other.pointers > pointers) pointers = other.pointers;
  }
  void IncludeBit(std::uint32_t bit) { Include({bit / 64 + 1, 0}); }
  // The word at `offset`, if there is anything in it: trailing zero words are not written.
  void IncludeWord(std::uint32_t offset, std::uint64_t word) {
    if (word != 0) Include({offset / kWordBytes + 1, 0});
  }
  void IncludePointer(std::uint32_t index) { Include({0, index + 1}); }
};

// Positions are in bytes from the start. Growing beyond the limit makes the builder full: then it
// keeps its size, and whoever builds must stop.
class MessageBuilder {
 public:
  explicit MessageBuilder(std::size_t bytes_max) : bytes_max_(bytes_max) {
    bytes_.reserve(kReservedBytes);
  }

  std::size_t size() const { return bytes_.size(); }
  std::string Take() { return std::move(bytes_); }

  // The position of that many new zero words; false if there is no room.
  [[nodiscard]] bool Grow(std::uint64_t words, std::size_t* position) {
    *position = bytes_.size();
    if (words > (bytes_max_ - bytes_.size()) / kWordBytes) return false;
    bytes_.resize(bytes_.size() + words * kWordBytes);
    return true;
  }

  void SetWord(std::size_t position, std::uint64_t word) {
    AURORA_DCHECK(position + kWordBytes <= bytes_.size());
    StoreWord(bytes_.data() + position, word);
  }
  void OrByte(std::size_t position, std::uint8_t bits) {
    AURORA_DCHECK(position < bytes_.size());
    bytes_[position] = static_cast<char>(static_cast<std::uint8_t>(bytes_[position]) | bits);
  }
  // `bit` counts from `start`.
  void SetBit(std::size_t start, std::uint64_t bit) {
    OrByte(start + bit / 8, static_cast<std::uint8_t>(1 << (bit % 8)));
  }

  // The pointer at `at` to a struct that starts at `target`.
  void PointToStruct(std::size_t at, std::size_t target, const StructSize& size) {
    SetWord(at, size.words() == 0
                    ? kEmptyStructPointer
                    : StructPointer(Offset(at, target), size.data_words, size.pointers));
  }
  void PointToList(std::size_t at, std::size_t target, ElementSize element, std::uint32_t count) {
    SetWord(at, ListPointer(Offset(at, target), element, count));
  }

  // A list of bytes at the end, and the pointer at `at` to it. `nul` for Text.
  [[nodiscard]] bool AddBytes(std::size_t at, std::string_view bytes, bool nul) {
    const std::size_t count = bytes.size() + (nul ? 1 : 0);
    std::size_t target;
    if (count > kListElementsMax || !Grow((count + kWordBytes - 1) / kWordBytes, &target)) {
      return false;
    }
    if (!bytes.empty()) std::memcpy(bytes_.data() + target, bytes.data(), bytes.size());
    PointToList(at, target, ElementSize::kByte, static_cast<std::uint32_t>(count));
    return true;
  }

  // A list of `count` structs at the end, all zero, and the pointer at `at` to it. *first is the
  // position of the first.
  [[nodiscard]] bool AddStructs(std::size_t at, const StructSize& size, std::uint32_t count,
                                std::size_t* first) {
    std::size_t target;
    const std::uint64_t words = std::uint64_t{count} * size.words();
    if (words > kListElementsMax || !Grow(words + 1, &target)) return false;
    PointToList(at, target, ElementSize::kComposite, static_cast<std::uint32_t>(words));
    SetWord(target,
            StructPointer(static_cast<std::int32_t>(count), size.data_words, size.pointers));
    *first = target + kWordBytes;
    return true;
  }

 private:
  // Most documents need no more; for larger ones it doubles.
  static constexpr std::size_t kReservedBytes = 500;

  static std::int32_t Offset(std::size_t at, std::size_t target) {
    AURORA_DCHECK(target >= at + kWordBytes);
    return static_cast<std::int32_t>((target - at) / kWordBytes - 1);
  }

  const std::size_t bytes_max_;
  std::string bytes_;
};

}  // namespace aurora::internal
