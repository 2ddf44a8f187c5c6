#include "aurora/engine/query/group_page.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/query/parser.h"
#include "aurora/engine/query/query_spec.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

QuerySpec Parse(const std::string& text) {
  absl::StatusOr<QuerySpec> spec = ParseQuery(text);
  EXPECT_TRUE(spec.ok()) << spec.status();
  return *std::move(spec);
}

std::string ErrorOf(const std::string& text) {
  return std::string(CheckGroupResults(Parse(text)).message());
}

TEST(GroupPageTest, ResultsHaveDifferentNames) {
  EXPECT_EQ(ErrorOf("a group by b, c.d select count(), sum(e), sum(f)"), "");
  EXPECT_NE(ErrorOf("a group by count select count()"), "");
  EXPECT_EQ(ErrorOf("a group by count select count() as n"), "");
  EXPECT_NE(ErrorOf("a select sum(b), sum(b)"), "");
  EXPECT_NE(ErrorOf("a select sum(b) as x, max(c) as x"), "");
  EXPECT_NE(ErrorOf("a group by b, b"), "");
}

TEST(GroupPageTest, TheOrderIsByAResult) {
  EXPECT_EQ(ErrorOf("a group by b, c.d select count() order by count desc, b, c.d"), "");
  EXPECT_EQ(ErrorOf("a select avg(b.c) order by `avg(b.c)`"), "");
  EXPECT_EQ(ErrorOf("a group by `b c` select count() order by `b c`"), "");
  EXPECT_NE(ErrorOf("a group by b select count() as n order by count").find("count"),
            std::string::npos);
  EXPECT_NE(ErrorOf("a group by b order by c"), "");
}

TEST(GroupPageTest, GroupsAreSortedAndCut) {
  const std::vector<Object> groups = {
      {{"b", 1}, {"n", 5}}, {{"b", 2}, {"n", 7}}, {{"b", 3}, {"n", 5}}, {{"b", 4}, {"n", 9}}};
  const auto page = [&](const std::string& clauses) {
    std::vector<Object> paged = groups;
    PageGroups(Parse("a group by b select count() as n " + clauses), &paged);
    std::string keys;
    for (const Object& group : paged) keys += std::to_string(group.Find("b")->AsInt64());
    return keys;
  };
  EXPECT_EQ(page(""), "1234");
  EXPECT_EQ(page("order by n"), "1324");  // ties stay as they were
  EXPECT_EQ(page("order by n desc, b desc"), "4231");
  EXPECT_EQ(page("order by n offset 1 limit 2"), "32");
  EXPECT_EQ(page("offset 9"), "");
  EXPECT_EQ(page("limit 0"), "");
}

}  // namespace
}  // namespace aurora
