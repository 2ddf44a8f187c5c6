#include "aurora/engine/document/uuid.h"

#include <bit>
#include <cstring>

#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr std::size_t kTextLength = 36;

bool IsDashPosition(std::size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::uint64_t LoadBigEndian(const std::uint8_t* from) {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof(value));
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

void StoreBigEndian(std::uint64_t value, std::uint8_t* to) {
  if constexpr (std::endian::native == std::endian::little) value = __builtin_bswap64(value);
  std::memcpy(to, &value, sizeof(value));
}

}  // namespace

Uuid Uuid::FromHalves(std::uint64_t high, std::uint64_t low) {
  Uuid uuid;
  StoreBigEndian(high, uuid.bytes.data());
  StoreBigEndian(low, uuid.bytes.data() + 8);
  return uuid;
}

std::uint64_t Uuid::High() const { return LoadBigEndian(bytes.data()); }

std::uint64_t Uuid::Low() const { return LoadBigEndian(bytes.data() + 8); }

std::string Uuid::ToString() const {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(kTextLength);
  for (const std::uint8_t byte : bytes) {
    if (IsDashPosition(text.size())) text.push_back('-');
    text.push_back(kHex[byte >> 4]);
    text.push_back(kHex[byte & 15]);
  }
  return text;
}

absl::StatusOr<Uuid> Uuid::Parse(std::string_view text) {
  const auto malformed = [&] {
    return InvalidArgumentError(Quoted(text), " is not a UUID: expected 32 hexadecimal digits as ",
                                "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
  };
  if (text.size() != kTextLength) return malformed();
  Uuid uuid;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < kTextLength; ++i) {
    if (IsDashPosition(i)) {
      if (text[i] != '-') return malformed();
      continue;
    }
    const int digit = HexDigit(text[i]);
    if (digit < 0) return malformed();
    std::uint8_t& byte = uuid.bytes[digits / 2];
    byte = static_cast<std::uint8_t>(byte << 4 | digit);
    ++digits;
  }
  return uuid;
}

}  // namespace aurora
