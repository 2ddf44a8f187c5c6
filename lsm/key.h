// The stored key: what the memtable and the tables order by.
//
//   stored key = keyspace prefix, user's key
//
// The prefix encodes the KeyspaceId so that byte order is numeric order and no prefix is the
// beginning of another: the entries of a keyspace are one contiguous range, and keys of different
// keyspaces never compare equal. One byte for ids below 240, which is all that a usual database
// has; above that a byte 0xF0 + n - 1 and the id in n bytes, big-endian, as few as possible.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "aurora/lsm/types.h"

namespace aurora::lsm {

inline constexpr std::size_t kMaxKeyspacePrefixBytes = 5;
inline constexpr KeyspaceId kFirstLongKeyspaceId = 240;

// Bytes of the prefix of `keyspace`.
inline std::size_t KeyspacePrefixSize(KeyspaceId keyspace) {
  if (AURORA_LIKELY(keyspace < kFirstLongKeyspaceId)) return 1;
  return keyspace < 1u << 8 ? 2 : keyspace < 1u << 16 ? 3 : keyspace < 1u << 24 ? 4 : 5;
}

// Writes the prefix at `out`, which has room for KeyspacePrefixSize(); returns where it ends.
char* StoreKeyspacePrefix(KeyspaceId keyspace, char* out);

void AppendStoredKey(KeyspaceId keyspace, std::string_view key, std::string* out);
std::string MakeStoredKey(KeyspaceId keyspace, std::string_view key);

// The least stored key above all those of `keyspace`.
std::string KeyspaceEnd(KeyspaceId keyspace);

// The stored key at which a range of `keyspace` ends that ends before `end`; empty: at the end of
// the keyspace.
inline std::string RangeEnd(KeyspaceId keyspace, std::string_view end) {
  return end.empty() ? KeyspaceEnd(keyspace) : MakeStoredKey(keyspace, end);
}

// Splits a stored key; false if its prefix is not one that StoreKeyspacePrefix writes. The user's
// key is a view into `stored`.
bool ParseStoredKey(std::string_view stored, KeyspaceId* keyspace, std::string_view* key);

// A stored key made for one lookup, without allocation for keys of usual size. Neither copied nor
// moved: view() points into it.
class StoredKey {
 public:
  StoredKey(KeyspaceId keyspace, std::string_view key);
  StoredKey(const StoredKey&) = delete;
  StoredKey& operator=(const StoredKey&) = delete;
  std::string_view view() const { return {bytes_, size_}; }

 private:
  char inline_[120];
  std::unique_ptr<char[]> allocated_;
  char* bytes_;
  std::size_t size_;
};

}  // namespace aurora::lsm
