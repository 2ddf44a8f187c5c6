#include "aurora/tools/commands/tree_picture.h"

#include <string>
#include <vector>

#include "aurora/runtime/strings.h"
#include "gtest/gtest.h"

namespace aurora::tools {
namespace {

KeyRuler TenEvenKeys() {
  std::vector<KeyWeight> weights;
  for (char key = 'a'; key <= 'j'; ++key) weights.push_back({std::string(1, key), 100});
  return KeyRuler(weights);
}

TEST(KeyRulerTest, AKeyIsWithinTheDataThatHoldsIt) {
  const KeyRuler ruler({{"m", 300}, {"c", 100}, {"z", 600}});
  EXPECT_EQ(ruler.BeginOf(""), 0);
  EXPECT_EQ(ruler.EndOf(""), 0.1);
  EXPECT_EQ(ruler.BeginOf("c"), 0);
  EXPECT_EQ(ruler.EndOf("c"), 0.1);
  EXPECT_EQ(ruler.BeginOf("d"), 0.1);
  EXPECT_EQ(ruler.EndOf("d"), 0.4);
  EXPECT_EQ(ruler.EndOf("z"), 1);
  EXPECT_EQ(ruler.BeginOf("zz"), 1);
  EXPECT_EQ(ruler.EndOf("zz"), 1);
}

TEST(KeyRulerTest, WithoutDataEverythingIsAtTheBegin) {
  EXPECT_EQ(KeyRuler({}).BeginOf("a"), 0);
  EXPECT_EQ(KeyRuler({}).EndOf("a"), 0);
}

TEST(TreePictureTest, BarsAreInProportionToTheData) {
  const std::vector<PicturedTable> tables = {{0, "", "j", 0},  {0, "c", "g", 0}, {1, "", "d", 0},
                                             {1, "e", "j", 0}, {2, "", "a", 0},  {2, "b", "b", 0},
                                             {2, "c", "j", 0}};
  EXPECT_EQ(PictureOf(tables, TenEvenKeys(), 29, Terminal()),
            "level 0  [------------------]\n"
            "             [--------]\n"
            "level 1  [------][----------]\n"
            "level 2  [][][--------------]\n");
}

TEST(TreePictureTest, TablesThatAreTooNarrowAreOneBar) {
  std::vector<PicturedTable> tables;
  for (int i = 0; i < 3; ++i) tables.push_back({1, "", "a", 0});
  tables.push_back({1, "b", "j", 0});
  const std::string picture = PictureOf(tables, TenEvenKeys(), 19, Terminal());
  EXPECT_EQ(picture, "level 1  #[-------]\n");
}

TEST(TreePictureTest, ManyTablesOfLevel0AreNotAllShown) {
  const std::vector<PicturedTable> tables(kLevel0Lines + 5, {0, "", "j", 0});
  const std::string picture = PictureOf(tables, TenEvenKeys(), 19, Terminal());
  EXPECT_NE(picture.find("... and 5 more\n"), std::string::npos) << picture;
}

TEST(TreePictureTest, NoLineIsWiderThanAllowed) {
  for (std::size_t columns = 19; columns < 200; columns += 7) {
    const std::vector<PicturedTable> tables = {
        {0, "", "zzz", 0}, {1, "", "d", 0}, {1, "e", "z", 0}};
    const std::string picture = PictureOf(tables, TenEvenKeys(), columns, Terminal());
    for (std::size_t begin = 0; begin < picture.size();) {
      const std::size_t end = picture.find('\n', begin);
      EXPECT_LE(end - begin, columns) << picture;
      begin = end + 1;
    }
  }
}

TEST(TreePictureTest, GarbageIsAColourWhereThereIsColour) {
  const std::vector<PicturedTable> tables = {{1, "", "d", 0.9}, {1, "e", "j", 0}};
  const Terminal terminal{80, true};
  const std::string picture = PictureOf(tables, TenEvenKeys(), 29, terminal);
  EXPECT_NE(picture.find(terminal.Red("[------]")), std::string::npos) << picture;
}

}  // namespace
}  // namespace aurora::tools
