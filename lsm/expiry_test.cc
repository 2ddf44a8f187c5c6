#include "aurora/lsm/expiry.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "aurora/lsm/coding.h"
#include "aurora/lsm/read_time.h"
#include "aurora/lsm/table_properties.h"
#include "aurora/runtime/clock.h"

namespace aurora::lsm {
namespace {

TEST(ExpiryTest, ATimeToLiveThatDoesNotFitIsForEver) {
  const absl::Time now = absl::FromUnixMillis(1'000'000);
  EXPECT_EQ(ExpiryAfter(now, absl::Seconds(2)), 1'002'000);
  EXPECT_EQ(ExpiryAfter(now, absl::InfiniteDuration()), kNeverExpires);
  EXPECT_EQ(ExpiryAfter(now, absl::Hours(24 * 365) * 1e12), kNeverExpires);
  EXPECT_EQ(ExpiryAfter(now, absl::ZeroDuration()), 1'000'000);
  EXPECT_EQ(ExpiryAfter(now, -absl::InfiniteDuration()), 1);
  EXPECT_EQ(FromExpiry(kNeverExpires), absl::InfiniteFuture());
  EXPECT_EQ(FromExpiry(1'002'000), now + absl::Seconds(2));
}

TEST(ExpiryTest, FormsAreToldApart) {
  std::string bytes(kExpiryBytes, '\0');
  StoreExpiry(bytes.data(), 77, /*is_separated=*/false);
  bytes += "value";
  PutForm form = ParsePutForm(bytes);
  EXPECT_EQ(form.expiry, 77);
  EXPECT_TRUE(form.expires());
  EXPECT_FALSE(form.is_separated);
  EXPECT_EQ(form.content, "value");

  StoreExpiry(bytes.data(), kNeverExpires, /*is_separated=*/true);
  form = ParsePutForm(bytes);
  EXPECT_FALSE(form.expires());
  EXPECT_TRUE(form.is_separated);

  // A handle begins with the id of a file.
  bytes.clear();
  AppendFixed64(&bytes, (std::uint64_t{1} << 62) - 1);
  bytes += "rest";
  form = ParsePutForm(bytes);
  EXPECT_FALSE(form.expires());
  EXPECT_TRUE(form.is_separated);
  EXPECT_EQ(form.content, bytes);
  EXPECT_EQ(ParsePutForm("short").content, "short");
  EXPECT_TRUE(ParsePutForm("short").is_separated);
}

TEST(ExpiryTest, HalfOfATableHasExpiredAtTheExactTime) {
  const auto half = [](std::uint64_t entries, std::uint64_t deletes, std::vector<Expiry> expiries) {
    return HalfExpiredAt(entries, deletes, &expiries);
  };
  EXPECT_EQ(half(4, 0, {30, 10, 40, 20}), 20);
  EXPECT_EQ(half(5, 0, {30, 10, 40, 20}), 30);
  EXPECT_EQ(half(4, 1, {30, 10, 20}), 10);
  EXPECT_EQ(half(4, 2, {30, 10}), 0) << "half are deletes already";
  EXPECT_EQ(half(4, 0, {30}), 0);
  EXPECT_EQ(half(4, 0, {}), 0);
  EXPECT_EQ(half(1, 0, {9}), 9);
}

class OneTime final : public Clock {
 public:
  absl::Time Now() const override {
    ++asked;
    return absl::FromUnixMillis(50);
  }
  std::int64_t MonotonicNanos() const override { return 0; }
  mutable int asked = 0;
};

TEST(ExpiryTest, TheClockIsAskedOnceAndOnlyWhenSomethingExpires) {
  const OneTime clock;
  ReadTime time(&clock);
  EXPECT_EQ(clock.asked, 0);
  EXPECT_TRUE(time.HasExpired(50));
  EXPECT_FALSE(time.HasExpired(51));
  EXPECT_FALSE(time.HasExpired(kNeverExpires));
  EXPECT_EQ(clock.asked, 1);
  EXPECT_FALSE(ReadTime().HasExpired(1));
}

}  // namespace
}  // namespace aurora::lsm
