#include "aurora/lsm/memtable.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "aurora/lsm/key.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"

namespace aurora::lsm {

namespace {

constexpr std::size_t AlignUp(std::size_t n) { return (n + 7) & ~std::size_t{7}; }

// The head of a link that leads nowhere.
constexpr std::uint64_t kNoHead = ~std::uint64_t{0};

// The first 8 bytes of a key as a number that compares as they do, short keys padded with zeros.
std::uint64_t BigEndian(std::uint64_t bytes) {
  if constexpr (std::endian::native == std::endian::little) return __builtin_bswap64(bytes);
  return bytes;
}
std::uint64_t KeyHead(const char* key, std::size_t size) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, key, std::min<std::size_t>(size, 8));
  return BigEndian(bytes);
}

}  // namespace

// A way to the next node of a level. How the two belong together: see FindBefore.
struct Memtable::Link {
  std::atomic<std::uint64_t> head;
  std::atomic<Node*> node;
};

struct Memtable::Node {
  static constexpr std::size_t kKeyOffset = 24;
  static constexpr std::size_t kTrailerBytes = 16;  // version and backward link

  Link level0;
  std::uint32_t key_size;
  std::uint32_t value_size;

  char* bytes() { return reinterpret_cast<char*>(this); }
  const char* bytes() const { return reinterpret_cast<const char*>(this); }
  char* trailer() { return bytes() + AlignUp(kKeyOffset + key_size); }
  const char* trailer() const { return bytes() + AlignUp(kKeyOffset + key_size); }

  std::string_view key() const { return {bytes() + kKeyOffset, key_size}; }
  std::string_view value() const { return {trailer() + kTrailerBytes, value_size}; }
  Version version() const {
    std::uint64_t word;
    std::memcpy(&word, trailer(), sizeof(word));
    return Version::FromWord(word);
  }
  std::atomic<Node*>& back() { return *reinterpret_cast<std::atomic<Node*>*>(trailer() + 8); }

  Link& link(int level) { return *(&level0 - level); }
  Node* Next() { return level0.node.load(std::memory_order_acquire); }

  // As KeyHead(key()), in one load: at least the trailer follows the key.
  std::uint64_t head() const {
    std::uint64_t word;
    std::memcpy(&word, bytes() + kKeyOffset, sizeof(word));
    word = BigEndian(word);
    if (AURORA_UNLIKELY(key_size < 8)) {
      word = key_size == 0 ? 0 : word & ~std::uint64_t{0} << (64 - 8 * key_size);
    }
    return word;
  }
};

// What a search looks for, with what it compares first at hand.
struct Memtable::Target {
  Target(std::string_view k, Version v) : key(k), version(v), head(KeyHead(k.data(), k.size())) {}

  // <0, 0, >0: the node's entry is before, is, is after this one.
  int CompareTo(const Node* node) const {
    const std::uint64_t theirs = node->head();
    if (AURORA_LIKELY(theirs != head)) return theirs < head ? -1 : 1;
    // Equal heads: the first min(8, size) bytes are equal, up to padding that sizes tell apart.
    const std::size_t common = std::min<std::size_t>(node->key_size, key.size());
    if (common > 8) {
      const int c = std::memcmp(node->bytes() + Node::kKeyOffset + 8, key.data() + 8, common - 8);
      if (c != 0) return c;
    }
    if (node->key_size != key.size()) return node->key_size < key.size() ? -1 : 1;
    const std::uint64_t word = node->version().word();
    if (word == version.word()) return 0;
    return word > version.word() ? -1 : 1;  // newer ones are first
  }

  std::string_view key;
  Version version;
  std::uint64_t head;
};

Memtable::Memtable(MemoryBudget* budget)
    : arena_(budget, MemoryUse::kMemtable), head_(NewNode(Mutation{}, Version(), kMaxHeight)) {}

std::size_t Memtable::EntryBytes(const Mutation& mutation) {
  const std::size_t key_size = KeyspacePrefixSize(mutation.keyspace) + mutation.key.size();
  return AlignUp(Node::kKeyOffset + key_size) + Node::kTrailerBytes +
         AlignUp(mutation.value.size()) + sizeof(Link);
}

