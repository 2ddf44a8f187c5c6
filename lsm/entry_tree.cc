#include "aurora/lsm/entry_tree.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/spin_wait.h"

namespace aurora::lsm {
namespace {

constexpr std::size_t kCacheLine = 64;
// Entries lie anywhere: so many to come are fetched while one is used.
constexpr int kAhead = 4;

std::uint64_t BigEndian(std::uint64_t bytes) {
  if constexpr (std::endian::native == std::endian::little) return __builtin_bswap64(bytes);
  return bytes;
}

std::uint64_t KeyHead(std::string_view key) {
  std::uint64_t bytes = 0;
  // An empty key may be a null pointer, which memcpy does not take.
  if (!key.empty()) std::memcpy(&bytes, key.data(), std::min<std::size_t>(key.size(), 8));
  return BigEndian(bytes);
}

}  // namespace

// --- Entries ---

EntryTree::Entry* EntryTree::Entry::New(char* memory, std::size_t key_size, Version version,
                                        std::string_view value) {
  AURORA_CHECK(key_size <= UINT32_MAX && value.size() <= UINT32_MAX);
  auto* const entry = new (memory) Entry;
  entry->key_size_ = static_cast<std::uint32_t>(key_size);
  entry->value_size_ = static_cast<std::uint32_t>(value.size());
  char* const trailer = memory + kKeyOffset + AlignUp(key_size);
  const std::uint64_t word = version.word();
  std::memcpy(trailer, &word, sizeof(word));
  if (!value.empty()) std::memcpy(trailer + kVersionBytes, value.data(), value.size());
  return entry;
}

Version EntryTree::Entry::version() const {
  std::uint64_t word;
  std::memcpy(&word, trailer(), sizeof(word));
  return Version::FromWord(word);
}

// In one load: at least the version follows the key.
std::uint64_t EntryTree::Entry::head() const {
  std::uint64_t word;
  std::memcpy(&word, bytes() + kKeyOffset, sizeof(word));
  word = BigEndian(word);
  if (AURORA_UNLIKELY(key_size_ < 8)) {
    word = key_size_ == 0 ? 0 : word & ~std::uint64_t{0} << (64 - 8 * key_size_);
  }
  return word;
}

// What a search looks for, with what it compares first at hand.
struct EntryTree::Target {
  Target(std::string_view k, Version v) : key(k), version(v), head(KeyHead(k)) {}
  explicit Target(const Entry* entry)
      : key(entry->key()), version(entry->version()), head(entry->head()) {}

  // True if `entry`, whose head is the target's, is before the target, or at it and `or_at`. Null
  // is before everything.
  bool IsBehind(const Entry* entry, bool or_at) const {
    if (entry == nullptr) return true;
    // Equal heads: the first min(8, size) bytes are equal, up to padding that sizes tell apart.
    const std::string_view theirs = entry->key();
    const std::size_t common = std::min(theirs.size(), key.size());
    if (common > 8) {
      const int c = std::memcmp(theirs.data() + 8, key.data() + 8, common - 8);
      if (c != 0) return c < 0;
    }
    if (theirs.size() != key.size()) return theirs.size() < key.size();
    const std::uint64_t word = entry->version().word();
    return word > version.word() || (or_at && word == version.word());  // newer ones are first
  }

  std::string_view key;
  Version version;
  std::uint64_t head;
};

// --- Nodes ---

// Which slots of a node are in use, in what order; and the state of the node.
//
//   bits 0-3    number of slots in use; they are the first ones
//   bit  4      locked: the holder of the lock alone changes the node
//   bit  5      frozen: nobody changes the node any more
//   bit  6      the node is a leaf
//   bits 8-63   for each position, from the least on, its slot, 4 bits
class EntryTree::Order {
 public:
  static constexpr std::uint64_t kLocked = 1u << 4;
  static constexpr std::uint64_t kFrozen = 1u << 5;
  static constexpr std::uint64_t kLeaf = 1u << 6;

  explicit Order(std::uint64_t word) : word_(word) {}
  std::uint64_t word() const { return word_; }
  int count() const { return static_cast<int>(word_ & 15); }
  bool locked() const { return (word_ & kLocked) != 0; }
  bool frozen() const { return (word_ & kFrozen) != 0; }
  bool leaf() const { return (word_ & kLeaf) != 0; }
  std::size_t slot(int position) const { return word_ >> (8 + 4 * position) & 15; }

