#include "aurora/engine/query/cursor.h"

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/engine/document/key_encoding.h"
#include "aurora/engine/query/query_spec.h"
#include "aurora/index/row_set.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

QuerySpec ByPriceAndName() {
  QuerySpec spec;
  spec.collection = "products";
  spec.order_by = {{{"price"}, Direction::kDescending}, {{"name"}}};
  return spec;
}

QueryCursor AtLamp() {
  QueryCursor cursor;
  AppendKey(ValueView(39.5), &cursor.sort_key, KeyOrder::kDescending);
  AppendKey(ValueView("Lamp"), &cursor.sort_key);
  cursor.row = index::kMaxRowId;
  return cursor;
}

TEST(CursorTest, IsReadAsItWasWritten) {
  const std::string text = EncodeCursor(ByPriceAndName(), AtLamp());
  EXPECT_EQ(
      text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
      std::string::npos)
      << text;
  const absl::StatusOr<QueryCursor> cursor = DecodeCursor(ByPriceAndName(), text);
  ASSERT_TRUE(cursor.ok()) << cursor.status();
  EXPECT_EQ(cursor->sort_key, AtLamp().sort_key);
  EXPECT_EQ(cursor->row, index::kMaxRowId);
}

TEST(CursorTest, IsOfOneCollectionAndOrder) {
  const std::string text = EncodeCursor(ByPriceAndName(), AtLamp());
  QuerySpec same = ByPriceAndName();
  same.limit = 7;
  same.where = Field("price") > 3;
  EXPECT_TRUE(DecodeCursor(same, text).ok());
  std::vector<QuerySpec> others(4, ByPriceAndName());
  others[0].collection = "orders";
  others[1].order_by[0].direction = Direction::kAscending;
  others[2].order_by.pop_back();
  others[3].order_by[1].path = {"sku"};
  for (const QuerySpec& other : others) {
    EXPECT_TRUE(absl::IsInvalidArgument(DecodeCursor(other, text).status())) << ToString(other);
  }
}

TEST(CursorTest, EveryChangeOfItIsRefusedOrACursor) {
  SeededRandom random(TestSeed());
  const QuerySpec spec = ByPriceAndName();
  const std::string text = EncodeCursor(spec, AtLamp());
  for (int i = 0; i < 2000; ++i) {
    std::string changed = text;
    if (random.Below(3) == 0) {
      changed.resize(random.Below(text.size()));
    } else {
      changed[random.Below(changed.size())] = static_cast<char>(random.Below(256));
    }
    const absl::StatusOr<QueryCursor> cursor = DecodeCursor(spec, changed);
    if (!cursor.ok()) {
      EXPECT_TRUE(absl::IsInvalidArgument(cursor.status()));
      continue;
    }
    // One key for each sort key: what a walk relies on.
    std::string_view key = cursor->sort_key;
    EXPECT_TRUE(ConsumeKey(&key, KeyOrder::kDescending).ok());
    EXPECT_TRUE(ConsumeKey(&key).ok());
    EXPECT_TRUE(key.empty());
  }
}

}  // namespace
}  // namespace aurora
