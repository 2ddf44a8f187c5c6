#include "aurora/tests/formats/hex_examples_testing.h"

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

std::string PageOf(const std::string& body) {
  return "# Title\n\n<!-- example: a -->\n```\n" + body + "```\ntext\n";
}

TEST(HexExamplesTest, BytesRunsAndNotesAreRead) {
  const absl::StatusOr<std::map<std::string, std::string>> examples =
      ReadHexExamples(PageOf("0000: 41 ff  # a note: 42\n0002: 00 x 3\n0005: 01\n"));
  ASSERT_TRUE(examples.ok()) << examples.status();
  ASSERT_EQ(examples->size(), 1u);
  EXPECT_EQ(examples->at("a"), std::string("\x41\xff\0\0\0\x01", 6));
}

TEST(HexExamplesTest, WhatIsShownIsReadBack) {
  std::string bytes("begin");
  bytes.append(100, '\0');
  bytes += std::string(40, 'x') + std::string(5, '\0');
  const absl::StatusOr<std::map<std::string, std::string>> examples =
      ReadHexExamples(PageOf(ShowAsHexExample(bytes)));
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->at("a"), bytes);
}

TEST(HexExamplesTest, MistakesAreFound) {
  for (const char* body : {"0001: 41\n", "41 42\n", "0000: 4\n", "0000: 41 zz\n", "0000: x 3\n",
                           "0000: 41 x\n", "0000: 41\n0002: 42\n", "\n"}) {
    EXPECT_FALSE(ReadHexExamples(PageOf(body)).ok()) << body;
  }
  EXPECT_FALSE(ReadHexExamples(PageOf("0000: 41\n") + PageOf("0000: 41\n")).ok());
  EXPECT_FALSE(ReadHexExamples("<!-- example: a -->\ntext\n").ok());
}

}  // namespace
}  // namespace aurora
