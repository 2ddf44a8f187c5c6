#include "aurora/lsm/log_format.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

constexpr std::uint32_t kSegment = 42;

LogIdentity SomeIdentity() {
  LogIdentity identity;
  identity.database_id[0] = 1;
  identity.epoch = 3;
  return identity;
}

SegmentHeader SomeHeader() {
  SegmentHeader header;
  header.segment_bytes = 64 * kDeviceBlockSize;
  header.identity = SomeIdentity();
  header.number = kSegment;
  header.mode = SegmentMode::kMapped;
  header.boot = 77;
  header.predecessor = 40;
  header.predecessor_end = 8192;
  header.last_sequence = 1234;
  header.watermark = {40, 4096};
  return header;
}

// A segment's first bytes, built frame by frame.
class Builder {
 public:
  explicit Builder(std::size_t size) : bytes_(size, '\0') {}

  void Add(std::string_view payload, bool fresh_block = false) {
    if (fresh_block) end_ = static_cast<std::uint32_t>(NextBlock(end_));
    FrameHeader header;
    header.sequence = ++sequence_;
    header.payload_hash = HashBytes(payload);
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    header.segment = kSegment;
    header.offset = end_;
    header.previous_end = previous_end_;
    header.watermark = kSegmentHeaderBytes;
    EncodeFrameHeader(header, seed_, bytes_.data() + end_);
    std::memcpy(bytes_.data() + end_ + kFrameHeaderBytes, payload.data(), payload.size());
    end_ += static_cast<std::uint32_t>(FrameBytes(payload.size()));
    previous_end_ = end_;
  }
  // Leaves a hole where a frame was.
  void Forget(std::uint32_t offset) { std::memset(bytes_.data() + offset, 0, kFrameHeaderBytes); }

  std::string& bytes() { return bytes_; }
  std::uint64_t seed() const { return seed_; }
  std::uint32_t end() const { return end_; }

 private:
  std::string bytes_;
  const std::uint64_t seed_ = FrameSeed(SomeIdentity(), kSegment);
  std::uint32_t end_ = kSegmentHeaderBytes;
  std::uint32_t previous_end_ = kSegmentHeaderBytes;
  Sequence sequence_ = 0;
};

std::vector<std::string> ReadAll(Builder& builder) {
  std::vector<std::string> payloads;
  std::uint32_t end = kSegmentHeaderBytes;
  FrameView view;
  while (FindNextFrame(builder.bytes(), builder.bytes().size(), builder.seed(), kSegment, end,
                       &view) == FrameState::kValid) {
    payloads.emplace_back(view.payload);
    end = view.end;
  }
  return payloads;
}

TEST(LogFormatTest, OnlyOurOwnFileNamesHaveANumber) {
  EXPECT_EQ(SegmentFileName(42), "0000000042.log");
  EXPECT_EQ(ParseSegmentFileName("0000000042.log"), 42u);
  EXPECT_EQ(ParseSegmentFileName("4294967295.log"), 4294967295u);
  for (const char* name : {"4294967296.log", "0000000000.log", "000000042.log", "00000000042.log",
                           "0000000042.LOG", "0000000042.log~", "-000000042.log", "", ".log"}) {
    EXPECT_FALSE(ParseSegmentFileName(name).has_value()) << name;
  }
}

TEST(LogFormatTest, AHeaderComesBackAsItWas) {
  std::array<char, kSegmentHeaderBytes> block;
  EncodeSegmentHeader(SomeHeader(), block.data());
  SegmentHeader header;
  ASSERT_EQ(DecodeSegmentHeader({block.data(), block.size()}, &header), HeaderState::kValid);
  EXPECT_EQ(header.segment_bytes, SomeHeader().segment_bytes);
  EXPECT_EQ(header.identity.epoch, 3u);
  EXPECT_EQ(header.identity.database_id[0], 1);
  EXPECT_EQ(header.number, kSegment);
  EXPECT_EQ(header.mode, SegmentMode::kMapped);
  EXPECT_EQ(header.boot, 77u);
  EXPECT_EQ(header.predecessor, 40u);
  EXPECT_EQ(header.predecessor_end, 8192u);
  EXPECT_EQ(header.last_sequence, 1234u);
  EXPECT_EQ(header.watermark, (LogPosition{40, 4096}));
}

TEST(LogFormatTest, NoBitOfAHeaderCanChangeUnseen) {
  std::string block(kSegmentHeaderBytes, '\0');
  EncodeSegmentHeader(SomeHeader(), block.data());
  for (std::size_t bit = 0; bit < block.size() * 8; ++bit) {
    block[bit / 8] ^= static_cast<char>(1 << bit % 8);
    SegmentHeader header;
    ASSERT_EQ(DecodeSegmentHeader(block, &header), HeaderState::kInvalid) << bit;
    block[bit / 8] ^= static_cast<char>(1 << bit % 8);
  }
}

