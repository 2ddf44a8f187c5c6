#include "aurora/lsm/value_file.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/cache/block_cache.h"
#include "aurora/lsm/memory_file_testing.h"
#include "aurora/lsm/value_file_builder.h"
#include "aurora/lsm/value_format.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/memory_budget.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::uint64_t kId = 7;

TableIdentity Identity(std::uint64_t number = kId) {
  TableIdentity identity;
  identity.database_id.fill(5);
  identity.file_number = number;
  return identity;
}

std::string RandomValue(SeededRandom& random, std::size_t size) {
  std::string value(size, 'c');
  if (random.Below(2) == 0) {
    for (char& c : value) c = static_cast<char>(random.Next64());
  }
  return value;
}

class ValueFileTest : public testing::Test {
 protected:
  // Sizes about the limits of pieces and of what is cached.
  std::vector<std::string> RandomValues(SeededRandom& random, int count) {
    std::vector<std::string> values;
    const std::size_t sizes[] = {3, 1000, ValueFile::kCachedBytesMax, kValuePieceBytes,
                                 2 * kValuePieceBytes};
    for (int i = 0; i < count; ++i) {
      const std::size_t about = sizes[random.Below(std::size(sizes))];
      values.push_back(RandomValue(random, about - 2 + random.Below(5)));
    }
    values.push_back(RandomValue(random, 40 * kValuePieceBytes + 17));
    return values;
  }

  std::unique_ptr<ValueFileBuilder> Builder(MemoryFileState* file, std::uint64_t number = kId) {
    ValueFileBuilderOptions options;
    options.identity = Identity(number);
    options.id = kId;
    options.memory = &budget_;
    return std::make_unique<ValueFileBuilder>(std::make_unique<MemoryFile>(file), options);
  }
  void Build(const std::vector<std::string>& values) {
    values_ = values;
    const auto builder = Builder(&file_);
    for (const std::string& value : values) {
      const absl::StatusOr<ValueHandle> handle = BlockOn(builder->Add(value));
      ASSERT_TRUE(handle.ok()) << handle.status();
      handles_.push_back(*handle);
    }
    Finish(builder.get());
  }
  void Finish(ValueFileBuilder* builder) {
    const absl::StatusOr<ValueFileSummary> summary = BlockOn(builder->Finish());
    ASSERT_TRUE(summary.ok()) << summary.status();
    summary_ = *summary;
  }

  absl::StatusOr<std::unique_ptr<ValueFile>> OpenAs(MemoryFileState* file, std::uint64_t number,
                                                    std::uint64_t id) {
    ValueFileOptions options;
    options.identity = Identity(number);
    options.id = id;
    options.cache = cache_.get();
    options.memory = &budget_;
    return BlockOn(
        ValueFile::Open(std::make_unique<MemoryFile>(file), file->bytes.size(), options));
  }
  std::unique_ptr<ValueFile> Open() {
    absl::StatusOr<std::unique_ptr<ValueFile>> opened = OpenAs(&file_, kId, kId);
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  void ExpectAllReadable(ValueFile* file) {
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const absl::StatusOr<PinnedValue> value = BlockOn(file->Read(handles_[i]));
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_TRUE(value->view() == values_[i]) << "value " << i;
    }
  }

  MemoryBudget budget_{std::size_t{1} << 30};
  std::unique_ptr<cache::BlockCache> cache_ =
      std::make_unique<cache::BlockCache>(&budget_, 8 << 20);
  MemoryFileState file_;
  std::vector<std::string> values_;
  std::vector<ValueHandle> handles_;
  ValueFileSummary summary_;
};

TEST_F(ValueFileTest, WhatWasAddedIsRead) {
  SeededRandom random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Build(RandomValues(random, 40)));
  EXPECT_EQ(summary_.value_count, values_.size());
  EXPECT_EQ(summary_.file_bytes, file_.bytes.size());
  EXPECT_EQ(file_.synced_bytes, file_.bytes.size());
  std::uint64_t stored_bytes = 0;
  for (const ValueHandle& handle : handles_) stored_bytes += handle.stored_bytes;
  EXPECT_EQ(summary_.stored_bytes, stored_bytes);
  for (const bool direct : {false, true}) {
    file_.direct = direct;
    const auto file = Open();
    ASSERT_NE(file, nullptr);
    ExpectAllReadable(file.get());
    ExpectAllReadable(file.get());
  }
}

