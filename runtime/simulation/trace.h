// What a simulation did, as one number and, on request, as text.
//
// Every scheduling decision and every file operation is recorded. Two runs did the same if and only
// if (up to a collision of 64 bits) their hashes are equal. Nothing recorded may depend on an
// address or on the order of a hash table. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aurora {

// 64 bits of `bytes`, the same on every little-endian machine. Not for anything persisted.
std::uint64_t SimulationHash(std::span<const char> bytes);

class Trace {
 public:
  // `keep_text`: keep every line, not only the last ones.
  explicit Trace(bool keep_text) : keep_text_(keep_text) {}

  // `what` and `subject` name the event; up to three numbers go with it.
  void Record(std::int64_t now_nanos, std::string_view what, std::string_view subject,
              std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0);

  std::uint64_t hash() const { return hash_; }
  std::uint64_t event_count() const { return event_count_; }

  // The whole log; empty unless text is kept.
  const std::vector<std::string>& text() const { return text_; }
  // The last events, oldest first, whether or not text is kept.
  std::vector<std::string> Recent() const;

 private:
  static constexpr std::size_t kRecentCount = 32;
  struct Event {
    std::int64_t now_nanos = 0;
    std::string_view what;  // a literal
    std::string subject;
    std::array<std::uint64_t, 3> numbers{};
  };
  static std::string Line(const Event& event);
  void Mix(std::uint64_t word);

  const bool keep_text_;
  std::uint64_t hash_ = 0x9E3779B97F4A7C15;
  std::uint64_t event_count_ = 0;
  std::array<Event, kRecentCount> recent_;
  std::vector<std::string> text_;
};

}  // namespace aurora
