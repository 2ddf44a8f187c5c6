#include "aurora/bench/workloads/kv_engine.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "aurora/runtime/random.h"

namespace aurora::bench {
namespace {

std::uint64_t Mix(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xFF51AFD7ED558CCDu;
  x ^= x >> 33;
  x *= 0xC4CEB9FE1A85EC53u;
  return x ^ x >> 33;
}

}  // namespace

// A bijection of 64 bits, so that no two numbers share a key.
KvKey::KvKey(std::uint64_t i) { SetDigits(Mix(i + 1)); }

KvKey KvKey::InOrder(std::uint64_t i) {
  KvKey key;
  key.SetDigits(i);
  return key;
}

void KvKey::SetDigits(std::uint64_t bits) {
  for (char& digit : bytes_) {
    digit = "0123456789abcdef"[bits >> 60];
    bits <<= 4;
  }
}

std::string KvValue(std::uint64_t i, std::size_t size) {
  std::string value(size, 'v');
  SeededRandom random(i);
  for (std::size_t at = 0; at + 8 <= size / 2; at += 8) {
    const std::uint64_t bits = random.Next64();
    value.replace(at, 8, reinterpret_cast<const char*>(&bits), 8);
  }
  return value;
}

void KvFail(std::string_view engine, std::string_view what, std::string_view message) {
  std::fprintf(stderr, "%.*s: %.*s: %.*s\n", static_cast<int>(engine.size()), engine.data(),
               static_cast<int>(what.size()), what.data(), static_cast<int>(message.size()),
               message.data());
  std::exit(1);
}

std::uint64_t KvEngine::GetMany(std::span<const KvKey> keys) {
  return static_cast<std::uint64_t>(
      std::count_if(keys.begin(), keys.end(), [&](const KvKey& key) { return Get(key) >= 0; }));
}

std::uint64_t KvEngine::GetsOnThreads(int threads, std::span<const KvKey> keys,
                                      LatencyHistogram* latencies) {
  using Clock = std::chrono::steady_clock;
  struct Share {
    LatencyHistogram latencies;
    std::uint64_t found = 0;
    std::thread thread;
  };
  std::vector<Share> shares(static_cast<std::size_t>(threads));
  for (std::size_t first = 0; first < shares.size(); ++first) {
    shares[first].thread = std::thread([this, &shares, keys, first] {
      Share& share = shares[first];
      for (std::size_t i = first; i < keys.size(); i += shares.size()) {
        const Clock::time_point before = Clock::now();
        if (Get(keys[i]) >= 0) ++share.found;
        share.latencies.Record((Clock::now() - before).count());
      }
    });
  }
  std::uint64_t found = 0;
  for (Share& share : shares) {
    share.thread.join();
    found += share.found;
    latencies->Merge(share.latencies);
  }
  return found;
}

void KvEngine::SyncedPutsOnThreads(int writers, int puts) {
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([this, writer, puts] {
      const std::string value = KvValue(0, 100);
      const std::uint64_t first = FirstKeyOfWriter(writer);
      for (int i = 0; i < puts; ++i) Put(KvKey(first + static_cast<std::uint64_t>(i)), value, true);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace aurora::bench