TEST_F(ValueFileTest, AppendedInPartsItIsTheSameFile) {
  SeededRandom random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Build(RandomValues(random, 10)));
  const std::string whole = file_.bytes;
  file_ = MemoryFileState();
  const auto builder = Builder(&file_);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    for (std::string_view rest = values_[i]; !rest.empty();) {
      const std::size_t part = std::min<std::size_t>(rest.size(), 1 + random.Below(100'000));
      ASSERT_TRUE(BlockOn(builder->Append(rest.substr(0, part))).ok());
      rest.remove_prefix(part);
    }
    const absl::StatusOr<ValueHandle> handle = BlockOn(builder->EndValue());
    ASSERT_TRUE(handle.ok()) << handle.status();
    EXPECT_EQ(*handle, handles_[i]);
  }
  ASSERT_NO_FATAL_FAILURE(Finish(builder.get()));
  EXPECT_TRUE(file_.bytes == whole);
}

TEST_F(ValueFileTest, APartIsReadWithoutTheRest) {
  SeededRandom random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Build(RandomValues(random, 5)));
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  for (int n = 0; n < 200; ++n) {
    const std::size_t i = random.Below(values_.size());
    const std::size_t offset = random.Below(values_[i].size() + 10);
    std::string out(random.Below(100'000), '?');
    const std::uint64_t before = file_.read_bytes;
    const absl::StatusOr<std::size_t> count = BlockOn(file->ReadPart(handles_[i], offset, out));
    ASSERT_TRUE(count.ok()) << count.status();
    const std::string expected =
        offset < values_[i].size() ? values_[i].substr(offset, out.size()) : "";
    EXPECT_TRUE(out.substr(0, *count) == expected) << offset << " " << out.size();
    EXPECT_EQ(*count, expected.size());
    EXPECT_LE(file_.read_bytes - before, expected.size() + 3 * kValuePieceBytes);
  }
}

TEST_F(ValueFileTest, SmallValuesAreCachedAndLargeOnesAreNot) {
  const std::string small(ValueFile::kCachedBytesMax, 's');
  const std::string large(ValueFile::kCachedBytesMax + 1, 'l');
  ASSERT_NO_FATAL_FAILURE(Build({small, large}));
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  const auto reads_of = [&](std::size_t i, bool fill_cache) {
    const int before = file_.read_count;
    EXPECT_TRUE(BlockOn(file->Read(handles_[i], fill_cache)).ok());
    return file_.read_count - before;
  };
  EXPECT_EQ(reads_of(0, /*fill_cache=*/false), 1);
  EXPECT_EQ(reads_of(0, /*fill_cache=*/true), 1);
  EXPECT_EQ(reads_of(0, /*fill_cache=*/true), 0);
  EXPECT_EQ(reads_of(0, /*fill_cache=*/false), 0);
  EXPECT_EQ(reads_of(1, /*fill_cache=*/true), 1);
  EXPECT_EQ(reads_of(1, /*fill_cache=*/true), 1);
  EXPECT_EQ(cache_->Stats().entry_count, 1u);
  file->ForgetValues();
  EXPECT_EQ(cache_->Stats().entry_count, 0u);
}

TEST_F(ValueFileTest, WhatIsHeldIsCharged) {
  ASSERT_NO_FATAL_FAILURE(Build({std::string(1 << 20, 'v')}));
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  const std::size_t before = budget_.used_bytes();
  {
    const absl::StatusOr<PinnedValue> value = BlockOn(file->Read(handles_[0]));
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_GE(budget_.used_bytes(), before + (1 << 20));
  }
  EXPECT_EQ(budget_.used_bytes(), before);
}

TEST_F(ValueFileTest, EveryFlippedByteIsAnErrorOrTheRightAnswer) {
  SeededRandom random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Build({RandomValue(random, 1500), RandomValue(random, 300),
                                 RandomValue(random, kValuePieceBytes + 40)}));
  const std::string intact = file_.bytes;
  std::uint64_t errors = 0;
  for (std::size_t at = 0; at < intact.size();
       at += at + 4096 < intact.size() ? 1 + random.Below(50) : 1) {
    file_.bytes = intact;
    file_.bytes[at] = static_cast<char>(file_.bytes[at] ^ (1 << random.Below(8)));
    cache_ = std::make_unique<cache::BlockCache>(&budget_, 8 << 20);
    const auto file = OpenAs(&file_, kId, kId);
    errors += file.ok() ? 0 : 1;
    if (!file.ok()) continue;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const absl::StatusOr<PinnedValue> value = BlockOn((*file)->Read(handles_[i]));
      if (value.ok()) {
        EXPECT_TRUE(value->view() == values_[i]) << "byte " << at;
      } else {
        EXPECT_TRUE(absl::IsDataLoss(value.status())) << value.status();
        ++errors;
      }
    }
  }
  EXPECT_GT(errors, 1000u);
}

