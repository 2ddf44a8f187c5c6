#include "aurora/bench/workloads/kv_engine.h"

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

std::string KvKey(std::uint64_t i) {
  // A bijection of 64 bits, so that no two numbers share a key.
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(Mix(i + 1)));
  return std::string(text, 16);
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

void SyncedPutsOnThreads(KvEngine& engine, int writers, int puts, std::uint64_t seed) {
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&engine, writer, puts, seed] {
      const std::string value = KvValue(seed, 100);
      for (int i = 0; i < puts; ++i) {
        engine.Put(KvKey(seed + static_cast<std::uint64_t>(writer) * 1'000'000 +
                         static_cast<std::uint64_t>(i)),
                   value, true);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace aurora::bench
