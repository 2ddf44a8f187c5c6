#include "aurora/bench/workloads/document_users.h"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace aurora::bench {
namespace {

constexpr std::uint64_t kUsers = 3000;

UserModel Users() {
  UserModel model;
  model.GrowTo(kUsers);
  return model;
}

TEST(DocumentUsersTest, NoTwoUsersShareScoreOrEmailAndAllFieldsAreWithinTheirBounds) {
  std::set<double> scores;
  std::set<std::string> emails;
  for (std::uint64_t number = 0; number < kUsers; ++number) {
    const User user(number);
    EXPECT_EQ(user.name(), "User Number " + std::to_string(number));
    EXPECT_EQ(user.bio().size(), kBioBytes);
    EXPECT_EQ(user.email(), UserEmail(number).view());
    EXPECT_GE(user.facts().age, kAgeMin);
    EXPECT_LT(user.facts().age, kAgeMin + kAges);
    EXPECT_LT(user.facts().city, kCities);
    EXPECT_LT(user.facts().status, kStatuses);
    scores.insert(user.facts().score);
    emails.emplace(user.email());
  }
  EXPECT_EQ(scores.size(), kUsers);
  EXPECT_EQ(emails.size(), kUsers);
}

TEST(UserModelTest, CountsAndAveragesOnlyUsersThatSatisfyAllConditionsAndAreThere) {
  UserModel model = Users();
  const UserFacts first = model[0];
  const UserCondition his{first.city, first.status, first.age, first.age};
  const std::uint64_t alike = model.Count(his);
  EXPECT_GE(alike, 1u);
  model.SetAge(0, static_cast<std::uint8_t>(first.age + 1));
  EXPECT_EQ(model.Count(his), alike - 1);
  model.SetAge(0, first.age);
  const auto before = model.Averages(first.city);
  EXPECT_TRUE(SameAverages(before, model.Averages(first.city)));
  model.Delete(0);
  EXPECT_EQ(model.Count(his), alike - 1);
  EXPECT_EQ(model.live(), kUsers - 1);
  EXPECT_FALSE(SameAverages(before, model.Averages(first.city)));
}

TEST(UserModelTest, TheBestAreTheHighestScoresInOrder) {
  const UserModel model = Users();
  const UserCondition all{.status = 1, .age_low = 0, .age_high = UINT8_MAX};
  const std::vector<double> everyone = model.Best(all, kUsers);
  const std::vector<double> best = model.Best(all, 10);
  ASSERT_EQ(best.size(), 10u);
  EXPECT_EQ(best, std::vector<double>(everyone.begin(), everyone.begin() + 10));
  EXPECT_GT(best[0], best[1]);
  EXPECT_EQ(everyone.back(), model.Best(all, kUsers).back());
}

TEST(UserModelTest, TellsTheUsersOfACityFromOthersAndFromTooFewOrTheSameTwice) {
  const UserModel model = Users();
  std::vector<double> scores;
  double other = 0;
  for (std::uint64_t number = 0; number < kUsers; ++number) {
    (model[number].city == 5 ? scores.emplace_back() : other) = model[number].score;
  }
  ASSERT_GT(scores.size(), 3u);
  const std::vector<double> three(scores.begin(), scores.begin() + 3);
  EXPECT_TRUE(model.AreOfCity(scores, 5, kUsers));
  EXPECT_TRUE(model.AreOfCity(three, 5, 3));
  EXPECT_FALSE(model.AreOfCity(three, 5, 4));
  EXPECT_FALSE(model.AreOfCity(three, 6, 3));
  EXPECT_FALSE(model.AreOfCity({three[0], three[1], other}, 5, 3));
  EXPECT_FALSE(model.AreOfCity({three[0], three[1], three[1]}, 5, 3));
}

}  // namespace
}  // namespace aurora::bench