  // With the first free slot at `position`, unlocked.
  Order Adding(int position) const {
    const std::uint64_t slots = word_ >> 8;
    const std::uint64_t below = (std::uint64_t{1} << (4 * position)) - 1;
    const std::uint64_t with =
        (slots & below) | (word_ & 15) << (4 * position) | (slots & ~below) << 4;
    return Order(with << 8 | ((word_ & 0xFF & ~kLocked) + 1));
  }
  Order Without(std::uint64_t state) const { return Order(word_ & ~state); }
  Order With(std::uint64_t state) const { return Order(word_ | state); }

 private:
  std::uint64_t word_;
};

struct EntryTree::Node {
  // Storing it publishes the slots that it names, which never change after; loading it acquires
  // them. So the slots themselves need not be atomic.
  std::atomic<std::uint64_t> order_word;
  std::uint64_t heads[kFanout];
  std::atomic<Node*> next;  // of the level, as it was when this node was frozen; null: none

  Order order() const { return Order(order_word.load(std::memory_order_acquire)); }
  void Store(Order order) { order_word.store(order.word(), std::memory_order_release); }
  inline const Entry* const* keys() const;
  inline Node* successor() const;
  inline void Freeze(Order order, Node* successor);

  // The least entry, of which the node's parent knows.
  const Entry* First() const { return keys()[order().slot(0)]; }

  // The number of keys before the target, or, `or_at`, at or before it.
  int Count(Order order, const Target& target, bool or_at) const;

