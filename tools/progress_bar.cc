#include "aurora/tools/progress_bar.h"

#include <algorithm>
#include <cstdio>

#include "aurora/runtime/strings.h"
#include "aurora/tools/text_table.h"

namespace aurora::tools {
namespace {

constexpr std::size_t kWidth = 30;
constexpr std::chrono::milliseconds kInterval(100);
constexpr std::string_view kEraseLine = "\r\x1b[K";

}  // namespace

void ProgressBar::Update(std::uint64_t position, std::uint64_t count) {
  const Clock::time_point now = Clock::now();
  if (terminal_.present() && now - drawn_ >= kInterval) Draw(position, count, now);
}

void ProgressBar::Draw(std::uint64_t position, std::uint64_t count, Clock::time_point now) {
  drawn_ = now;
  // A line that wraps could not be erased.
  const std::string line = Line(position, count, now);
  const auto room = static_cast<std::size_t>(terminal_.columns) - 1;
  out_ << kEraseLine << std::string_view(line).substr(0, room) << std::flush;
  on_line_ = true;
}

std::string ProgressBar::Line(std::uint64_t position, std::uint64_t count,
                              Clock::time_point now) const {
  const double seconds = std::max(std::chrono::duration<double>(now - start_).count(), 1e-3);
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(count) / seconds);
  std::string line = label_;
  if (total_ > 0) {
    const double part = std::min(1.0, static_cast<double>(position) / static_cast<double>(total_));
    const auto filled = static_cast<std::size_t>(part * static_cast<double>(kWidth));
    char percent[8];
    std::snprintf(percent, sizeof percent, "%3.0f%%", part * 100);
    StrAppend(&line, " [", std::string(filled, '#'), std::string(kWidth - filled, '.'), "] ",
              percent);
  }
  StrAppend(&line, "  ", Counted(count, noun_), "  ", Grouped(rate), "/s");
  return line;
}

void ProgressBar::Clear() {
  if (on_line_) out_ << kEraseLine << std::flush;
  on_line_ = false;
}

void ProgressBar::Finish(std::uint64_t count) {
  if (!terminal_.present()) return;
  Draw(total_, count, Clock::now());
  out_ << "\n" << std::flush;
  on_line_ = false;
}

}  // namespace aurora::tools
