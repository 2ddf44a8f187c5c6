#include "aurora/bench/workloads/document_users.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>

#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

constexpr std::string_view kDomain = "@example.org";
constexpr std::size_t kBios = 1000;

// Words, so that a bio compresses as text does.
std::string MakeBio(std::uint64_t number) {
  constexpr std::string_view kWords[] = {
      "water", "stone",  "music",   "engine", "garden", "letter", "winter", "harbour",
      "paper", "silver", "teacher", "north",  "bridge", "market", "summer", "river",
      "light", "number", "history", "forest", "window", "copper", "doctor", "valley",
      "quiet", "second", "painter", "island", "bread",  "signal", "castle", "morning"};
  SeededRandom random(number);
  std::string bio;
  while (bio.size() < kBioBytes) {
    bio += kWords[random.Below(std::size(kWords))];
    bio += ' ';
  }
  bio.resize(kBioBytes);
  return bio;
}

std::vector<std::string> MakeBios() {
  std::vector<std::string> bios;
  for (std::uint64_t i = 0; i < kBios; ++i) bios.push_back(MakeBio(i));
  return bios;
}

std::vector<std::string> MakeCities() {
  std::vector<std::string> cities;
  for (std::uint32_t i = 0; i < kCities; ++i) cities.push_back("City " + std::to_string(i));
  return cities;
}

bool Satisfies(const UserFacts& user, const UserCondition& condition) {
  return !user.deleted && user.status == condition.status && user.age >= condition.age_low &&
         user.age <= condition.age_high;
}

}  // namespace

std::string_view CityName(std::uint32_t city) {
  static const auto* const cities = new std::vector<std::string>(MakeCities());
  return cities->at(city);
}

std::string_view StatusName(std::uint32_t status) {
  constexpr std::string_view kNames[kStatuses] = {"active", "away", "blocked", "invited", "left"};
  return kNames[status];
}

UserFacts::UserFacts(std::uint64_t number) {
  SeededRandom random(number);
  // 53 bits of a number that no other user has: exactly as many as a double holds.
  score = static_cast<double>(random.Next64() >> 11) * 0x1p-46;
  const std::uint64_t bits = random.Next64();
  age = static_cast<std::uint8_t>(kAgeMin + (bits & 0xFFFF) % kAges);
  city = static_cast<std::uint8_t>((bits >> 16 & 0xFFFF) % kCities);
  status = static_cast<std::uint8_t>((bits >> 32 & 0xFFFF) % kStatuses);
}

UserEmail::UserEmail(std::uint64_t number) {
  const KvKey key(number);
  static_assert(sizeof key + kDomain.size() == sizeof text_);
  std::memcpy(text_.data(), key.view().data(), sizeof key);
  std::memcpy(text_.data() + sizeof key, kDomain.data(), kDomain.size());
}

User::User(std::uint64_t number) : number_(number), facts_(number), email_(number) {
  constexpr std::string_view kFirst = "User Number ";
  std::memcpy(name_.data(), kFirst.data(), kFirst.size());
  const auto end = std::to_chars(name_.data() + kFirst.size(), name_.data() + name_.size(), number);
  name_bytes_ = static_cast<std::size_t>(end.ptr - name_.data());
}

std::string_view User::bio() const {
  static const auto* const bios = new std::vector<std::string>(MakeBios());
  return (*bios)[number_ % kBios];
}

bool SameAverages(const std::vector<StatusAverage>& a, const std::vector<StatusAverage>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const StatusAverage& x, const StatusAverage& y) {
                      return x.status == y.status && x.count == y.count &&
                             std::abs(x.average - y.average) <= 1e-9 * y.average;
                    });
}

void UserModel::GrowTo(std::uint64_t size) {
  while (users_.size() < size) users_.emplace_back(users_.size());
}

void UserModel::Delete(std::uint64_t number) {
  users_[number].deleted = true;
  ++deleted_;
}

std::uint64_t UserModel::Count(const UserCondition& condition) const {
  return static_cast<std::uint64_t>(
      std::count_if(users_.begin(), users_.end(), [&](const UserFacts& user) {
        return user.city == condition.city && Satisfies(user, condition);
      }));
}

std::vector<double> UserModel::Best(const UserCondition& condition, std::size_t limit) const {
  std::vector<double> scores;
  for (const UserFacts& user : users_) {
    if (Satisfies(user, condition)) scores.push_back(user.score);
  }
  std::sort(scores.begin(), scores.end(), std::greater<>());
  scores.resize(std::min(scores.size(), limit));
  return scores;
}

std::vector<StatusAverage> UserModel::Averages(std::uint32_t city) const {
  std::vector<StatusAverage> all;
  for (std::uint32_t status = 0; status < kStatuses; ++status) {
    StatusAverage one{.status = status};
    double sum = 0;
    for (const UserFacts& user : users_) {
      if (user.deleted || user.city != city || user.status != status) continue;
      ++one.count;
      sum += user.score;
    }
    one.average = sum / static_cast<double>(one.count);
    if (one.count > 0) all.push_back(one);
  }
  return all;
}

bool UserModel::AreOfCity(std::vector<double> scores, std::uint32_t city, std::size_t limit) const {
  std::sort(scores.begin(), scores.end());
  if (std::adjacent_find(scores.begin(), scores.end()) != scores.end()) return false;
  std::size_t there = 0, found = 0;
  for (const UserFacts& user : users_) {
    if (user.deleted || user.city != city) continue;
    ++there;
    if (std::binary_search(scores.begin(), scores.end(), user.score)) ++found;
  }
  return found == scores.size() && found == std::min(there, limit);
}

double UserModel::SumOfScores() const {
  double sum = 0;
  for (const UserFacts& user : users_) sum += user.deleted ? 0 : user.score;
  return sum;
}

}  // namespace aurora::bench
