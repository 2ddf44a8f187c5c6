// A progress bar on a terminal: `importing [#####.....]  52%  12.3 MiB/s`. Elsewhere nothing is
// printed.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>

namespace aurora::tools {

// Not thread-safe. `out` must outlive it.
class ProgressBar {
 public:
  // `total` 0: not known; then only the amount and the rate are shown.
  ProgressBar(std::ostream& out, std::string label, std::uint64_t total, bool on_a_terminal)
      : out_(out), label_(std::move(label)), total_(total), shown_(on_a_terminal) {}

  // How much is done. Draws at most ten times a second.
  void Update(std::uint64_t done);
  // Takes the bar off the line, for another message.
  void Clear();
  // Draws it for the last time, at its end.
  void Finish();

 private:
  using Clock = std::chrono::steady_clock;
  void Draw(Clock::time_point now);

  std::ostream& out_;
  const std::string label_;
  const std::uint64_t total_;
  const bool shown_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_{};
  std::uint64_t done_ = 0;
  bool on_line_ = false;
};

}  // namespace aurora::tools
