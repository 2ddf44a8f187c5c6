// Runs the simulated proofs of the database, or of its storage engine alone, for as long as one
// likes: each seed draws what is done.
// Prints a line of progress every few seconds and every violation with its seed; exits with 1 if
// there was one.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "CLI/CLI.hpp"
#include "aurora/lsm/error_loop_testing.h"
#include "aurora/lsm/script_runner_testing.h"
#include "aurora/lsm/store_campaign_testing.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/status.h"
#include "aurora/tests/simulation/database_campaign_testing.h"

namespace {

struct Flags {
  double seconds = 60;
  std::uint64_t seed = 0;
  int lives = 5;
  bool once = false;
  bool store = false;
};

// Every operation of a small life fails once.
absl::Status LoopOverErrors(std::uint64_t seed, aurora::lsm::Durability durability) {
  for (const auto kind : {aurora::lsm::FailureKind::kDevice, aurora::lsm::FailureKind::kSpace,
                          aurora::lsm::FailureKind::kShorten}) {
    bool struck = true;
    for (std::uint64_t first = 1; struck; ++first) {
      const aurora::FaultRule rule = aurora::lsm::RuleOf(kind, first, /*for_ever=*/false);
      AURORA_RETURN_IF_ERROR(aurora::lsm::RunErrorLife(seed, durability, rule, &struck));
    }
  }
  return absl::OkStatus();
}

// Every byte of a small closed store, whole files, whole blocks.
absl::Status DamageEverything(std::uint64_t seed, aurora::lsm::Durability durability) {
  aurora::lsm::FlippedBits flipped(seed, durability, /*tiny=*/true);
  std::uint64_t count = 0;
  AURORA_RETURN_IF_ERROR(flipped.TryFiles(&count));
  for (std::uint64_t number = 0; number < flipped.byte_count(); ++number) {
    AURORA_RETURN_IF_ERROR(flipped.Try(number, static_cast<int>((seed + number) % 8)));
  }
  return absl::OkStatus();
}

// One run of something of the store, all drawn from the seed. The last two take minutes.
absl::Status RunStore(std::uint64_t seed, int lives) {
  aurora::SeededRandom random(seed ^ 0x73746F7265);
  const auto durability = static_cast<aurora::lsm::Durability>(random.Below(3));
  std::uint64_t images = 0;
  const std::uint64_t what = random.Below(100);
  if (what < 55) return aurora::lsm::RunMetamorphic(seed, 400, 10);
  if (what < 90) return aurora::lsm::RunStoreLives(seed, durability, lives);
  if (what < 95) return aurora::lsm::EnumerateNestedCrashes(seed, durability, &images);
  if (what < 98) return LoopOverErrors(seed, durability);
  return DamageEverything(seed, durability);
}

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
    const absl::Status status =
        flags.store ? RunStore(seed, flags.lives) : aurora::proof::RunAnything(seed, flags.lives);
    if (!status.ok()) {
      ++violations;
      std::printf("VIOLATION; again with --once --seed %llu --lives %d%s\n%s\n",
                  static_cast<unsigned long long>(seed), flags.lives, flags.store ? " --store" : "",
                  status.ToString().c_str());
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
  app.add_flag("--store", flags.store, "The storage engine alone, beside a model of it");
  CLI11_PARSE(app, argc, argv);
  return RunCampaign(flags);
}
