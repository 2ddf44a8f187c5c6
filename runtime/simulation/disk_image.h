// Everything that a simulated disk holds, as a value: files, directories, and of each what the page
// cache shows and what the device surely keeps.
//
// Copies share what they have in common, so an image taken at every step of a workload is cheap: a
// copy costs a reference count for each file and directory. Images are independent of each other
// and of the disk they were taken from; different ones may be used on different threads.
//
// The first part of the interface is for tests: it looks at, replaces and damages bytes at rest.
// Paths are normalised; relative ones start at the root. Errors are those of FileSystem.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/simulation/file_node.h"

namespace aurora {

using NodeId = std::uint64_t;

struct Entry {
  NodeId node = 0;
  bool is_directory = false;
  friend bool operator==(const Entry&, const Entry&) = default;
};
using EntryMap = std::map<std::string, Entry, std::less<>>;

// A change of one directory that has not become durable, or that is listed behind one.
struct EntryChange {
  enum class Kind : std::uint8_t {
    kAdd,      // `name` names `entry` (created, linked, or arrived by a rename)
    kRemove,   // `name` no longer does
    kRename,   // within the directory: `from` has become `name`
    kMoveOut,  // kRemove whose other half is a kAdd of the same order in directory `other`
  };
  Kind kind = Kind::kAdd;
  bool durable = false;
  std::uint64_t order = 0;
  std::string name = {};
  std::string from = {};
  Entry entry = {};
  NodeId other = 0;
};

struct DirectoryNode {
  EntryMap cached;
  EntryMap durable;
  std::vector<EntryChange> changes;  // as in FileNode: in order, the first one not durable
};

void Apply(const EntryChange& change, EntryMap& entries);

// Nodes by number. Copies share nodes until one of them changes one.
template <class Node>
class NodeTable {
 public:
  const Node* Find(NodeId id) const {
    const auto slot = Slot(id);
    return slot == nodes_.end() || slot->first != id ? nullptr : slot->second.get();
  }
  const Node& Get(NodeId id) const {
    const Node* node = Find(id);
    AURORA_CHECK(node != nullptr);
    return *node;
  }
  Node& Mutable(NodeId id) {
    const auto slot = Slot(id);
    AURORA_CHECK(slot != nodes_.end() && slot->first == id);
    auto& shared = nodes_[static_cast<std::size_t>(slot - nodes_.begin())].second;
    if (shared.use_count() > 1) shared = std::make_shared<Node>(*shared);
    return *shared;
  }
  // `id` must be greater than every one before.
  void Add(NodeId id) {
    AURORA_CHECK(nodes_.empty() || nodes_.back().first < id);
    nodes_.emplace_back(id, std::make_shared<Node>());
  }
  template <class Predicate>
  void EraseIf(Predicate predicate) {
    std::erase_if(nodes_, [&](const auto& slot) { return predicate(slot.first); });
  }
  // (id, shared_ptr<const Node>) in the order of ids.
  auto begin() const { return nodes_.begin(); }
  auto end() const { return nodes_.end(); }

 private:
  using Slots = std::vector<std::pair<NodeId, std::shared_ptr<Node>>>;
  typename Slots::const_iterator Slot(NodeId id) const {
    return std::partition_point(nodes_.begin(), nodes_.end(),
                                [id](const auto& slot) { return slot.first < id; });
  }
  Slots nodes_;
};

class DiskImage {
 public:
  static constexpr NodeId kRoot = 1;

  // An empty disk of a machine that has just been started for the first time.
  DiskImage();

  // --- For tests: bytes at rest. ---
  // The paths of all files, sorted, as the page cache shows them.
  std::vector<std::string> Files() const;
  absl::StatusOr<std::string> ReadFile(std::string_view path) const;
  // Creates or replaces, durably.
  absl::Status WriteFile(std::string_view path, std::string_view bytes);
  // Overwrites bytes that exist, durably.
  absl::Status Patch(std::string_view path, std::uint64_t offset, std::string_view bytes);
  // Bit 0 is the least significant one of the byte at `offset`.
  absl::Status FlipBit(std::string_view path, std::uint64_t offset, int bit);
  absl::Status RemoveFile(std::string_view path);
  // A number for the state as the page cache shows it: names, sizes and bytes.
  std::uint64_t Hash() const;

  // --- For the simulated disk. ---
  absl::StatusOr<Entry> Find(std::string_view path) const;
  // Each changes the page cache's view only. The caller has seen to it that what is given exists
  // and fits, except where a Status says otherwise.
  absl::StatusOr<NodeId> CreateFile(std::string_view path);
  absl::Status CreateDirectory(std::string_view path);
  absl::Status RemoveDirectory(std::string_view path);
  absl::Status Remove(std::string_view path);
  absl::Status Rename(std::string_view from, std::string_view to);
  absl::Status Link(std::string_view from, std::string_view to);
  // Makes the changes of a directory before `up_to_order` durable.
  void SyncDirectory(NodeId directory, std::uint64_t up_to_order);
  // Forgets the nodes that no name, no un-synced change and no `is_open` refers to.
  template <class Predicate>
  void CollectGarbage(Predicate is_open);
  // True if the device surely holds everything that the cache shows.
  bool IsSettled() const;
  // The files that the cache's view has a name for.
  std::vector<NodeId> LinkedFiles() const;

  const NodeTable<FileNode>& files() const { return files_; }
  NodeTable<FileNode>& files() { return files_; }
  const NodeTable<DirectoryNode>& directories() const { return directories_; }
  NodeTable<DirectoryNode>& directories() { return directories_; }

  // The number of the next change.
  std::uint64_t next_order() const { return next_order_; }
  std::uint64_t TakeOrder() { return next_order_++; }
  // Counts the starts of the machine.
  std::uint64_t boot() const { return boot_; }
  void CountBoot() { ++boot_; }

 private:
  struct Place {
    NodeId directory;
    std::string name;
  };
  // The directory that holds, or would hold, the last component of `path`.
  absl::StatusOr<Place> Locate(std::string_view path, std::string_view operation) const;
  const Entry* Lookup(const Place& place) const;
  void Change(NodeId directory, EntryChange change);
  void Fold(DirectoryNode& directory);
  std::vector<NodeId> Referenced() const;
  template <class Visit>
  void VisitFiles(NodeId directory, const std::string& prefix, Visit visit) const;

  NodeTable<FileNode> files_;
  NodeTable<DirectoryNode> directories_;
  NodeId next_node_ = kRoot + 1;
  std::uint64_t next_order_ = 1;
  std::uint64_t boot_ = 1;
};

template <class Predicate>
void DiskImage::CollectGarbage(Predicate is_open) {
  const std::vector<NodeId> referenced = Referenced();  // sorted
  const auto is_garbage = [&](NodeId id) {
    return !std::binary_search(referenced.begin(), referenced.end(), id) && !is_open(id);
  };
  files_.EraseIf(is_garbage);
  directories_.EraseIf(is_garbage);
}

}  // namespace aurora
