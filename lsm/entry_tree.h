// Entries in memory, in order: a search tree that is only ever added to. What a memtable is made
// of.
//
// Any number of threads add and read at once. Readers take no lock and never wait or retry. Writers
// lock the one leaf that they add to, for some tens of nanoseconds; two meet only in the same leaf,
// or where a node is split. Nothing is removed or moved before the whole tree is destroyed.
//
// Layout: a B+-tree. A node has room for kFanout keys, of each of which it holds the head, the
// first 8 bytes as a number, so that a search compares numbers in two cache lines and looks at an
// entry only where heads are equal.
//
//   node      order word | heads | next node of the level                     2 cache lines
//   leaf      a node, and its entries                                         4 cache lines
//   inner     a node, its children, and the least entry below each            6 cache lines
//
// The order word says which slots of a node are in use and how they are ordered (the permutation of
// Masstree): so adding an entry is to fill a free slot, which no reader looks at, and to store one
// word. It is also the lock.
//
// A leaf that is full is split. If the new entry is behind all others, as it is where keys ascend,
// it begins a new leaf, to which the full one then leads. Else the entries are copied to two new
// leaves; the old one is frozen, with all that it held, and leads to the first of the two
// (`successor`). Whoever comes to a frozen node goes on to its successor. Inner nodes are split in
// the same way.
//
// What a racing reader may see. It looks for entries of commits that were complete when it began;
// so every node that it reaches holds those of its range, or is to the left of one that does:
//  * A node that is frozen while the reader is in it stays complete for the reader, and leads on to
//    what was behind it then: what is added later goes to the new nodes, and does not concern him.
//  * A node that is found frozen is complete no longer; its successor, and what follows that, are.
//  * A parent may be read before it leads to a new right half. The search then ends in the left
//    one, and finds out by looking at the next leaf, as it has to at the end of a leaf anyway.
//
// Sources: P. L. Lehman and S. B. Yao, "Efficient locking for concurrent operations on B-trees",
// TODS 6(4), 1981; Y. Mao, E. Kohler, R. Morris, "Cache craftiness for fast multicore key-value
// storage" (Masstree), EuroSys 2012. Why not a skip list: docs/decisions.md.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "aurora/lsm/arena.h"
#include "aurora/lsm/types.h"
#include "aurora/runtime/memory_budget.h"

namespace aurora::lsm {

class EntryTree {
 public:
  class Entry;
  class Cursor;

  // `budget` must outlive the tree; the nodes, and not the entries, are charged there.
  EntryTree(MemoryBudget* budget, MemoryUse use);
  EntryTree(const EntryTree&) = delete;
  EntryTree& operator=(const EntryTree&) = delete;

  // Adds an entry, which must live as long as the tree, and which no other equals in key and
  // version (checked).
  void Insert(const Entry* entry);

  std::size_t charged_bytes() const { return nodes_.charged_bytes(); }
  std::size_t used_bytes() const { return nodes_.used_bytes(); }
  // What nodes take for each entry where keys come in no order: half of a full leaf is thrown away
  // at every split, and of those in use a third is free.
  static constexpr std::size_t kNodeBytesPerEntry = 64;

 private:
  static constexpr int kFanout = 14;
  class Order;
  struct Target;
  struct Node;
  struct Leaf;
  struct Inner;
  // The nodes that take the place of `old`: itself and one behind it, or two others.
  struct Split {
    Node* old;
    Node* left;
    Node* right;
    const Entry* separator;  // the least of `right`
  };

  Leaf* NewLeaf();
  Inner* NewInner();

  // The leaf that holds the target, or one to the left of it (see above). `strict`: the leaf that
  // holds what is right before the target.
  Leaf* Descend(const Target& target, bool strict) const;
  // Locks the leaf to which the target belongs; `position`: how many of its entries are not behind
  // the target.
  Leaf* LockLeaf(const Target& target, int* position);
  void SplitLeaf(Leaf* leaf, Order order, int position, const Entry* entry);

  // Makes the parents of a node that was split lead to its halves.
  void Publish(const Split& split, const Target& target);
  Inner* LockParent(const Node* child, const Target& target);
  void SplitInner(Inner* inner, Order order, int position, const Split& split,
                  const Target& target);

  Arena nodes_;  // sizes are multiples of a cache line only, so that all nodes are aligned to it
  std::atomic<Node*> root_;
};

// An entry: one piece of memory, aligned to 8.
//
//   0          key size, 4 bytes; value size, 4 bytes
//   8          stored key
//   8 + key, aligned 8    version, 8 bytes
//   + 8        value; so every value is aligned to 8 bytes and can be read in place
//
// Immutable once made.
class EntryTree::Entry {
 public:
  static std::size_t Bytes(std::size_t key_size, std::size_t value_size) {
    return kKeyOffset + AlignUp(key_size) + kVersionBytes + value_size;
  }
  // Makes an entry in memory of Bytes(). What is stored at key_data(), of `key_size` bytes, is left
  // to the caller.
  static Entry* New(char* memory, std::size_t key_size, Version version, std::string_view value);

  char* key_data() { return bytes() + kKeyOffset; }
  std::string_view key() const { return {bytes() + kKeyOffset, key_size_}; }
  std::string_view value() const { return {trailer() + kVersionBytes, value_size_}; }
  Version version() const;
  // The first 8 bytes of the key as a number that compares as they do, short keys padded with
  // zeros.
  std::uint64_t head() const;

 private:
  static constexpr std::size_t kKeyOffset = 8;
  static constexpr std::size_t kVersionBytes = 8;
  static constexpr std::size_t AlignUp(std::size_t n) { return (n + 7) & ~std::size_t{7}; }

  char* bytes() { return reinterpret_cast<char*>(this); }
  const char* bytes() const { return reinterpret_cast<const char*>(this); }
  const char* trailer() const { return bytes() + kKeyOffset + AlignUp(key_size_); }

  std::uint32_t key_size_ = 0;
  std::uint32_t value_size_ = 0;
};

// A position in a tree that is added to meanwhile: sees every entry whose Insert was complete when
// the cursor was last positioned by a Seek, and maybe later ones. One user at a time; copied
// freely.
class EntryTree::Cursor {
 public:
  explicit Cursor(const EntryTree* tree) : tree_(tree) {}

  bool Valid() const { return entry_ != nullptr; }
  const Entry& entry() const { return *entry_; }

  void Seek(EntryKey target);          // the first at or after
  void SeekBackward(EntryKey target);  // the last at or before
  void SeekToFirst();
  void SeekToLast();
  void Next();  // REQUIRES Valid()
  void Prev();  // REQUIRES Valid()
  // Next(), unless this is the last entry of its leaf: then false, and nothing has happened.
  // REQUIRES Valid().
  bool StepForward();

 private:
  void SeekBefore(const Target& target, bool or_at);
  void Take(Node* leaf, Order order, int position);

  const EntryTree* const tree_;
  const Entry* entry_ = nullptr;
  Node* leaf_ = nullptr;
  std::uint64_t order_ = 0;  // of the leaf, when the cursor came to it
  int position_ = 0;
};

}  // namespace aurora::lsm
