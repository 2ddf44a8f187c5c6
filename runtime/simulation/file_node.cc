#include "aurora/runtime/simulation/file_node.h"

#include <algorithm>
#include <utility>

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

using Kind = FileChange::Kind;
using State = FileChange::State;

FileChange Describe(Kind kind, std::uint64_t order, std::uint64_t offset, std::uint64_t size) {
  FileChange change;
  change.kind = kind;
  change.order = order;
  change.offset = offset;
  change.size = size;
  return change;
}

// Takes the pages of a write from `contents`, to which it has just been applied.
FileChange Capture(std::uint64_t order, std::uint64_t offset, std::uint64_t size,
                   const FileContents& contents) {
  AURORA_DCHECK(size > 0);
  FileChange change = Describe(Kind::kWrite, order, offset, size);
  for (std::uint64_t i = offset / kPageSize; i <= (change.end() - 1) / kPageSize; ++i) {
    change.pages.push_back(contents.page(i));
  }
  return change;
}

bool Overlap(const FileChange& a, const FileChange& b) {
  return a.kind == Kind::kWrite && a.offset < b.end() && b.offset < a.end();
}

}  // namespace

FileChange MakeWrite(std::uint64_t order, std::uint64_t offset, std::span<const char> bytes) {
  const std::uint64_t base = offset - offset % kPageSize;
  FileContents scratch;
  scratch.Write(offset - base, bytes);
  FileChange change = Capture(order, offset - base, bytes.size(), scratch);
  change.offset = offset;
  return change;
}

void Apply(const FileChange& change, FileContents& contents) {
  switch (change.kind) {
    case Kind::kWrite:
      ApplyPart(change, change.offset, change.end(), contents);
      return;
    case Kind::kResize:
      contents.Resize(change.size);
      return;
    case Kind::kAllocate:
      contents.Allocate(change.size);
      return;
  }
}

void ApplyPart(const FileChange& change, std::uint64_t begin, std::uint64_t end,
               FileContents& contents) {
  AURORA_CHECK(change.kind == Kind::kWrite && change.offset <= begin && end <= change.end());
  const std::uint64_t first_page = change.offset / kPageSize;
  while (begin < end) {
    const std::uint64_t index = begin / kPageSize;
    const PageRef& page = change.pages[index - first_page];
    AURORA_DCHECK(page != nullptr);
    const std::size_t in_page = begin % kPageSize;
    const std::size_t part = std::min<std::uint64_t>(end - begin, kPageSize - in_page);
    if (part == kPageSize) {
      contents.SetPage(index, page);
      contents.Extend(begin + part);
    } else {
      contents.Write(begin, std::span<const char>(page->bytes + in_page, part));
    }
    begin += part;
  }
}

void FileNode::Write(std::uint64_t order, std::uint64_t offset, std::span<const char> bytes) {
  if (bytes.empty()) return;
  cached_.Write(offset, bytes);
  Add(Capture(order, offset, bytes.size(), cached_));
}

void FileNode::WriteDurably(std::uint64_t order, std::uint64_t offset,
                            std::span<const char> bytes) {
  if (bytes.empty()) return;
  cached_.Write(offset, bytes);
  FileChange change = Capture(order, offset, bytes.size(), cached_);
  const bool independent = std::none_of(changes_.begin(), changes_.end(), [&](const FileChange& c) {
    return c.kind == Kind::kResize || Overlap(c, change);
  });
  if (independent) {
    Apply(change, durable_);
  } else {
    change.state = State::kDurable;
    Add(std::move(change));
  }
}

void FileNode::Resize(std::uint64_t order, std::uint64_t size) {
  cached_.Resize(size);
  Add(Describe(Kind::kResize, order, 0, size));
}

void FileNode::Allocate(std::uint64_t order, std::uint64_t size) {
  cached_.Allocate(size);
  Add(Describe(Kind::kAllocate, order, 0, size));
}

void FileNode::Add(FileChange change) {
  AURORA_CHECK(changes_.empty() || changes_.back().order < change.order);
  changes_.push_back(std::move(change));
  if (changes_.size() > kChangesMax) Sync(changes_[kChangesMax / 2].order);
}

void FileNode::Sync(std::uint64_t up_to_order) {
  for (FileChange& change : changes_) {
    if (change.order < up_to_order && change.state == State::kDirty) change.state = State::kDurable;
  }
  Fold();
}

void FileNode::Fold() {
  const auto end = std::find_if(changes_.begin(), changes_.end(), [](const FileChange& change) {
    return change.state != State::kDurable;
  });
  const bool only_writes = std::all_of(
      changes_.begin(), end, [](const FileChange& change) { return change.kind == Kind::kWrite; });
  if (end != changes_.end()) {
    for (auto change = changes_.begin(); change != end; ++change) Apply(*change, durable_);
  } else if (only_writes) {
    // The cache has the outcome, page by page.
    for (const FileChange& change : changes_) {
      std::uint64_t index = change.offset / kPageSize;
      for (std::size_t i = 0; i < change.pages.size(); ++i, ++index) {
        durable_.SetPage(index, cached_.page(index));
      }
    }
    durable_.Extend(cached_.size());
  } else {
    durable_ = cached_;
  }
  changes_.erase(changes_.begin(), end);
}

void FileNode::FailSync(std::uint64_t up_to_order, Random& random) {
  enum Outcome { kDropped, kMarkedClean, kStillDirty, kEachDrawn };
  const auto policy = static_cast<Outcome>(random.Below(4));
  for (FileChange& change : changes_) {
    if (change.order >= up_to_order || change.state != State::kDirty) continue;
    const auto outcome = policy == kEachDrawn ? static_cast<Outcome>(random.Below(3)) : policy;
    if (outcome == kStillDirty) continue;
    change.state = State::kClean;
    if (outcome == kDropped && change.kind == Kind::kWrite) {
      // The size stays: it is in the inode, not in the page.
      change = Describe(Kind::kAllocate, change.order, 0, change.end());
      change.state = State::kClean;
    }
  }
  cached_ = durable_;
  for (const FileChange& change : changes_) Apply(change, cached_);
}

void FileNode::Corrupt(std::uint64_t offset, std::span<const char> bytes) {
  AURORA_CHECK(offset + bytes.size() <= cached_.size());
  cached_.Write(offset, bytes);
  if (offset < durable_.size()) {
    const std::uint64_t part = std::min<std::uint64_t>(bytes.size(), durable_.size() - offset);
    durable_.Write(offset, bytes.first(part));
  }
  // The changes must not bring the good bytes back.
  for (FileChange& change : changes_) {
    if (change.kind != Kind::kWrite) continue;
    const std::uint64_t begin = std::max(change.offset, offset);
    const std::uint64_t end = std::min<std::uint64_t>(change.end(), offset + bytes.size());
    if (begin >= end) continue;
    FileContents patched;
    Apply(change, patched);
    patched.Write(begin, bytes.subspan(begin - offset, end - begin));
    const State state = change.state;
    change = Capture(change.order, change.offset, change.size, patched);
    change.state = state;
  }
}

void FileNode::Settle(FileContents survivor) {
  durable_ = std::move(survivor);
  cached_ = durable_;
  changes_.clear();
}

}  // namespace aurora
