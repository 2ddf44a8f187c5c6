// The XXH3-64 of bytes that come in parts: of a whole file.
#pragma once

#include <cstdint>
#include <span>

struct XXH3_state_s;

namespace aurora::lsm {

// One user at a time.
class StreamHash {
 public:
  StreamHash();
  ~StreamHash();
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;

  void Add(std::span<const char> bytes);
  // Of all that was added so far.
  std::uint64_t Digest() const;

 private:
  XXH3_state_s* const state_;
};

}  // namespace aurora::lsm
