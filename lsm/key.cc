#include "aurora/lsm/key.h"

#include <cstring>

namespace aurora::lsm {

char* StoreKeyspacePrefix(KeyspaceId keyspace, char* out) {
  if (AURORA_LIKELY(keyspace < kFirstLongKeyspaceId)) {
    *out = static_cast<char>(keyspace);
    return out + 1;
  }
  const auto id_bytes = static_cast<int>(KeyspacePrefixSize(keyspace)) - 1;
  AURORA_DCHECK(id_bytes >= 1 && id_bytes <= 4);
  *out++ = static_cast<char>(0xF0 + id_bytes - 1);
  for (int i = id_bytes - 1; i >= 0; --i) *out++ = static_cast<char>(keyspace >> (8 * i) & 0xFF);
  return out;
}

void AppendStoredKey(KeyspaceId keyspace, std::string_view key, std::string* out) {
  char prefix[kMaxKeyspacePrefixBytes];
  out->append(prefix, static_cast<std::size_t>(StoreKeyspacePrefix(keyspace, prefix) - prefix));
  out->append(key);
}

std::string MakeStoredKey(KeyspaceId keyspace, std::string_view key) {
  std::string stored;
  stored.reserve(KeyspacePrefixSize(keyspace) + key.size());
  AppendStoredKey(keyspace, key, &stored);
  return stored;
}

std::string KeyspaceEnd(KeyspaceId keyspace) {
  if (keyspace == UINT32_MAX) return "\xF4";
  return MakeStoredKey(keyspace + 1, {});
}

bool ParseStoredKey(std::string_view stored, KeyspaceId* keyspace, std::string_view* key) {
  if (stored.empty()) return false;
  const auto first = static_cast<unsigned char>(stored[0]);
  if (AURORA_LIKELY(first < kFirstLongKeyspaceId)) {
    *keyspace = first;
    *key = stored.substr(1);
    return true;
  }
  const std::size_t id_bytes = first - 0xF0u + 1;
  if (id_bytes > 4 || stored.size() < 1 + id_bytes) return false;
  KeyspaceId id = 0;
  for (std::size_t i = 1; i <= id_bytes; ++i) id = id << 8 | static_cast<unsigned char>(stored[i]);
  if (id < kFirstLongKeyspaceId || KeyspacePrefixSize(id) != 1 + id_bytes) return false;
  *keyspace = id;
  *key = stored.substr(1 + id_bytes);
  return true;
}

StoredKey::StoredKey(KeyspaceId keyspace, std::string_view key)
    : bytes_(inline_), size_(KeyspacePrefixSize(keyspace) + key.size()) {
  if (AURORA_UNLIKELY(size_ > sizeof(inline_))) {
    allocated_ = std::make_unique_for_overwrite<char[]>(size_);
    bytes_ = allocated_.get();
  }
  char* const rest = StoreKeyspacePrefix(keyspace, bytes_);
  if (!key.empty()) std::memcpy(rest, key.data(), key.size());
}

}  // namespace aurora::lsm
