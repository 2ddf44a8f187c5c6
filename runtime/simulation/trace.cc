#include "aurora/runtime/simulation/trace.h"

#include <algorithm>
#include <cstring>

#include "aurora/runtime/strings.h"

namespace aurora {
namespace {

// The product of two words folded to one: every bit of both reaches every bit of the result.
std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

constexpr std::uint64_t kOdd1 = 0xA0761D6478BD642F;
constexpr std::uint64_t kOdd2 = 0xE7037ED1A0B428DB;

}  // namespace

std::uint64_t SimulationHash(std::span<const char> bytes) {
  std::uint64_t hash = Fold(bytes.size() ^ kOdd1, kOdd2);
  while (!bytes.empty()) {
    const std::size_t size = std::min<std::size_t>(bytes.size(), 8);
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), size);
    hash = Fold(hash ^ kOdd1, word ^ kOdd2) + size;
    bytes = bytes.subspan(size);
  }
  return hash;
}

void Trace::Mix(std::uint64_t word) { hash_ = Fold(hash_ ^ kOdd1, word ^ kOdd2) + kOdd1; }

void Trace::Record(std::int64_t now_nanos, std::string_view what, std::string_view subject,
                   std::uint64_t a, std::uint64_t b, std::uint64_t c) {
  Mix(static_cast<std::uint64_t>(now_nanos));
  Mix(SimulationHash(what));
  Mix(SimulationHash(subject));
  Mix(a);
  Mix(b);
  Mix(c);
  Event& event = recent_[event_count_ % kRecentCount];
  ++event_count_;
  event.now_nanos = now_nanos;
  event.what = what;
  event.subject.assign(subject);
  event.numbers = {a, b, c};
  if (keep_text_) text_.push_back(Line(event));
}

std::vector<std::string> Trace::Recent() const {
  std::vector<std::string> lines;
  const std::uint64_t count = std::min<std::uint64_t>(event_count_, kRecentCount);
  for (std::uint64_t i = event_count_ - count; i < event_count_; ++i) {
    lines.push_back(Line(recent_[i % kRecentCount]));
  }
  return lines;
}

std::string Trace::Line(const Event& event) {
  return StrCat(event.now_nanos, " ", event.what, " ", event.subject, " ", event.numbers[0], " ",
                event.numbers[1], " ", event.numbers[2]);
}

}  // namespace aurora
