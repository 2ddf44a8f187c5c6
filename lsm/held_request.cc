#include "aurora/lsm/held_request.h"

#include <functional>

#include "aurora/runtime/check.h"

namespace aurora::lsm {
namespace {

// Where `bytes` lie within the concatenation of `parts`, if one of them holds them.
std::optional<std::size_t> OffsetIn(std::span<const std::string_view> parts,
                                    std::string_view bytes) {
  const std::less_equal<const char*> not_after;
  std::size_t before = 0;
  for (const std::string_view part : parts) {
    if (!bytes.empty() && not_after(part.data(), bytes.data()) &&
        not_after(bytes.data() + bytes.size(), part.data() + part.size())) {
      return before + static_cast<std::size_t>(bytes.data() - part.data());
    }
    before += part.size();
  }
  return std::nullopt;
}

// Of record, keys and values.
std::size_t ViewedBytes(const CommitRequest& request) {
  std::size_t bytes = 0;
  for (const std::string_view part : request.record) bytes += part.size();
  for (const Mutation& mutation : request.mutations) {
    for (const std::string_view each : {mutation.key, mutation.value}) {
      if (!OffsetIn(request.record, each).has_value()) bytes += each.size();
    }
  }
  return bytes;
}

}  // namespace

std::size_t HeldRequest::CopiedBytes(const CommitRequest& original) {
  if (original.outlives_call) return 0;
  return ViewedBytes(original) + original.mutations.size() * sizeof(Mutation) +
         (original.reads.size() + original.writes.size()) * sizeof(std::uint64_t);
}

HeldRequest::HeldRequest(const CommitRequest& original) : request_(original) {
  if (original.outlives_call) return;
  reads_.assign(original.reads.begin(), original.reads.end());
  writes_.assign(original.writes.begin(), original.writes.end());
  mutations_.assign(original.mutations.begin(), original.mutations.end());
  memory_.reserve(ViewedBytes(original));  // so that views into it stay
  for (const std::string_view part : original.record) memory_.append(part);
  record_ = memory_;
  for (Mutation& mutation : mutations_) {
    mutation.key = Keep(original.record, mutation.key);
    mutation.value = Keep(original.record, mutation.value);
  }
  request_.record = std::span<const std::string_view>(&record_, 1);
  request_.mutations = mutations_;
  request_.reads = reads_;
  request_.writes = writes_;
}

std::string_view HeldRequest::Keep(std::span<const std::string_view> parts,
                                   std::string_view bytes) {
  const std::optional<std::size_t> in_record = OffsetIn(parts, bytes);
  const std::size_t offset = in_record.value_or(memory_.size());
  if (!in_record.has_value()) {
    AURORA_DCHECK(memory_.size() + bytes.size() <= memory_.capacity());
    memory_.append(bytes);
  }
  return std::string_view(memory_).substr(offset, bytes.size());
}

}  // namespace aurora::lsm