  // Waits for the lock. False if the node is frozen: then it is not locked.
  bool Lock();
  void Unlock() { Store(order().Without(Order::kLocked)); }
};

struct alignas(kCacheLine) EntryTree::Leaf : Node {
  const Entry* entries[kFanout];
  Node* successor;
};

// children[slot] holds what is at or after separators[slot]. The least separator of the leftmost
// node of a level is null: before everything.
struct alignas(kCacheLine) EntryTree::Inner : Node {
  const Entry* separators[kFanout];
  std::atomic<Node*> children[kFanout];
  Node* successor;
};

namespace {

// Where a node leads, frozen ones passed over.
template <class Node>
Node* Live(Node* node) {
  while (AURORA_UNLIKELY(node != nullptr && node->order().frozen())) node = node->successor();
  return node;
}

// The node behind `node`. Shortens the way for those who come after; a writer may put another node
// there meanwhile, which must stay.
template <class Node>
Node* NextOf(Node* node) {
  Node* next = node->next.load(std::memory_order_acquire);
  Node* const live = Live(next);
  if (AURORA_UNLIKELY(live != next)) {
    node->next.compare_exchange_strong(next, live, std::memory_order_release,
                                       std::memory_order_relaxed);
  }
  return live;
}

}  // namespace

inline const EntryTree::Entry* const* EntryTree::Node::keys() const {
  return order().leaf() ? static_cast<const Leaf*>(this)->entries
                        : static_cast<const Inner*>(this)->separators;
}

// REQUIRES order().frozen(), which was stored after it.
inline EntryTree::Node* EntryTree::Node::successor() const {
  return order().leaf() ? static_cast<const Leaf*>(this)->successor
                        : static_cast<const Inner*>(this)->successor;
}

inline void EntryTree::Node::Freeze(Order order, Node* successor) {
  (order.leaf() ? static_cast<Leaf*>(this)->successor : static_cast<Inner*>(this)->successor) =
      successor;
  Store(order.Without(Order::kLocked).With(Order::kFrozen));
}

inline int EntryTree::Node::Count(Order order, const Target& target, bool or_at) const {
  const int count = order.count();
  int before = 0;
  int equal = 0;
  for (int slot = 0; slot < count; ++slot) {
    before += heads[slot] < target.head ? 1 : 0;
    equal += heads[slot] == target.head ? 1 : 0;
  }
  if (AURORA_LIKELY(equal == 0)) return before;
  const Entry* const* const entries = order.leaf() ? static_cast<const Leaf*>(this)->entries
                                                   : static_cast<const Inner*>(this)->separators;
  int low = before;
  int high = before + equal;
  while (low < high) {
    const int middle = (low + high) / 2;
    if (target.IsBehind(entries[order.slot(middle)], or_at)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

bool EntryTree::Node::Lock() {
  SpinWait wait;
  for (;;) {
    std::uint64_t word = order_word.load(std::memory_order_relaxed);
    if (Order(word).frozen()) return false;
    if (!Order(word).locked() &&
        order_word.compare_exchange_weak(word, word | Order::kLocked, std::memory_order_acquire,
                                         std::memory_order_relaxed)) {
      return true;
    }
    wait.Once();
  }
}

EntryTree::Leaf* EntryTree::NewLeaf() {
  static_assert(sizeof(Leaf) == 4 * kCacheLine);
  auto* const leaf = new (nodes_.Allocate(sizeof(Leaf))) Leaf;
  leaf->order_word.store(Order::kLeaf, std::memory_order_relaxed);
  leaf->next.store(nullptr, std::memory_order_relaxed);
  return leaf;
}

EntryTree::Inner* EntryTree::NewInner() {
  static_assert(sizeof(Inner) == 6 * kCacheLine);
  auto* const inner = new (nodes_.Allocate(sizeof(Inner))) Inner;
  inner->order_word.store(0, std::memory_order_relaxed);
  inner->next.store(nullptr, std::memory_order_relaxed);
  return inner;
}

EntryTree::EntryTree(MemoryBudget* budget, MemoryUse use) : nodes_(budget, use) {
  root_.store(NewLeaf(), std::memory_order_relaxed);
}

// --- Searching ---

EntryTree::Leaf* EntryTree::Descend(const Target& target, bool strict) const {
  Node* node = root_.load(std::memory_order_acquire);
  for (;;) {
    Order order = node->order();
    while (AURORA_UNLIKELY(order.frozen())) {
      node = node->successor();
      order = node->order();
    }
    if (order.leaf()) return static_cast<Leaf*>(node);
    auto* const inner = static_cast<Inner*>(node);
    // Where the search came too far to the left it goes to the last child; where to the first of
    // all, to the first.
    const int position = std::max(inner->Count(order, target, !strict) - 1, 0);
    node = inner->children[order.slot(position)].load(std::memory_order_acquire);
    for (std::size_t line = 0; line < sizeof(Leaf) / kCacheLine; ++line) {
      __builtin_prefetch(reinterpret_cast<const char*>(node) + line * kCacheLine);
    }
  }
}

// `order` is what positions are counted by: the leaf's own may have changed since.
inline void EntryTree::Cursor::Take(Node* leaf, Order order, int position) {
  leaf_ = leaf;
  order_ = order.word();
  position_ = position;
  entry_ = static_cast<const Leaf*>(leaf)->entries[order.slot(position)];
}

void EntryTree::Cursor::Seek(EntryKey key) {
  const Target target(key.key, key.version);
  Node* leaf = tree_->Descend(target, /*strict=*/false);
  for (; leaf != nullptr; leaf = NextOf(leaf)) {
    const Order order = leaf->order();
    const int position = leaf->Count(order, target, /*or_at=*/false);
    if (AURORA_LIKELY(position < order.count())) return Take(leaf, order, position);
  }
  entry_ = nullptr;
}

// The last entry before the target, or, `or_at`, at or before it.
void EntryTree::Cursor::SeekBefore(const Target& target, bool or_at) {
  Node* leaf = tree_->Descend(target, /*strict=*/!or_at);
  entry_ = nullptr;
  while (leaf != nullptr) {
    const Order order = leaf->order();
    const int count = leaf->Count(order, target, or_at);
    if (count == 0) return;  // what is known already is the last
    Take(leaf, order, count - 1);
    if (count < order.count()) return;
    leaf = NextOf(leaf);
  }
}

void EntryTree::Cursor::SeekBackward(EntryKey key) {
  SeekBefore(Target(key.key, key.version), /*or_at=*/true);
}

void EntryTree::Cursor::SeekToFirst() { Seek({{}, Version::FromWord(~std::uint64_t{0})}); }

void EntryTree::Cursor::SeekToLast() {
  entry_ = nullptr;
  Node* node = Live(tree_->root_.load(std::memory_order_acquire));
  for (Order order = node->order(); !order.leaf(); order = node->order()) {
    const std::size_t last = order.slot(order.count() - 1);
    node = Live(static_cast<Inner*>(node)->children[last].load(std::memory_order_acquire));
  }
  for (; node != nullptr; node = NextOf(node)) {
    const Order order = node->order();
    if (order.count() > 0) Take(node, order, order.count() - 1);
  }
}

bool EntryTree::Cursor::StepForward() {
  AURORA_DCHECK(Valid());
  const Order order(order_);
  if (AURORA_UNLIKELY(position_ + 1 >= order.count())) return false;
  ++position_;
  entry_ = static_cast<const Leaf*>(leaf_)->entries[order.slot(position_)];
  if (position_ + kAhead < order.count()) {
    __builtin_prefetch(static_cast<const Leaf*>(leaf_)->entries[order.slot(position_ + kAhead)]);
  }
  return true;
}

void EntryTree::Cursor::Next() {
  if (AURORA_LIKELY(StepForward())) return;
  // No leaf but the first is ever empty.
  Node* const next = NextOf(leaf_);
  if (next == nullptr) {
    entry_ = nullptr;
    return;
  }
  const Order order = next->order();
  Take(next, order, 0);
  for (int i = 1; i < std::min(order.count(), 1 + kAhead); ++i) {
    __builtin_prefetch(static_cast<const Leaf*>(next)->entries[order.slot(i)]);
  }
  __builtin_prefetch(next->next.load(std::memory_order_relaxed));
}

void EntryTree::Cursor::Prev() {
  AURORA_DCHECK(Valid());
  if (AURORA_LIKELY(position_ > 0)) {
    entry_ = static_cast<const Leaf*>(leaf_)->entries[Order(order_).slot(--position_)];
    return;
  }
  SeekBefore(Target(entry_), /*or_at=*/false);
}

// --- Adding ---

EntryTree::Leaf* EntryTree::LockLeaf(const Target& target, int* position) {
  for (;;) {
    Leaf* leaf = Descend(target, /*strict=*/false);
    // Of a frozen leaf the next search finds the successor.
    while (leaf->Lock()) {
      const Order order = leaf->order();
      *position = leaf->Count(order, target, /*or_at=*/true);
      if (AURORA_LIKELY(*position < order.count())) return leaf;
      Node* const next = NextOf<Node>(leaf);
      if (next == nullptr || next->Count(next->order(), target, /*or_at=*/true) == 0) return leaf;
      leaf->Unlock();
      leaf = static_cast<Leaf*>(next);
    }
  }
}

void EntryTree::Insert(const Entry* entry) {
  const Target target(entry);
  int position = 0;
  Leaf* const leaf = LockLeaf(target, &position);
  const Order order = leaf->order();
  if (position > 0) {
    const Entry* const before = leaf->entries[order.slot(position - 1)];
    AURORA_CHECK((leaf->heads[order.slot(position - 1)] != target.head ||
                  before->version() != target.version || before->key() != target.key) &&
                 "a key has at most one mutation in a commit");
  }
  if (AURORA_UNLIKELY(order.count() == kFanout)) {
    SplitLeaf(leaf, order, position, entry);
    return;
  }
  const auto slot = static_cast<std::size_t>(order.count());
  leaf->heads[slot] = target.head;
  leaf->entries[slot] = entry;
  leaf->Store(order.Adding(position));
}

namespace {

// Calls `put(i, position)` for the i-th of the keys that a node of `count` keys has once another
// is added at `added`; `position` is where it was, or -1 for the one that is added.
template <class Put>
void ForEachWith(int count, int added, Put put) {
  for (int i = 0; i <= count; ++i) put(i, i == added ? -1 : i < added ? i : i - 1);
}

}  // namespace

void EntryTree::SplitLeaf(Leaf* leaf, Order order, int position, const Entry* entry) {
  const auto append = [](Leaf* to, const Entry* added) {
    const int count = to->order().count();
    to->heads[count] = added->head();
    to->entries[count] = added;
    to->Store(to->order().Adding(count));
  };
  const Target target(entry);
  Leaf* const right = NewLeaf();
  if (position == kFanout) {
    append(right, entry);
    AURORA_CHECK(right->Lock());  // nobody else may split it before its parent knows of it
    right->next.store(NextOf<Node>(leaf), std::memory_order_relaxed);
    leaf->next.store(right, std::memory_order_release);
    Publish({leaf, leaf, right, entry}, target);
    right->Unlock();
    leaf->Unlock();
    return;
  }
  Leaf* const left = NewLeaf();
  ForEachWith(kFanout, position, [&](int i, int from) {
    append(i <= kFanout / 2 ? left : right, from < 0 ? entry : leaf->entries[order.slot(from)]);
  });
  right->next.store(NextOf<Node>(leaf), std::memory_order_relaxed);
  left->next.store(right, std::memory_order_relaxed);
  leaf->Freeze(order, left);
  Publish({leaf, left, right, right->First()}, target);
}

// A parent may be locked, or just being replaced, by whoever adds another child to it. It goes on
// leading to `child`, which its caller has locked or frozen, until the caller changes that.
EntryTree::Inner* EntryTree::LockParent(const Node* child, const Target& target) {
  SpinWait wait;
  for (;; wait.Once()) {
    Node* node = Live(root_.load(std::memory_order_acquire));
    while (!node->order().leaf()) {
      auto* const inner = static_cast<Inner*>(node);
      const Order order = inner->order();
      const int position = std::max(inner->Count(order, target, /*or_at=*/true) - 1, 0);
      Node* const below = inner->children[order.slot(position)].load(std::memory_order_acquire);
      if (below != child) {
        node = Live(below);
        continue;
      }
      if (!inner->Lock()) break;
      // Nothing else leads to the child, but the parent may have been split before it was locked.
      const Order now = inner->order();
      for (int i = 0; i < now.count(); ++i) {
        if (inner->children[now.slot(i)].load(std::memory_order_relaxed) == child) return inner;
      }
      inner->Unlock();
      break;
    }
  }
}

void EntryTree::Publish(const Split& split, const Target& target) {
  if (root_.load(std::memory_order_acquire) == split.old) {
    Inner* const root = NewInner();
    root->heads[0] = 0;
    root->separators[0] = nullptr;
    root->children[0].store(split.left, std::memory_order_relaxed);
    root->heads[1] = split.separator->head();
    root->separators[1] = split.separator;
    root->children[1].store(split.right, std::memory_order_relaxed);
    root->Store(root->order().Adding(0).Adding(1));
    root_.store(root, std::memory_order_release);
    return;
  }
  Inner* const parent = LockParent(split.old, target);
  const Order order = parent->order();
  const int position = parent->Count(order, Target(split.separator), /*or_at=*/true);
  AURORA_CHECK(position > 0);
  const std::size_t old_slot = order.slot(position - 1);
  AURORA_CHECK(parent->children[old_slot].load(std::memory_order_relaxed) == split.old);
  if (AURORA_UNLIKELY(order.count() == kFanout)) {
    SplitInner(parent, order, position, split, target);
    return;
  }
  const auto slot = static_cast<std::size_t>(order.count());
  parent->heads[slot] = split.separator->head();
  parent->separators[slot] = split.separator;
  parent->children[slot].store(split.right, std::memory_order_relaxed);
  parent->children[old_slot].store(split.left, std::memory_order_release);
  parent->Store(order.Adding(position));
}

void EntryTree::SplitInner(Inner* inner, Order order, int position, const Split& split,
                           const Target& target) {
  const auto append = [](Inner* to, const Entry* separator, Node* child) {
    const int count = to->order().count();
    to->heads[count] = separator == nullptr ? 0 : separator->head();
    to->separators[count] = separator;
    to->children[count].store(child, std::memory_order_relaxed);
    to->Store(to->order().Adding(count));
  };
  Inner* const right = NewInner();
  if (position == kFanout) {
    append(right, split.separator, split.right);
    AURORA_CHECK(right->Lock());
    right->next.store(NextOf<Node>(inner), std::memory_order_relaxed);
    inner->children[order.slot(position - 1)].store(split.left, std::memory_order_release);
    inner->next.store(right, std::memory_order_release);
    Publish({inner, inner, right, split.separator}, target);
    right->Unlock();
    inner->Unlock();
    return;
  }
  Inner* const left = NewInner();
  ForEachWith(kFanout, position, [&](int i, int from) {
    Inner* const to = i <= kFanout / 2 ? left : right;
    if (from < 0) {
      append(to, split.separator, split.right);
      return;
    }
    const std::size_t slot = order.slot(from);
    Node* const child = inner->children[slot].load(std::memory_order_relaxed);
    append(to, inner->separators[slot], child == split.old ? split.left : child);
  });
  right->next.store(NextOf<Node>(inner), std::memory_order_relaxed);
  left->next.store(right, std::memory_order_relaxed);
  inner->Freeze(order, left);
  Publish({inner, left, right, right->First()}, target);
}

}  // namespace aurora::lsm
