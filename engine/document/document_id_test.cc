#include "aurora/engine/document/document_id.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/hash/hash_testing.h"
#include "absl/time/time.h"
#include "aurora/engine/document/value_testing.h"
#include "gtest/gtest.h"

namespace aurora {
namespace {

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

TEST(DocumentIdTest, AGeneratedIdIsAUuidOfVersion7ThatCarriesItsRowId) {
  DocumentIdGenerator generator;
  RandomValues random(TestSeed(1));
  const absl::Time now = absl::FromUnixMillis(0x0190163d8694);
  for (const std::uint64_t row_id :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{0x123456789abc}, kRowIdMax}) {
    const DocumentId id = generator.Generate(now, random.Below(UINT64_MAX), row_id);
    EXPECT_EQ(id.EmbeddedRowId(), row_id);
    const std::string text = id.ToString();
    EXPECT_EQ(text.substr(0, 13), "0190163d-8694");
    EXPECT_EQ(text[14], '7');
    EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
  }
}

TEST(DocumentIdTest, GeneratedIdsAscendWhateverTheClockDoes) {
  DocumentIdGenerator generator;
  RandomValues random(TestSeed(2));
  DocumentId last;
  for (int i = 0; i < 10000; ++i) {
    const absl::Time now = absl::FromUnixMillis(static_cast<std::int64_t>(random.Below(50)));
    const DocumentId id = generator.Generate(now, random.Below(UINT64_MAX), random.Below(5));
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST(DocumentIdTest, TimesThatDoNotFitAreBroughtWithin) {
  DocumentIdGenerator generator;
  EXPECT_EQ(generator.Generate(absl::InfinitePast(), 0, 7).EmbeddedRowId(), 7u);
  EXPECT_EQ(generator.Generate(absl::InfiniteFuture(), 0, 8).EmbeddedRowId(), 8u);
  EXPECT_EQ(generator.Generate(absl::InfiniteFuture(), 0, 3).EmbeddedRowId(), 3u);
}

TEST(DocumentIdTest, ManyThreadsGetDifferentIds) {
  DocumentIdGenerator generator;
  std::vector<std::vector<DocumentId>> ids(4);
  std::vector<std::thread> threads;
  for (auto& mine : ids) {
    threads.emplace_back([&generator, &mine] {
      for (std::uint64_t row = 0; row < 500; ++row) {
        mine.push_back(generator.Generate(absl::UnixEpoch(), 0, row));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<DocumentId> all;
  for (const auto& mine : ids) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 2000u);
}

TEST(DocumentIdTest, TextReadsBackAsTheSameId) {
  EXPECT_EQ(DocumentId(42).ToString(), "42");
  EXPECT_EQ(DocumentId("42").ToString(), "\"42\"");
  EXPECT_EQ(DocumentId("A-1").ToString(), "A-1");
  EXPECT_EQ(DocumentId("a \"b\"").ToString(), "a \"b\"");
  EXPECT_EQ(DocumentId("\"b\\").ToString(), R"("\"b\\")");
  EXPECT_EQ(DocumentId("a\n").ToString(), R"("a\x0a")");
  RandomValues random(TestSeed(3));
  for (int i = 0; i < 5000; ++i) {
    const std::vector<DocumentId> ids = {random.Text() + "x",
                                         random.Integer(),
                                         random.NextUuid(),
                                         std::to_string(random.Integer()),
                                         random.NextUuid().ToString(),
                                         "\"" + random.Text()};
    for (const DocumentId& id : ids) {
      const auto parsed = DocumentId::Parse(id.ToString());
      ASSERT_TRUE(parsed.ok()) << id.ToString() << parsed.status();
      EXPECT_EQ(*parsed, id);
      EXPECT_EQ(*DocumentId::FromEncodedKey(id.EncodedKey()), id);
      EXPECT_EQ(*DocumentId::FromValue(id.ToValue()), id);
    }
  }
}

TEST(DocumentIdTest, WhatCannotBeAnIdIsRefused) {
  EXPECT_EQ(DocumentId::FromValue(nullptr).status().code(), kInvalid);
  EXPECT_EQ(DocumentId::FromValue(1.5).status().code(), kInvalid);
  EXPECT_EQ(DocumentId::FromValue("").status().code(), kInvalid);
  EXPECT_EQ(DocumentId::FromValue("\xff").status().code(), kInvalid);
  EXPECT_EQ(DocumentId::FromValue(std::string(4096, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(DocumentId::FromValue(std::string(4093, 'x')).ok());
  for (const char* bad :
       {"", "\"", "\"\"", "\"a", "\"a\"b\"", "\"\\n\"", "\"\\x4\"", "\"\\xzz\""}) {
    EXPECT_EQ(DocumentId::Parse(bad).status().code(), kInvalid) << bad;
  }
  EXPECT_EQ(DocumentId::FromEncodedKey("\x10").status().code(), absl::StatusCode::kDataLoss);
}

TEST(DocumentIdTest, OnlyVersion7CarriesARowId) {
  EXPECT_EQ(DocumentId().EmbeddedRowId(), std::nullopt);
  EXPECT_EQ(DocumentId(5).EmbeddedRowId(), std::nullopt);
  EXPECT_EQ(DocumentId("a").EmbeddedRowId(), std::nullopt);
  const auto version4 = Uuid::Parse("c2ee7c4d-4a6e-4c4b-8d2f-6c5f1a2b3c4d");
  EXPECT_EQ(DocumentId(*version4).EmbeddedRowId(), std::nullopt);
}

TEST(DocumentIdTest, HashingAgreesWithEquality) {
  EXPECT_TRUE(absl::VerifyTypeImplementsAbslHashCorrectly(
      {DocumentId(), DocumentId(0), DocumentId(42), DocumentId("42"), DocumentId("")}));
}

}  // namespace
}  // namespace aurora
