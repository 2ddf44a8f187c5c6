#include "aurora/tools/progress_bar.h"

#include <algorithm>
#include <cstdio>

namespace aurora::tools {
namespace {

constexpr int kWidth = 30;
constexpr std::chrono::milliseconds kInterval(100);

}  // namespace

void ProgressBar::Update(std::uint64_t done) {
  done_ = done;
  const Clock::time_point now = Clock::now();
  if (shown_ && now - drawn_ >= kInterval) Draw(now);
}

void ProgressBar::Draw(Clock::time_point now) {
  drawn_ = now;
  const double seconds = std::max(std::chrono::duration<double>(now - start_).count(), 1e-3);
  const double mebibytes = static_cast<double>(done_) / (1 << 20);
  char text[128];
  if (total_ > 0) {
    const double part = std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    const int filled = static_cast<int>(part * kWidth);
    std::snprintf(text, sizeof text, " [%s%s] %3.0f%%  %.1f MiB/s",
                  std::string(static_cast<std::size_t>(filled), '#').c_str(),
                  std::string(static_cast<std::size_t>(kWidth - filled), '.').c_str(), part * 100,
                  mebibytes / seconds);
  } else {
    std::snprintf(text, sizeof text, " %.1f MiB  %.1f MiB/s", mebibytes, mebibytes / seconds);
  }
  out_ << "\r\x1b[K" << label_ << text << std::flush;
  on_line_ = true;
}

void ProgressBar::Clear() {
  if (on_line_) out_ << "\r\x1b[K" << std::flush;
  on_line_ = false;
}

void ProgressBar::Finish() {
  if (!shown_) return;
  Draw(Clock::now());
  out_ << "\n" << std::flush;
  on_line_ = false;
}

}  // namespace aurora::tools
