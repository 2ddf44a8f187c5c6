// The XXH3-64 of bytes that come in parts: of a whole file.
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <string_view>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

// One user at a time.
class StreamHash {
 public:
  StreamHash() : state_(XXH3_createState()) {
    AURORA_CHECK(state_ != nullptr && "out of memory");
    XXH3_64bits_reset(state_);
  }
  ~StreamHash() { XXH3_freeState(state_); }
  StreamHash(const StreamHash&) = delete;
  StreamHash& operator=(const StreamHash&) = delete;
  void Add(std::string_view bytes) { XXH3_64bits_update(state_, bytes.data(), bytes.size()); }
  std::uint64_t Digest() const { return XXH3_64bits_digest(state_); }

 private:
  XXH3_state_t* const state_;
};

}  // namespace aurora::lsm
