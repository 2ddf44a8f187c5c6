#include "aurora/lsm/operation_profile.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "gtest/gtest.h"

namespace aurora::lsm {
namespace {

// All members are counts: one that Add forgets does not double.
TEST(OperationProfileTest, EveryMemberIsAdded) {
  constexpr std::size_t kMembers = sizeof(OperationProfile) / sizeof(std::uint64_t);
  using Words = std::array<std::uint64_t, kMembers>;
  Words words;
  for (std::size_t i = 0; i < kMembers; ++i) words[i] = i + 1;
  const auto one = std::bit_cast<OperationProfile>(words);
  OperationProfile sum;
  sum.Add(one);
  sum.Add(one);
  const auto sums = std::bit_cast<Words>(sum);
  for (std::size_t i = 0; i < kMembers; ++i) EXPECT_EQ(sums[i], 2 * (i + 1)) << "member " << i;
}

}  // namespace
}  // namespace aurora::lsm
