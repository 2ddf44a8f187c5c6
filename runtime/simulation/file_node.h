// A file of the simulated disk: what the page cache shows, what the device surely holds, and the
// changes between the two.
//
// Invariant: durable() with every change of changes() applied in order is cached(). At most
// kChangesMax changes are kept apart; then the older half becomes durable, as if the kernel had
// written it back by itself. Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/file_contents.h"

namespace aurora {

struct FileChange {
  enum class Kind : std::uint8_t {
    kWrite,     // `size` bytes at `offset`
    kResize,    // to `size`
    kAllocate,  // space for, and at least, `size`
  };
  enum class State : std::uint8_t {
    kDirty,    // the next sync makes it durable
    kClean,    // a sync of it failed: no later sync writes it, yet it may have reached the device
    kDurable,  // survives; still listed because an earlier change is not durable
  };
  Kind kind = Kind::kWrite;
  State state = State::kDirty;
  std::uint64_t order = 0;  // of completion, over the whole disk
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  // The pages that a write touched, as they were right after it.
  absl::InlinedVector<PageRef, 1> pages;

  std::uint64_t end() const { return offset + size; }
};

// A write that has not been applied to any file.
FileChange MakeWrite(std::uint64_t order, std::uint64_t offset, std::span<const char> bytes);

// Applies all of `change`.
void Apply(const FileChange& change, FileContents& contents);
// Applies the bytes [begin, end) of a write, which must lie within it.
void ApplyPart(const FileChange& change, std::uint64_t begin, std::uint64_t end,
               FileContents& contents);

class FileNode {
 public:
  static constexpr std::size_t kChangesMax = 4096;

  const FileContents& cached() const { return cached_; }
  const FileContents& durable() const { return durable_; }
  // In order; the first one is not durable.
  const std::vector<FileChange>& changes() const { return changes_; }

  void Write(std::uint64_t order, std::uint64_t offset, std::span<const char> bytes);
  void WriteDurably(std::uint64_t order, std::uint64_t offset, std::span<const char> bytes);
  void Resize(std::uint64_t order, std::uint64_t size);
  void Allocate(std::uint64_t order, std::uint64_t size);

  // Makes the dirty changes before `up_to_order` durable.
  void Sync(std::uint64_t up_to_order);
  // What a failed sync of the same changes leaves: each is still dirty, or clean, or gone from the
  // cache. Which, is drawn.
  void FailSync(std::uint64_t up_to_order, Random& random);

  // Changes bytes at rest, in both views. The range must lie within the file.
  void Corrupt(std::uint64_t offset, std::span<const char> bytes);
  // What the machine finds when it is up again: `survivor`, and nothing pending.
  void Settle(FileContents survivor);

 private:
  void Add(FileChange change);
  void Fold();

  FileContents cached_;
  FileContents durable_;
  std::vector<FileChange> changes_;
};

}  // namespace aurora