Memtable::Node* Memtable::NewNode(const Mutation& mutation, Version version, int height) {
  AURORA_DCHECK(height >= 1 && height <= kMaxHeight);
  const std::size_t key_size = KeyspacePrefixSize(mutation.keyspace) + mutation.key.size();
  AURORA_CHECK(key_size <= UINT32_MAX && mutation.value.size() <= UINT32_MAX);
  const std::size_t links = static_cast<std::size_t>(height - 1) * sizeof(Link);
  const std::size_t body = AlignUp(Node::kKeyOffset + key_size) + Node::kTrailerBytes;
  char* const memory = arena_.Allocate(links + body + mutation.value.size());
  for (std::size_t level = 1; level < static_cast<std::size_t>(height); ++level) {
    new (memory + links - level * sizeof(Link)) Link{kNoHead, nullptr};
  }
  Node* const node = new (memory + links) Node{{kNoHead, nullptr}, 0, 0};
  node->key_size = static_cast<std::uint32_t>(key_size);
  node->value_size = static_cast<std::uint32_t>(mutation.value.size());
  char* const rest = StoreKeyspacePrefix(mutation.keyspace, node->bytes() + Node::kKeyOffset);
  if (!mutation.key.empty()) std::memcpy(rest, mutation.key.data(), mutation.key.size());
  const std::uint64_t word = version.word();
  std::memcpy(node->trailer(), &word, sizeof(word));
  new (node->trailer() + 8) std::atomic<Node*>(nullptr);
  if (!mutation.value.empty()) {
    std::memcpy(node->trailer() + Node::kTrailerBytes, mutation.value.data(),
                mutation.value.size());
  }
  return node;
}

int Memtable::NextHeight() {
  // SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014) of the
  // entry's number. Half of the nodes of a level are on the next.
  std::uint64_t z = (entry_count_.fetch_add(1, std::memory_order_relaxed) + 1) * 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  z ^= z >> 31;
  const int height = 1 + std::countr_zero(z | std::uint64_t{1} << 63);
  return std::min(height, kMaxHeight);
}

// Release: whoever sees the head sees the link's node, which was stored before. Never raised: a
// head that a slower insertion stores late must not hide a nearer node's.
void Memtable::LowerHead(Link& link, std::uint64_t head) {
  std::uint64_t current = link.head.load(std::memory_order_relaxed);
  while (head < current &&
         !link.head.compare_exchange_weak(current, head, std::memory_order_release,
                                          std::memory_order_relaxed)) {
  }
}

void Memtable::RaiseHeight(int height) {
  // Relaxed: a search that starts too low finds the same, later; one that starts above what is
  // linked meets null links of the head.
  int current = height_.load(std::memory_order_relaxed);
  while (height > current &&
         !height_.compare_exchange_weak(current, height, std::memory_order_relaxed)) {
  }
}

// A search is told by the head of a link whether the node behind it is before the target. Heads are
// loaded before the nodes that they belong to, and stored after them; both only ever go down, since
// nodes are only added. So the head that a reader sees is that of the node that it then sees, or of
// one behind it:
//   head < target's   the node is before the target, and need not be looked at
//   head > target's   the node may still be before it: the node itself, or the level below, tells
//   head = target's   only the node can tell
Memtable::Position Memtable::FindOnLevel(const Target& target, Node* from, int level) {
  for (;;) {
    const Link& link = from->link(level);
    const std::uint64_t head = link.head.load(std::memory_order_acquire);
    Node* const next = link.node.load(std::memory_order_acquire);
    if (head >= target.head && (next == nullptr || target.CompareTo(next) >= 0)) {
      return {from, next};
    }
    from = next;
  }
}

void Memtable::FindBefore(const Target& target, int height, Node** before) const {
  Node* node = head_;
  Node* above = nullptr;  // known to be at or after the target, from the level above
  for (int level = height_.load(std::memory_order_relaxed) - 1; level > 0; --level) {
    Node* next;
    for (;;) {
      const Link& link = node->link(level);
      const std::uint64_t head = link.head.load(std::memory_order_acquire);
      next = link.node.load(std::memory_order_acquire);
      if (head > target.head || next == above) break;
      if (head == target.head && (next == nullptr || target.CompareTo(next) >= 0)) {
        above = next;
        break;
      }
      node = next;
    }
    if (level < height) {
      before[level] = node;
      __builtin_prefetch(next);  // the insertion will look at it
    }
  }
  before[0] = node;
}