TEST(LogFormatTest, APreparedBlockIsNeitherBlankNorAHeader) {
  std::string block(kSegmentHeaderBytes, '\0');
  SegmentHeader header;
  EXPECT_EQ(DecodeSegmentHeader(block, &header), HeaderState::kBlank);
  EncodePreparedBlock(9, block.data());
  EXPECT_EQ(DecodeSegmentHeader(block, &header), HeaderState::kPrepared);
  EXPECT_EQ(header.number, 9u);
}

TEST(LogFormatTest, NoBitOfAFrameCanChangeUnseen) {
  Builder builder(3 * kDeviceBlockSize);
  builder.Add("the payload");
  const std::size_t end = kSegmentHeaderBytes + kFrameHeaderBytes + 11;
  for (std::size_t bit = kSegmentHeaderBytes * 8; bit < end * 8; ++bit) {
    builder.bytes()[bit / 8] ^= static_cast<char>(1 << bit % 8);
    ASSERT_TRUE(ReadAll(builder).empty()) << bit;
    builder.bytes()[bit / 8] ^= static_cast<char>(1 << bit % 8);
  }
  EXPECT_EQ(ReadAll(builder), std::vector<std::string>{"the payload"});
}

TEST(LogFormatTest, FramesFollowEachOtherDirectlyOrAtTheNextBlock) {
  Builder builder(6 * kDeviceBlockSize);
  builder.Add("a");
  builder.Add("");
  builder.Add("b", /*fresh_block=*/true);
  builder.Add(std::string(5000, 'x'));
  builder.Add("c", /*fresh_block=*/true);
  EXPECT_EQ(ReadAll(builder).size(), 5u);
}

TEST(LogFormatTest, AFrameThatIsGoneIsNeverSkipped) {
  Builder builder(6 * kDeviceBlockSize);
  builder.Add("a");
  const std::uint32_t gone = builder.end();
  builder.Add("b");
  builder.Add("c", /*fresh_block=*/true);  // stands exactly where one after "a" might
  builder.Forget(gone);
  EXPECT_EQ(ReadAll(builder), std::vector<std::string>{"a"});
  const FrameWitness witness = FindFrameHeaders(builder.bytes(), builder.seed(), kSegment, gone);
  EXPECT_EQ(witness.count, 1u);
  EXPECT_EQ(witness.first_sequence, 3u);
}

TEST(LogFormatTest, AFrameOfAnotherSegmentPlaceEpochOrDatabaseIsNone) {
  Builder builder(3 * kDeviceBlockSize);
  builder.Add("a");
  const char* frame = builder.bytes().data() + kSegmentHeaderBytes;
  const std::uint32_t offset = kSegmentHeaderBytes;
  EXPECT_TRUE(DecodeFrameHeader(frame, builder.seed(), kSegment, offset).has_value());
  EXPECT_FALSE(DecodeFrameHeader(frame, builder.seed(), kSegment + 1, offset).has_value());
  EXPECT_FALSE(DecodeFrameHeader(frame, builder.seed(), kSegment, offset + 8).has_value());
  LogIdentity other = SomeIdentity();
  other.epoch = 4;
  EXPECT_FALSE(DecodeFrameHeader(frame, FrameSeed(other, kSegment), kSegment, offset).has_value());
  other = SomeIdentity();
  other.database_id[15] = 1;
  EXPECT_FALSE(DecodeFrameHeader(frame, FrameSeed(other, kSegment), kSegment, offset).has_value());
}

TEST(LogFormatTest, AFrameThatIsCutShortAsksForTheRest) {
  Builder builder(4 * kDeviceBlockSize);
  builder.Add(std::string(3000, 'x'));
  FrameView view;
  const std::string_view all = builder.bytes();
  for (std::size_t size = kSegmentHeaderBytes; size < builder.end(); size += 8) {
    ASSERT_EQ(FindNextFrame(all.substr(0, size), all.size(), builder.seed(), kSegment,
                            kSegmentHeaderBytes, &view),
              FrameState::kShort);
    ASSERT_GT(view.end, size);
  }
  // A frame that says it is longer than its segment is none.
  EXPECT_EQ(FindNextFrame(all, kSegmentHeaderBytes + 2000, builder.seed(), kSegment,
                          kSegmentHeaderBytes, &view),
            FrameState::kInvalid);
}

TEST(LogFormatTest, ThePartsOfAPayloadDoNotMatterToItsHash) {
  SeededRandom random(TestSeed(5));
  for (const std::size_t size : {0u, 1u, 100u, 511u, 512u, 513u, 4000u}) {
    std::string payload(size, '\0');
    for (char& c : payload) c = static_cast<char>(random.Next64());
    const std::string_view view = payload;
    for (int i = 0; i < 20; ++i) {
      const std::size_t a = random.Below(size + 1);
      const std::size_t b = a + random.Below(size - a + 1);
      const std::string_view parts[] = {view.substr(0, a), view.substr(a, b - a), view.substr(b)};
      EXPECT_EQ(HashParts(parts), HashBytes(view));
    }
  }
}

}  // namespace
}  // namespace aurora::lsm
