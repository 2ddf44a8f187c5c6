#include "aurora/engine/document/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace aurora {
namespace {

TEST(Utf8Test, EveryCodePointAndNothingElseIsValid) {
  for (std::uint32_t point = 0; point < 0x120000; point += point < 0x3000 ? 1 : 61) {
    std::string text;
    const auto tail = [&](int shift) {
      text.push_back(static_cast<char>(0x80 | (point >> shift & 63)));
    };
    if (point < 0x80) {
      text.push_back(static_cast<char>(point));
    } else if (point < 0x800) {
      text.push_back(static_cast<char>(0xC0 | point >> 6));
      tail(0);
    } else if (point < 0x10000) {
      text.push_back(static_cast<char>(0xE0 | point >> 12));
      tail(6);
      tail(0);
    } else {
      text.push_back(static_cast<char>(0xF0 | point >> 18));
      tail(12);
      tail(6);
      tail(0);
    }
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    EXPECT_EQ(IsValidUtf8(text), !surrogate && point < 0x110000) << point;
    if (IsValidUtf8(text)) {
      EXPECT_EQ(Utf8Length(text), 1u);
      // Cut short.
      for (std::size_t n = 1; n < text.size(); ++n) EXPECT_FALSE(IsValidUtf8(text.substr(0, n)));
    }
  }
}

TEST(Utf8Test, SaysWhereTheTextBecomesInvalid) {
  for (std::size_t at = 0; at < 40; ++at) {
    EXPECT_EQ(ValidUtf8Prefix(std::string(at, 'a') + "\xff" + std::string(40, 'b')), at);
  }
  EXPECT_FALSE(IsValidUtf8("\xc0\x80")) << "an overlong NUL";
  EXPECT_FALSE(IsValidUtf8("\xe0\x80\x80"));
  EXPECT_FALSE(IsValidUtf8("\xf0\x80\x80\x80"));
  EXPECT_FALSE(IsValidUtf8("\x80"));
  EXPECT_TRUE(IsValidUtf8(std::string(17, '\0')));
}

}  // namespace
}  // namespace aurora