TEST_F(ValueFileTest, AnotherFileAndAnotherValueAreRefused) {
  ASSERT_NO_FATAL_FAILURE(Build({std::string(2000, 'a'), std::string(2000, 'b')}));
  EXPECT_TRUE(absl::IsDataLoss(OpenAs(&file_, kId + 1, kId).status()));
  EXPECT_TRUE(absl::IsDataLoss(OpenAs(&file_, kId, kId + 1).status()));
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  ValueHandle handle = handles_[1];
  handle.number = 2;
  EXPECT_TRUE(absl::IsDataLoss(BlockOn(file->Read(handle)).status()));
  handle = handles_[1];
  ++handle.bytes;
  EXPECT_TRUE(absl::IsDataLoss(BlockOn(file->Read(handle)).status()));
  handle = handles_[1];
  ++handle.stored_bytes;
  EXPECT_TRUE(absl::IsDataLoss(BlockOn(file->Read(handle)).status()));
}

TEST_F(ValueFileTest, MovedValuesKeepTheirNames) {
  SeededRandom random(TestSeed());
  ASSERT_NO_FATAL_FAILURE(Build(RandomValues(random, 20)));
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  MemoryFileState moved;
  const auto builder = Builder(&moved, kId + 3);
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (random.Below(2) == 0 && i + 1 < values_.size()) continue;
    kept.push_back(i);
    ASSERT_TRUE(BlockOn(file->CopyTo(handles_[i].number, builder.get())).ok());
  }
  ASSERT_NO_FATAL_FAILURE(Finish(builder.get()));
  EXPECT_EQ(summary_.value_count, kept.size());
  const auto after = OpenAs(&moved, kId + 3, kId);
  ASSERT_TRUE(after.ok()) << after.status();
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const absl::StatusOr<PinnedValue> value = BlockOn((*after)->Read(handles_[i]));
    const bool is_kept = std::find(kept.begin(), kept.end(), i) != kept.end();
    ASSERT_EQ(value.ok(), is_kept) << value.status();
    if (is_kept) EXPECT_TRUE(value->view() == values_[i]);
  }
  EXPECT_TRUE(absl::IsDataLoss(BlockOn((*after)->CopyTo(9999, builder.get()))));
}

TEST_F(ValueFileTest, DamageIsNotMoved) {
  ASSERT_NO_FATAL_FAILURE(Build({std::string(2000, 'a'), std::string(70'000, 'b')}));
  file_.bytes[handles_[0].stored_bytes + 5] ^= 1;
  const auto file = Open();
  ASSERT_NE(file, nullptr);
  MemoryFileState moved;
  const auto builder = Builder(&moved, kId + 1);
  EXPECT_TRUE(BlockOn(file->CopyTo(0, builder.get())).ok());
  EXPECT_TRUE(absl::IsDataLoss(BlockOn(file->CopyTo(1, builder.get()))));
}

TEST_F(ValueFileTest, ErrorsOfTheDeviceEndTheBuilding) {
  const auto builder = Builder(&file_);
  file_.fail_sync = true;
  ASSERT_TRUE(BlockOn(builder->Add(std::string(2000, 'a'))).ok());
  EXPECT_FALSE(BlockOn(builder->Finish()).ok());
  MemoryFileState other;
  const auto second = Builder(&other);
  other.fail_writes = true;
  const std::string large(std::size_t{1} << 20, static_cast<char>(0x5A));
  SeededRandom random(TestSeed());
  std::string noise = large;
  for (char& c : noise) c = static_cast<char>(random.Next64());
  EXPECT_FALSE(BlockOn(second->Add(noise)).ok());
  EXPECT_FALSE(BlockOn(second->Add(noise)).ok());
  EXPECT_FALSE(BlockOn(second->Finish()).ok());
}

TEST(ValueFormatTest, NumbersAreDecodedOrRefused) {
  const std::vector<std::uint32_t> numbers = {0, 1, 2, 100, 1'000'000, UINT32_MAX};
  const std::string bytes = EncodeValueNumbers(numbers);
  const auto decoded = DecodeValueNumbers(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, numbers);
  EXPECT_FALSE(DecodeValueNumbers(bytes + std::string(1, '\0')).ok());
  EXPECT_FALSE(DecodeValueNumbers("\xff").ok());
  EXPECT_TRUE(DecodeValueNumbers("")->empty());
}

TEST(ValueFormatTest, HandlesAreDecodedOrRefused) {
  const ValueHandle handle{.file = 3, .bytes = 5000, .stored_bytes = 5016, .number = 9};
  const auto decoded = DecodeValueHandle(EncodeValueHandle(handle));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, handle);
  EXPECT_FALSE(DecodeValueHandle("").ok());
  EXPECT_FALSE(DecodeValueHandle(std::string(kValueHandleBytes, '\0')).ok());
  EXPECT_FALSE(DecodeValueHandle(EncodeValueHandle(handle) + "x").ok());
}

}  // namespace
}  // namespace aurora::lsm
