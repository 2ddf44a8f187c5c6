#include "aurora/tools/text_table.h"

#include "gtest/gtest.h"

namespace aurora::tools {
namespace {

TextTable Cities() {
  TextTable table({"city", "people", "note"});
  table.Add({"Z\u00fcrich", "443,037", ""});
  table.Add({"Bern", "-1.5", "capital"});
  return table;
}

TEST(TextTableTest, NumbersAreAlignedToTheRightAndTextToTheLeft) {
  EXPECT_EQ(Cities().ToString(),
            "city     people  note\n"
            "Z\u00fcrich  443,037\n"
            "Bern       -1.5  capital\n");
}

TEST(TextTableTest, TheHeaderIsBoldOnlyWhereThereIsColour) {
  const std::string plain = Cities().ToString({.columns = 80, .colour = false});
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  const std::string coloured = Cities().ToString({.columns = 80, .colour = true});
  EXPECT_TRUE(coloured.starts_with("\x1b[1mcity"));
}

TEST(TextTableTest, WhatIsWiderThanTheTerminalIsShownInBlocks) {
  EXPECT_EQ(Cities().ToFittingString({}), Cities().ToString());
  EXPECT_EQ(Cities().ToFittingString({.columns = 24}), Cities().ToString());
  EXPECT_EQ(Cities().ToFittingString({.columns = 23}),
            "-- 1 --\n"
            "city    Z\u00fcrich\n"
            "people  443,037\n"
            "-- 2 --\n"
            "city    Bern\n"
            "people  -1.5\n"
            "note    capital\n");
}

TEST(TextTableTest, FiguresReadEasily) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1'234'567), "1,234,567");
  EXPECT_EQ(Counted(1, "document"), "1 document");
  EXPECT_EQ(Counted(2000, "document"), "2,000 documents");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanNanos(999), "999 ns");
  EXPECT_EQ(HumanNanos(1'234'567), "1.23 ms");
  EXPECT_EQ(HumanNanos(61'000'000'000), "61.0 s");
}

}  // namespace
}  // namespace aurora::tools
