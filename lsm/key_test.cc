#include "aurora/lsm/key.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

const std::vector<KeyspaceId> kAscendingIds = {0,
                                               1,
                                               2,
                                               127,
                                               128,
                                               239,
                                               240,
                                               241,
                                               255,
                                               256,
                                               257,
                                               65535,
                                               65536,
                                               (1u << 24) - 1,
                                               1u << 24,
                                               1u << 31,
                                               UINT32_MAX - 1,
                                               UINT32_MAX};

TEST(KeyTest, KeyspacesAreContiguousAndInNumericOrder) {
  const std::vector<std::string> keys = {"", std::string(1, '\0'), "a", "\xFF\xFF\xFF\xFF\xFF"};
  std::string previous;
  for (const KeyspaceId id : kAscendingIds) {
    for (const std::string& key : keys) {
      const std::string stored = MakeStoredKey(id, key);
      EXPECT_LT(previous, stored) << id;
      EXPECT_LT(stored, KeyspaceEnd(id)) << id;
      previous = stored;
    }
    EXPECT_LT(previous, KeyspaceEnd(id));
    if (id != UINT32_MAX) EXPECT_LE(KeyspaceEnd(id), MakeStoredKey(id + 1, ""));
  }
}

TEST(KeyTest, StoredKeysParseBack) {
  for (const KeyspaceId id : kAscendingIds) {
    const std::string stored = MakeStoredKey(id, "user");
    EXPECT_EQ(stored.size(), KeyspacePrefixSize(id) + 4);
    KeyspaceId parsed_id = 0;
    std::string_view parsed_key;
    ASSERT_TRUE(ParseStoredKey(stored, &parsed_id, &parsed_key));
    EXPECT_EQ(parsed_id, id);
    EXPECT_EQ(parsed_key, "user");
  }
}

TEST(KeyTest, UsualKeyspacesCostOneByte) {
  EXPECT_EQ(KeyspacePrefixSize(0), 1u);
  EXPECT_EQ(KeyspacePrefixSize(239), 1u);
  EXPECT_EQ(KeyspacePrefixSize(240), 2u);
}

TEST(KeyTest, PrefixesThatAreNeverWrittenAreRefused) {
  KeyspaceId id = 0;
  std::string_view key;
  EXPECT_FALSE(ParseStoredKey("", &id, &key));
  EXPECT_FALSE(ParseStoredKey("\xF4zzzzz", &id, &key));
  EXPECT_FALSE(ParseStoredKey("\xFFzzzzz", &id, &key));
  EXPECT_FALSE(ParseStoredKey("\xF1\x01", &id, &key)) << "cut short";
  EXPECT_FALSE(ParseStoredKey("\xF0\x05zzz", &id, &key)) << "fits one byte";
  EXPECT_FALSE(ParseStoredKey(std::string_view("\xF1\x00\xFFzz", 5), &id, &key))
      << "fits fewer bytes";
}

TEST(KeyTest, ALookupKeyEqualsTheStoredKeyAtEverySize) {
  for (std::size_t size = 0; size < 300; ++size) {
    const std::string user(size, 'x');
    const StoredKey small(3, user);
    const StoredKey large(70000, user);
    EXPECT_EQ(small.view(), MakeStoredKey(3, user));
    EXPECT_EQ(large.view(), MakeStoredKey(70000, user));
  }
}

}  // namespace
}  // namespace aurora::lsm
