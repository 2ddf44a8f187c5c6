// The users that the document workloads store, each made from its number, and what queries over
// them must answer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aurora/bench/workloads/kv_engine.h"

namespace aurora::bench {

inline constexpr std::uint32_t kAges = 60;
inline constexpr std::uint32_t kAgeMin = 18;
inline constexpr std::uint32_t kCities = 100;
inline constexpr std::uint32_t kStatuses = 5;
inline constexpr std::size_t kBioBytes = 100;

// Texts that live forever.
std::string_view CityName(std::uint32_t city);      // city < kCities
std::string_view StatusName(std::uint32_t status);  // status < kStatuses

// What queries look at. No two users have the same score, so it tells who a user is.
struct UserFacts {
  double score = 0;
  std::uint8_t age = 0;
  std::uint8_t city = 0;
  std::uint8_t status = 0;
  bool deleted = false;

  explicit UserFacts(std::uint64_t number);
};

// The unique email of user `number`: the emails are in another order than the numbers.
class UserEmail {
 public:
  explicit UserEmail(std::uint64_t number);
  std::string_view view() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, 28> text_;
};

// User `number`, in full. Made without allocation, because the workloads make one within every
// timed insert.
class User {
 public:
  explicit User(std::uint64_t number);
  std::uint64_t number() const { return number_; }
  const UserFacts& facts() const { return facts_; }
  std::string_view name() const { return {name_.data(), name_bytes_}; }
  std::string_view email() const { return email_.view(); }
  std::string_view bio() const;  // lives forever

 private:
  std::uint64_t number_;
  UserFacts facts_;
  UserEmail email_;
  std::array<char, 32> name_;
  std::size_t name_bytes_ = 0;
};

// The conditions of a query: city and status are equal, the age is between, both ends included.
struct UserCondition {
  std::uint32_t city = 0;
  std::uint32_t status = 0;
  std::uint32_t age_low = 0;
  std::uint32_t age_high = 0;
};

// The users of a status: how many, and the average of their scores. In the order of their status.
struct StatusAverage {
  std::uint32_t status = 0;
  std::uint64_t count = 0;
  double average = 0;
  friend bool operator==(const StatusAverage&, const StatusAverage&) = default;
};
// Equal, but for the order in which doubles were added.
bool SameAverages(const std::vector<StatusAverage>& a, const std::vector<StatusAverage>& b);

// What an engine must answer that holds users 0 to size(). Not thread-safe.
class UserModel {
 public:
  void GrowTo(std::uint64_t size);
  std::uint64_t size() const { return users_.size(); }
  std::uint64_t live() const { return users_.size() - deleted_; }
  const UserFacts& operator[](std::uint64_t number) const { return users_[number]; }
  void SetAge(std::uint64_t number, std::uint8_t age) { users_[number].age = age; }
  void Delete(std::uint64_t number);

  std::uint64_t Count(const UserCondition& condition) const;
  // The scores of the best of a status and ages, the highest first.
  std::vector<double> Best(const UserCondition& condition, std::size_t limit) const;
  std::vector<StatusAverage> Averages(std::uint32_t city) const;
  // Whether these are the scores of as many users of the city as there are, but no more than
  // `limit`, each once.
  bool AreOfCity(std::vector<double> scores, std::uint32_t city, std::size_t limit) const;
  double SumOfScores() const;

 private:
  std::vector<UserFacts> users_;
  std::uint64_t deleted_ = 0;
};

}  // namespace aurora::bench
