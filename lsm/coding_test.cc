#include "aurora/lsm/coding.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

std::vector<std::uint64_t> InterestingNumbers() {
  std::vector<std::uint64_t> numbers = {0, 1};
  for (int bit = 1; bit < 64; ++bit) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    numbers.insert(numbers.end(), {power - 1, power, power + 1});
  }
  numbers.push_back(std::numeric_limits<std::uint64_t>::max());
  return numbers;
}

TEST(CodingTest, FixedIntegersAreLittleEndian) {
  std::string bytes;
  AppendFixed32(&bytes, 0x04030201);
  AppendFixed64(&bytes, 0x0C0B0A0908070605);
  EXPECT_EQ(bytes, "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C");
  EXPECT_EQ(LoadFixed<std::uint32_t>(bytes.data()), 0x04030201u);
  EXPECT_EQ(LoadFixed<std::uint64_t>(bytes.data() + 4), 0x0C0B0A0908070605u);
  EXPECT_EQ(LoadFixed<std::uint16_t>(bytes.data() + 1), 0x0302u);
}

TEST(CodingTest, VarintsRoundTripAndHaveTheAnnouncedSize) {
  for (const std::uint64_t number : InterestingNumbers()) {
    std::string bytes;
    AppendVarint(&bytes, number);
    EXPECT_EQ(bytes.size(), VarintSize(number)) << number;
    ByteReader reader(bytes);
    EXPECT_EQ(reader.ReadVarint64(), number);
    EXPECT_TRUE(reader.Finished());
  }
}

TEST(CodingTest, EveryPrefixOfAVarintIsRefused) {
  for (const std::uint64_t number : InterestingNumbers()) {
    std::string bytes;
    AppendVarint(&bytes, number);
    bytes.pop_back();
    ByteReader reader(bytes);
    EXPECT_EQ(reader.ReadVarint64(), 0u);
    EXPECT_FALSE(reader.ok()) << number;
  }
}

TEST(CodingTest, VarintsBeyondTheirTypeAreRefused) {
  std::string too_long(10, '\xFF');
  EXPECT_FALSE([&] {
    ByteReader reader(too_long);
    reader.ReadVarint64();
    return reader.ok();
  }());
  std::string bits_beyond(9, '\xFF');
  bits_beyond.push_back('\x02');
  ByteReader wide(bits_beyond);
  wide.ReadVarint64();
  EXPECT_FALSE(wide.ok());

  std::string bytes;
  AppendVarint(&bytes, std::uint64_t{1} << 32);
  ByteReader narrow(bytes);
  EXPECT_EQ(narrow.ReadVarint32(), 0u);
  EXPECT_FALSE(narrow.ok());
  std::uint32_t value = 0;
  EXPECT_EQ(LoadVarint32(bytes.data(), bytes.data() + bytes.size(), &value), nullptr);
}

TEST(CodingTest, ZigZagKeepsSmallMagnitudesSmall) {
  EXPECT_EQ(ZigZag(0), 0u);
  EXPECT_EQ(ZigZag(-1), 1u);
  EXPECT_EQ(ZigZag(1), 2u);
  for (const std::uint64_t number : InterestingNumbers()) {
    const auto value = static_cast<std::int64_t>(number);
    EXPECT_EQ(UnZigZag(ZigZag(value)), value);
  }
}

TEST(CodingTest, AReaderThatFailedStaysFailedAndReadsNothing) {
  ByteReader reader("abc");
  EXPECT_EQ(reader.ReadFixed32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.ReadByte(), 0u);
  EXPECT_EQ(reader.ReadBytes(1), "");
  EXPECT_FALSE(reader.Finished());
}

TEST(CodingTest, ALengthBeyondTheBytesIsRefused) {
  std::string bytes;
  AppendVarint(&bytes, 4);
  bytes += "abc";
  ByteReader reader(bytes);
  EXPECT_EQ(reader.ReadLengthPrefixed(), "");
  EXPECT_FALSE(reader.ok());

  std::string huge;
  AppendVarint(&huge, std::numeric_limits<std::uint64_t>::max());
  ByteReader huge_reader(huge);
  huge_reader.ReadLengthPrefixed();
  EXPECT_FALSE(huge_reader.ok());
}

}  // namespace
}  // namespace aurora::lsm
