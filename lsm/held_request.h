// A commit request that outlives the call that made it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aurora/lsm/store.h"
#include "aurora/lsm/types.h"

namespace aurora::lsm {

// Copies what the request views, unless that outlives the call anyhow. What a mutation views of the
// record is copied once.
class HeldRequest {
 public:
  explicit HeldRequest(const CommitRequest& original);
  HeldRequest(const HeldRequest&) = delete;
  HeldRequest& operator=(const HeldRequest&) = delete;

  // Bytes that a HeldRequest of this request takes.
  static std::size_t CopiedBytes(const CommitRequest& original);

  const CommitRequest& request() const { return request_; }

 private:
  std::string_view Keep(std::span<const std::string_view> parts, std::string_view bytes);

  std::string memory_;
  std::string_view record_;
  std::vector<std::uint64_t> reads_;
  std::vector<std::uint64_t> writes_;
  std::vector<Mutation> mutations_;
  CommitRequest request_;
};

}  // namespace aurora::lsm
