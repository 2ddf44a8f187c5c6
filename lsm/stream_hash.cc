#include "aurora/lsm/stream_hash.h"

#include <xxhash.h>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

StreamHash::StreamHash() : state_(XXH3_createState()) {
  AURORA_CHECK(state_ != nullptr);
  XXH3_64bits_reset(state_);
}

StreamHash::~StreamHash() { XXH3_freeState(state_); }

void StreamHash::Add(std::span<const char> bytes) {
  XXH3_64bits_update(state_, bytes.data(), bytes.size());
}

std::uint64_t StreamHash::Digest() const { return XXH3_64bits_digest(state_); }

}  // namespace aurora::lsm
