// Runs the simulated proofs of the database for as long as one likes: each seed draws what is done.
// Prints a line of progress every few seconds and every violation with its seed; exits with 1 if
// there was one.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "aurora/runtime/random.h"
#include "aurora/tests/simulation/database_campaign_testing.h"

namespace {

struct Flags {
  double seconds = 60;
  std::uint64_t seed = 0;
  int lives = 5;
  bool once = false;
};

int RunCampaign(const Flags& flags) {
  using Clock = std::chrono::steady_clock;
  constexpr double kProgressSeconds = 5;
  const Clock::time_point start = Clock::now();
  const auto elapsed = [start] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::uint64_t runs = 0;
  std::uint64_t violations = 0;
  double next_progress = kProgressSeconds;
  do {
    const std::uint64_t seed = flags.seed + runs++;
    const absl::Status status = aurora::proof::RunAnything(seed, flags.lives);
    if (!status.ok()) {
      ++violations;
      std::printf("VIOLATION; again with --once --seed %llu --lives %d\n%s\n",
                  static_cast<unsigned long long>(seed), flags.lives, status.ToString().c_str());
    }
    if (!status.ok() || elapsed() >= next_progress) {
      next_progress = elapsed() + kProgressSeconds;
      std::printf("%.0f s, %llu runs up to seed %llu, %llu violations\n", elapsed(),
                  static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed),
                  static_cast<unsigned long long>(violations));
      std::fflush(stdout);
    }
  } while (!flags.once && elapsed() < flags.seconds);
  std::printf("%llu runs in %.1f s, %llu violations\n", static_cast<unsigned long long>(runs),
              elapsed(), static_cast<unsigned long long>(violations));
  return violations == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  flags.seed = aurora::Random::System().Next64() >> 32;
  CLI::App app("Random lives of a database in the simulator, checked against an oracle.");
  app.add_option("--seconds", flags.seconds, "How long to run")->capture_default_str();
  app.add_option("--seed", flags.seed, "The first seed; default: a new one");
  app.add_option("--lives", flags.lives, "Lives of each database")->capture_default_str();
  app.add_flag("--once", flags.once, "Only this seed");
  CLI11_PARSE(app, argc, argv);
  return RunCampaign(flags);
}
