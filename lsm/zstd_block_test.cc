#include "aurora/lsm/zstd_block.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "aurora/runtime/random.h"
#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

// Half of it compresses.
std::string Block(SeededRandom* random) {
  std::string block(1 + random->Below(10000), 'b');
  for (std::size_t i = 0; i < block.size(); i += 2) {
    block[i] = static_cast<char>(random->Next64());
  }
  return block;
}

std::string Compressed(std::string_view raw) {
  std::string frame(ZstdBound(raw.size()), '\0');
  frame.resize(ZstdCompress(raw, frame));
  return frame;
}

TEST(ZstdBlockTest, BlocksComeBackAsTheyWereFromManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    threads.emplace_back([seed] {
      SeededRandom random(seed);
      for (int i = 0; i < 50; ++i) {
        const std::string raw = Block(&random);
        const std::string frame = Compressed(raw);
        std::string back(raw.size(), '\0');
        ASSERT_TRUE(ZstdDecompress(frame, back));
        ASSERT_EQ(back, raw);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ZstdBlockTest, AContextThatMetDamageServesTheNextBlock) {
  SeededRandom random(1);
  const std::string raw = Block(&random);
  const std::string frame = Compressed(raw);
  for (std::size_t i = 0; i < frame.size(); i += 37) {
    std::string back(raw.size(), '\0');
    EXPECT_FALSE(ZstdDecompress(std::string_view(frame).substr(0, i), back));
    ASSERT_TRUE(ZstdDecompress(frame, back));
    ASSERT_EQ(back, raw);
  }
}

TEST(ZstdBlockTest, AFrameOfAnotherSizeIsRefused) {
  const std::string frame = Compressed("some bytes");
  std::string back(9, '\0');
  EXPECT_FALSE(ZstdDecompress(frame, back));
  back.resize(11);
  EXPECT_FALSE(ZstdDecompress(frame, back));
  back.resize(10);
  EXPECT_TRUE(ZstdDecompress(frame, back));
}

}  // namespace
}  // namespace aurora::lsm
