// Integers as bytes: little-endian fixed width, and varints (7 bits a byte, lowest first, the high
// bit set on all but the last).
//
// Encoders append to a string or write to memory that the caller vouches for. Bytes that come from
// a disk are read through ByteReader, which never reads outside and reports failure once, at the
// end, so that a parser can read a whole header and test it in one place.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"

namespace aurora::lsm {

// The longest encodings, in bytes.
inline constexpr std::size_t kMaxVarint32Bytes = 5;
inline constexpr std::size_t kMaxVarint64Bytes = 10;

// Reads an unsigned integer of sizeof(T) bytes, little-endian, at any alignment.
template <class T>
T LoadFixed(const char* bytes) {
  static_assert(std::is_unsigned_v<T>);
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) {
    T swapped = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      swapped = static_cast<T>(swapped << 8 | (value >> (8 * i) & 0xFF));
    }
    return swapped;
  }
  return value;
}

template <class T>
void StoreFixed(char* bytes, T value) {
  static_assert(std::is_unsigned_v<T>);
  for (std::size_t i = 0; i < sizeof(T); ++i) {  // compiles to one store
    bytes[i] = static_cast<char>(value >> (8 * i) & 0xFF);
  }
}

inline void AppendFixed32(std::string* out, std::uint32_t value) {
  char bytes[sizeof(value)];
  StoreFixed(bytes, value);
  out->append(bytes, sizeof(bytes));
}
inline void AppendFixed64(std::string* out, std::uint64_t value) {
  char bytes[sizeof(value)];
  StoreFixed(bytes, value);
  out->append(bytes, sizeof(bytes));
}

// Writes a varint at `bytes`, which has room for kMaxVarint64Bytes; returns where it ends.
inline char* StoreVarint(char* bytes, std::uint64_t value) {
  while (value >= 0x80) {
    *bytes++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *bytes++ = static_cast<char>(value);
  return bytes;
}
inline void AppendVarint(std::string* out, std::uint64_t value) {
  char bytes[kMaxVarint64Bytes];
  out->append(bytes, static_cast<std::size_t>(StoreVarint(bytes, value) - bytes));
}
inline std::size_t VarintSize(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Reads a varint from [bytes, end). Returns where it ends, or null if it is cut short, longer than
// its type allows, or has bits beyond it.
const char* LoadVarint64Slow(const char* bytes, const char* end, std::uint64_t* value);
inline const char* LoadVarint64(const char* bytes, const char* end, std::uint64_t* value) {
  if (AURORA_LIKELY(bytes < end && static_cast<signed char>(*bytes) >= 0)) {
    *value = static_cast<unsigned char>(*bytes);
    return bytes + 1;
  }
  return LoadVarint64Slow(bytes, end, value);
}
inline const char* LoadVarint32(const char* bytes, const char* end, std::uint32_t* value) {
  std::uint64_t wide = 0;
  bytes = LoadVarint64(bytes, end, &wide);
  *value = static_cast<std::uint32_t>(wide);
  return wide <= UINT32_MAX ? bytes : nullptr;
}

// Signed integers of small magnitude as small unsigned ones: 0, -1, 1, -2, ... become 0, 1, 2, 3.
inline std::uint64_t ZigZag(std::int64_t value) {
  return static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63);
}
inline std::int64_t UnZigZag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// Reads from the front of bytes that nobody has vouched for. A read that does not fit returns zero
// or nothing, consumes nothing more and makes ok() false for good. Does not own the bytes.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes)
      : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  std::uint8_t ReadByte() { return ReadFixed<std::uint8_t>(); }
  std::uint32_t ReadFixed32() { return ReadFixed<std::uint32_t>(); }
  std::uint64_t ReadFixed64() { return ReadFixed<std::uint64_t>(); }
  std::uint64_t ReadVarint64() {
    std::uint64_t value = 0;
    const char* next = LoadVarint64(next_, end_, &value);
    if (AURORA_UNLIKELY(next == nullptr)) {
      Fail();
      return 0;
    }
    next_ = next;
    return value;
  }
  std::uint32_t ReadVarint32() {
    const std::uint64_t value = ReadVarint64();
    if (AURORA_LIKELY(value <= UINT32_MAX)) return static_cast<std::uint32_t>(value);
    Fail();
    return 0;
  }
  // The next `size` bytes.
  std::string_view ReadBytes(std::uint64_t size) {
    if (AURORA_UNLIKELY(size > remaining())) {
      Fail();
      return {};
    }
    const std::string_view bytes(next_, static_cast<std::size_t>(size));
    next_ += size;
    return bytes;
  }
  // A varint length and that many bytes.
  std::string_view ReadLengthPrefixed() { return ReadBytes(ReadVarint64()); }

  std::size_t remaining() const { return static_cast<std::size_t>(end_ - next_); }
  // False once any read did not fit.
  bool ok() const { return ok_; }
  // True if every read fitted and all bytes were read.
  bool Finished() const { return ok_ && next_ == end_; }

 private:
  template <class T>
  T ReadFixed() {
    if (AURORA_UNLIKELY(remaining() < sizeof(T))) {
      Fail();
      return 0;
    }
    const T value = LoadFixed<T>(next_);
    next_ += sizeof(T);
    return value;
  }
  void Fail() {
    ok_ = false;
    next_ = end_;
  }

  const char* next_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace aurora::lsm
