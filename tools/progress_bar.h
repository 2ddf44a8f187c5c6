// A progress bar on a terminal: `importing [#####.....]  52%  12,345 documents  45,678/s`.
// Elsewhere nothing is printed.
#pragma once

#include <chrono>
#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "aurora/tools/terminal.h"

namespace aurora::tools {

// Not thread-safe. `out` must outlive it.
class ProgressBar {
 public:
  // `noun` is what is counted, in the singular. `total` is in the unit of `position` below; 0: not
  // known, and then there is no bar, only the count.
  ProgressBar(std::ostream& out, const Terminal& terminal, std::string label, std::string noun,
              std::uint64_t total)
      : out_(out),
        terminal_(terminal),
        label_(std::move(label)),
        noun_(std::move(noun)),
        total_(total) {}
  ~ProgressBar() { Clear(); }

  // How much is done. Draws at most ten times a second.
  void Update(std::uint64_t position, std::uint64_t count);
  // Takes the bar off the line, for another message. The next Update draws it again.
  void Clear();
  // Leaves it on its line, at its end.
  void Finish(std::uint64_t count);

 private:
  using Clock = std::chrono::steady_clock;

  void Draw(std::uint64_t position, std::uint64_t count, Clock::time_point now);
  std::string Line(std::uint64_t position, std::uint64_t count, Clock::time_point now) const;

  std::ostream& out_;
  const Terminal terminal_;
  const std::string label_;
  const std::string noun_;
  const std::uint64_t total_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_{};
  bool on_line_ = false;
};

}  // namespace aurora::tools
