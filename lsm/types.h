// The vocabulary of the storage engine.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>

#include "aurora/runtime/check.h"

namespace aurora::lsm {

// The position of a commit in the history of a database. Every transaction has exactly one; the
// first is 1. Never issued twice, also not across crashes. Fits 56 bits.
using Sequence = std::uint64_t;
inline constexpr Sequence kMaxSequence = (Sequence{1} << 56) - 1;

// A named range of keys with its own merge operator (a column family that shares memtable, log and
// tables with the others, so that they are always flushed together). Numbers are given by the layer
// above, from 0, and never reused.
using KeyspaceId = std::uint32_t;

enum class EntryKind : std::uint8_t {
  kDelete = 0,
  kPut = 1,
  kMerge = 2,  // an operand: the value is what the keyspace's MergeOperator makes of it and of what
               // lies below
  kSeparatedPut = 3,  // of an entry only: a Put that is more than its value, since it expires, or
                      // its value lies in a value file, or both; what stands in its place is a
                      // PutForm (expiry.h)
  kDeleteRange = 4,   // of a mutation only, never of an entry: every key from `key` on and below
                      // `value`; an empty `value`: to the end of the keyspace
  kExpiringPut = 5,   // of a mutation only: a Put whose `value` begins with when it expires
                      // (StoreExpiry); as an entry it is a kSeparatedPut
};

// One change of one key, or the deletion of a range of keys. Views, not owned.
struct Mutation {
  KeyspaceId keyspace = 0;
  EntryKind kind = EntryKind::kPut;
  std::string_view key;
  std::string_view value;  // empty for kDelete
};

// What a commit survives once it is acknowledged.
enum class Durability : std::uint8_t {
  kSync,      // loss of power: it is on the device
  kProcess,   // death of the process, not of the machine; no system call per commit
  kBuffered,  // nothing until the buffer is flushed, by size or by interval (StoreOptions)
};

// The version of a key: its commit and what the commit did. Stored and compared as one word, newest
// first.
class Version {
 public:
  Version() = default;
  Version(Sequence sequence, EntryKind kind)
      : word_(sequence << 8 | static_cast<std::uint8_t>(kind)) {
    AURORA_DCHECK(sequence <= kMaxSequence);
  }
  static Version FromWord(std::uint64_t word) {
    Version v;
    v.word_ = word;
    return v;
  }
  Sequence sequence() const { return word_ >> 8; }
  EntryKind kind() const { return static_cast<EntryKind>(word_ & 0xFF); }
  std::uint64_t word() const { return word_; }
  friend bool operator==(Version, Version) = default;

 private:
  std::uint64_t word_ = 0;
};

// The key under which an entry is ordered: stored key ascending (bytes), then version descending
// (newest first). The stored key is the keyspace prefix followed by the user's key (see key.h).
struct EntryKey {
  std::string_view key;
  Version version;

  friend std::strong_ordering operator<=>(const EntryKey& a, const EntryKey& b) {
    if (const int c = a.key.compare(b.key); c != 0) return c <=> 0;
    return b.version.word() <=> a.version.word();
  }
  friend bool operator==(const EntryKey& a, const EntryKey& b) {
    return a.version == b.version && a.key == b.key;
  }
};

// A place in the log. Ordered by segment, then offset (in bytes from the segment's start).
struct LogPosition {
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
  friend auto operator<=>(const LogPosition&, const LogPosition&) = default;
};

// Who a log belongs to: a frame of another database, or of an earlier life of a copied one, is
// never taken for ours.
struct LogIdentity {
  std::uint8_t database_id[16] = {};
  std::uint64_t epoch = 0;
};

}  // namespace aurora::lsm
