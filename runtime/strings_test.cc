#include "aurora/runtime/strings.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace aurora {
namespace {

TEST(StringsTest, CatTakesEveryKindOfStringAndNumber) {
  const std::string_view view = "view";
  EXPECT_EQ(StrCat("a ", view, ' ' == 32 ? " " : "", std::string("s"), 7, absl::string_view("!")),
            "a view s7!");
  std::string out = "x";
  StrAppend(&out, view, 1u);
  EXPECT_EQ(out, "xview1");
}

TEST(StringsTest, ViewsCrossBothWays) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(ToStd(ToAbsl(text)), std::string_view(text));
  EXPECT_EQ(ToAbsl(std::string_view()).size(), 0u);
}

TEST(StringsTest, MapsAndSetsAreLookedUpByView) {
  StringMap<int> map;
  map["key"] = 1;
  const std::string_view view = "key";
  EXPECT_EQ(map.find(view)->second, 1);
  EXPECT_EQ(map.find("key")->second, 1);
  EXPECT_TRUE(map.contains(std::string("key")));
  EXPECT_FALSE(map.contains(std::string_view("other")));
  StringSet set = {"x"};
  EXPECT_TRUE(set.contains(std::string_view("x")));
}

TEST(QuotedTest, LeavesPlainAndUnicodeTextAlone) {
  EXPECT_EQ(Quoted("plain"), "\"plain\"");
  EXPECT_EQ(Quoted("gr\xC3\xBC\xC3\x9F"), "\"gr\xC3\xBC\xC3\x9F\"");
  EXPECT_EQ(Quoted("\xE2\x82\xAC \xF0\x9F\x98\x80"), "\"\xE2\x82\xAC \xF0\x9F\x98\x80\"");
  EXPECT_EQ(Quoted(""), "\"\"");
}

TEST(QuotedTest, EscapesWhatCouldSteerATerminal) {
  EXPECT_EQ(Quoted("\x1B[31m"), "\"\\x1b[31m\"");
  EXPECT_EQ(Quoted(std::string_view("\0\n\x7F", 3)), "\"\\x00\\x0a\\x7f\"");
  EXPECT_EQ(Quoted("\xC2\x9B"), "\"\\xc2\\x9b\"");  // the one-character form of ESC [
  EXPECT_EQ(Quoted("say \"hi\\\""), "\"say \\\"hi\\\\\\\"\"");
}

TEST(QuotedTest, EscapesInvalidUtf8ByteByByte) {
  EXPECT_EQ(Quoted("\xFF"), "\"\\xff\"");
  EXPECT_EQ(Quoted("\xC0\x80"), "\"\\xc0\\x80\"");                    // overlong
  EXPECT_EQ(Quoted("\xED\xA0\x80"), "\"\\xed\\xa0\\x80\"");           // a surrogate
  EXPECT_EQ(Quoted("\xE2\x82"), "\"\\xe2\\x82\"");                    // cut short
  EXPECT_EQ(Quoted("\xF4\x90\x80\x80"), "\"\\xf4\\x90\\x80\\x80\"");  // above U+10FFFF
  EXPECT_EQ(Quoted("a\x80z"), "\"a\\x80z\"");
}

TEST(QuotedTest, CutsLongTextAtACharacterAndTellsItsSize) {
  EXPECT_EQ(Quoted("abcdef", 3), "\"abc\"... (6 bytes)");
  EXPECT_EQ(Quoted("abc", 3), "\"abc\"");
  EXPECT_EQ(Quoted("ab\xC3\xBC!", 3), "\"ab\xC3\xBC\"... (5 bytes)");
}

}  // namespace
}  // namespace aurora