Memtable::Position Memtable::Find(const Target& target) const {
  Node* before;
  FindBefore(target, 1, &before);
  return FindOnLevel(target, before, 0);
}

void Memtable::Add(const Mutation& mutation, Sequence sequence) {
  AURORA_DCHECK(sequence > 0);
  const Version version(sequence, mutation.kind);
  const int height = NextHeight();
  RaiseHeight(height);
  Node* const node = NewNode(mutation, version, height);
  const Target target(node->key(), version);

  Node* before[kMaxHeight];
  FindBefore(target, height, before);
  for (int level = 0; level < height; ++level) {
    Position position = FindOnLevel(target, before[level], level);
    for (;;) {
      AURORA_CHECK((position.at == nullptr || target.CompareTo(position.at) > 0) &&
                   "a key has at most one mutation in a commit");
      Link& link = node->link(level);
      link.head.store(position.at == nullptr ? kNoHead : position.at->head(),
                      std::memory_order_relaxed);
      link.node.store(position.at, std::memory_order_relaxed);
      if (level == 0) node->back().store(position.before, std::memory_order_relaxed);
      // Release: publishes the node, which is complete.
      if (position.before->link(level).node.compare_exchange_strong(
              position.at, node, std::memory_order_release, std::memory_order_relaxed)) {
        break;
      }
      position = FindOnLevel(target, position.before, level);
    }
    LowerHead(position.before->link(level), target.head);
    if (level == 0 && position.at != nullptr) {
      // Release: whoever steps back over this link sees the node.
      position.at->back().store(node, std::memory_order_release);
    }
  }
}

bool Memtable::Get(std::string_view stored_key, Sequence at,
                   const std::shared_ptr<const void>& owner, KeyHistory* history) const {
  AURORA_DCHECK(!history->done());
  // The highest word of `at`: before every entry of that commit.
  const Target target(stored_key, Version::FromWord(at << 8 | 0xFF));
  for (Node* node = Find(target).at; node != nullptr && node->key() == stored_key;
       node = node->Next()) {
    if (history->Add(node->version(), node->value(), owner)) return true;
  }
  return false;
}

Memtable::Node* Memtable::Last() const {
  Node* last = head_;
  for (int level = height_.load(std::memory_order_relaxed) - 1; level >= 0; --level) {
    while (Node* const next = last->link(level).node.load(std::memory_order_acquire)) last = next;
  }
  return last == head_ ? nullptr : last;
}

Memtable::Node* Memtable::Before(Node* node) const {
  Node* const hint = node->back().load(std::memory_order_acquire);
  Node* before = hint;
  for (;;) {
    Node* const next = before->Next();
    if (next == node) break;
    before = next;
  }
  // Release, as in Add. An insertion that races may be overwritten: the link then is inexact, not
  // wrong.
  if (before != hint) node->back().store(before, std::memory_order_release);
  return before == head_ ? nullptr : before;
}

EntryKey Memtable::Iterator::key() const {
  AURORA_DCHECK(Valid());
  return {node_->key(), node_->version()};
}

std::string_view Memtable::Iterator::value() const {
  AURORA_DCHECK(Valid());
  return node_->value();
}

Task<absl::Status> Memtable::Iterator::Seek(EntryKey target) {
  node_ = memtable_->Find(Target(target.key, target.version)).at;
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::SeekBackward(EntryKey target) {
  const Target wanted(target.key, target.version);
  const Position position = memtable_->Find(wanted);
  if (position.at != nullptr && wanted.CompareTo(position.at) == 0) {
    node_ = position.at;
  } else {
    node_ = position.before == memtable_->head_ ? nullptr : position.before;
  }
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::SeekToFirst() {
  node_ = memtable_->head_->Next();
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::SeekToLast() {
  node_ = memtable_->Last();
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::Next() {
  AURORA_DCHECK(Valid());
  node_ = node_->Next();
  if (node_ != nullptr) __builtin_prefetch(node_->level0.node.load(std::memory_order_relaxed));
  return absl::OkStatus();
}

Task<absl::Status> Memtable::Iterator::Prev() {
  AURORA_DCHECK(Valid());
  node_ = memtable_->Before(node_);
  return absl::OkStatus();
}

}  // namespace aurora::lsm
