// Values as byte strings that sort as the values do: for all a and b, AppendKey(a) < AppendKey(b)
// bytewise exactly if Compare(a, b) < 0, and equal values, such as 3 and 3.0, have equal keys. Each
// key says where it ends, so keys written one after another compare as tuples, and each element of
// a tuple may ascend or descend.
//
// An ascending key is a tag and what follows it; a descending one is the same with every bit
// flipped.
//
//   value       tag    then
//   null        10
//   false       18
//   true        19
//   number      20     8 bytes: the largest double that is not above the number, as big-endian
//   bits,
//                      all flipped if negative, else the sign flipped; zero bytes for NaN;
//                      2 bytes: how far the number is above it, only if that double is one of those
//                      between -2^63 and 2^63 that are at least 2^53 in size
//   string      30     the bytes, with 00 written as 00 FF; then 00 01
//   bytes       38     as string
//   uuid        40     16 bytes
//   timestamp   48     8 bytes: big-endian, sign flipped
//   array       50     the items; then 00
//   object      58     for each member, sorted by name: 01, the name as a string without tag, the
//                      value; then 00
//
// No tag is 00 or 01, and none is all ones. Cost: linear; a few ns for scalars.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "aurora/engine/document/value.h"
#include "aurora/engine/document/value_view.h"

namespace aurora {

enum class KeyOrder : std::uint8_t { kAscending, kDescending };

// Keys nested deeper than this are not read; no document is so deep (limits.h).
inline constexpr int kKeyDepthMax = 256;

void AppendKey(const ValueView& value, std::string* out, KeyOrder order = KeyOrder::kAscending);
std::string EncodeKey(const ValueView& value, KeyOrder order = KeyOrder::kAscending);
// Ascending.
std::string EncodeTuple(std::span<const ValueView> values);

// Reads the key at the front of *input and moves *input behind it. Numbers come back as int64 where
// that is exact, else as double. Only what AppendKey can have written is accepted; anything else is
// DataLoss, and then *input is as it was.
absl::StatusOr<Value> ConsumeKey(std::string_view* input, KeyOrder order = KeyOrder::kAscending);
// `key` must be one key and nothing else.
absl::StatusOr<Value> DecodeKey(std::string_view key, KeyOrder order = KeyOrder::kAscending);
// As many ascending keys as there are.
absl::StatusOr<std::vector<Value>> DecodeTuple(std::string_view tuple);

// Bounds for scans over ascending keys. A scan from KeyRangeOf(type).begin up to, not including,
// its end meets all values that compare as `type` does (all numbers for kInt64 and kDouble) and no
// others.
struct KeyRange {
  std::string begin;
  std::string end;
};
KeyRange KeyRangeOf(Type type);
// All strings that start with `prefix`.
KeyRange KeyRangeOfPrefix(std::string_view prefix);

// The first byte string above all that start with `prefix`; empty if there is none.
std::string PrefixSuccessor(std::string_view prefix);

}  // namespace aurora
