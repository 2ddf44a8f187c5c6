#include "aurora/cache/s3_fifo.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "aurora/runtime/random.h"
#include "aurora/runtime/random_testing.h"
#include "gtest/gtest.h"

namespace aurora::cache {
namespace {

std::uint64_t Mix(std::uint64_t key) { return key * 0x9E3779B97F4A7C15; }

// A cache of `capacity` entries of one byte each, under the policy.
class S3FifoCache {
 public:
  explicit S3FifoCache(std::size_t capacity) : capacity_(capacity), policy_(capacity) {}
  // True if it was there.
  bool Use(std::uint64_t key) {
    if (const auto found = entries_.find(key); found != entries_.end()) {
      found->second->Touch();
      return true;
    }
    while (policy_.charge_bytes() >= capacity_) EvictOne();
    auto node = std::make_unique<Node>(key);
    policy_.Insert(node.get());
    entries_[key] = std::move(node);
    return false;
  }
  bool Contains(std::uint64_t key) const { return entries_.contains(key); }
  void Remove(std::uint64_t key) {
    policy_.Remove(entries_[key].get());
    entries_.erase(key);
  }
  bool EvictOne() {
    auto* const node = static_cast<Node*>(policy_.Evict());
    if (node == nullptr) return false;
    EXPECT_EQ(entries_.erase(node->key), 1u);
    return true;
  }
  std::size_t size() const { return entries_.size(); }
  const S3Fifo& policy() const { return policy_; }

 private:
  struct Node : S3FifoNode {
    explicit Node(std::uint64_t k) : S3FifoNode(Mix(k), 1), key(k) {}
    const std::uint64_t key;
  };
  const std::size_t capacity_;
  S3Fifo policy_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Node>> entries_;
};

class LruCache {
 public:
  explicit LruCache(std::size_t capacity) : capacity_(capacity) {}
  bool Use(std::uint64_t key) {
    if (const auto found = entries_.find(key); found != entries_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return true;
    }
    if (entries_.size() == capacity_) {
      entries_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    entries_[key] = order_.begin();
    return false;
  }

 private:
  const std::size_t capacity_;
  std::list<std::uint64_t> order_;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> entries_;
};

// Numbers below `count`, number i drawn in proportion to 1 / (i + 1)^exponent.
class Zipf {
 public:
  Zipf(std::size_t count, double exponent) {
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sum += 1 / std::pow(static_cast<double>(i + 1), exponent);
      cumulative_.push_back(sum);
    }
  }
  std::uint64_t Draw(SeededRandom& random) const {
    const double point = static_cast<double>(random.Next64() >> 11) * 0x1p-53 * cumulative_.back();
    return static_cast<std::uint64_t>(
        std::lower_bound(cumulative_.begin(), cumulative_.end(), point) - cumulative_.begin());
  }

 private:
  std::vector<double> cumulative_;
};

template <class Cache>
double HitRatio(std::size_t capacity, const Zipf& zipf, bool with_scans, std::uint64_t seed) {
  SeededRandom random(seed);
  Cache cache(capacity);
  int hits = 0;
  int uses = 0;
  std::uint64_t scanned = std::uint64_t{1} << 40;
  for (int i = 0; i < 300000; ++i) {
    const bool hit = cache.Use(zipf.Draw(random));
    if (i > 100000) {
      hits += hit;
      ++uses;
    }
    if (with_scans && i % 4 == 0) cache.Use(scanned++);
  }
  return static_cast<double>(hits) / uses;
}

TEST(S3FifoTest, BeatsLruOnSkewedUse) {
  const std::uint64_t seed = TestSeed(1);
  const Zipf zipf(20000, 0.9);
  for (const std::size_t capacity : {100, 1000, 5000}) {
    const double ours = HitRatio<S3FifoCache>(capacity, zipf, false, seed);
    const double lru = HitRatio<LruCache>(capacity, zipf, false, seed);
    std::cout << "capacity " << capacity << ": " << ours << ", LRU " << lru << "\n";
    EXPECT_GT(ours, lru);
  }
}

TEST(S3FifoTest, AScanCostsLittle) {
  const std::uint64_t seed = TestSeed(1);
  const Zipf zipf(20000, 0.9);
  const double undisturbed = HitRatio<S3FifoCache>(1000, zipf, false, seed);
  const double scanned = HitRatio<S3FifoCache>(1000, zipf, true, seed);
  const double lru = HitRatio<LruCache>(1000, zipf, true, seed);
  std::cout << undisturbed << ", with a scan " << scanned << ", LRU " << lru << "\n";
  EXPECT_GT(scanned, undisturbed - 0.03);
  EXPECT_GT(scanned, lru);
}

TEST(S3FifoTest, AWorkingSetInUseSurvivesALongScan) {
  S3FifoCache cache(1000);
  for (int round = 0; round < 4; ++round) {
    for (std::uint64_t key = 0; key < 500; ++key) cache.Use(key);
  }
  for (std::uint64_t key = 1000; key < 100000; ++key) {
    cache.Use(key);
    cache.Use(key % 500);
  }
  for (std::uint64_t key = 0; key < 500; ++key) EXPECT_TRUE(cache.Contains(key)) << key;
}

TEST(S3FifoTest, WhatComesBackSoonIsKeptLonger) {
  S3FifoCache cache(100);
  for (std::uint64_t key = 0; key < 150; ++key) cache.Use(key);
  EXPECT_FALSE(cache.Contains(40));
  cache.Use(40);  // its ghost is remembered
  for (std::uint64_t key = 1000; key < 1200; ++key) cache.Use(key);
  EXPECT_TRUE(cache.Contains(40));
  EXPECT_FALSE(cache.Contains(149));
}

TEST(S3FifoTest, AccountsForInsertionsRemovalsAndEvictions) {
  SeededRandom random(TestSeed());
  S3FifoCache cache(50);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t key = random.Next64() % 200;
    if (random.Next64() % 10 == 0 && cache.Contains(key)) {
      cache.Remove(key);
    } else {
      cache.Use(key);
    }
    ASSERT_EQ(cache.policy().entry_count(), cache.size());
    ASSERT_EQ(cache.policy().charge_bytes(), cache.size());
    ASSERT_LE(cache.size(), 50u);
  }
  while (cache.EvictOne()) {
  }
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.policy().charge_bytes(), 0u);
}

}  // namespace
}  // namespace aurora::cache
