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

KvKey::KvKey(std::uint64_t i) {
  // A bijection of 64 bits, so that no two numbers share a key.
  std::uint64_t bits = Mix(i + 1);
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
