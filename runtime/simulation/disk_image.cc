#include "aurora/runtime/simulation/disk_image.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "aurora/runtime/simulation/trace.h"
#include "aurora/runtime/status.h"

namespace aurora {
namespace {

constexpr std::size_t kNameBytesMax = 255;

using Kind = EntryChange::Kind;

// The components of `path`, "." and ".." resolved.
std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty()) {
      parts.pop_back();
    }
  }
  return parts;
}

void EraseIfSame(EntryMap& entries, const std::string& name, const Entry& entry) {
  const auto found = entries.find(name);
  if (found != entries.end() && found->second == entry) entries.erase(found);
}

bool IsSettledNode(const FileNode& file) { return file.changes().empty(); }
bool IsSettledNode(const DirectoryNode& directory) { return directory.changes.empty(); }

}  // namespace

void Apply(const EntryChange& change, EntryMap& entries) {
  switch (change.kind) {
    case Kind::kAdd:
      entries[change.name] = change.entry;
      return;
    case Kind::kRemove:
    case Kind::kMoveOut:
      EraseIfSame(entries, change.name, change.entry);
      return;
    case Kind::kRename:
      EraseIfSame(entries, change.from, change.entry);
      entries[change.name] = change.entry;
      return;
  }
}

DiskImage::DiskImage() { directories_.Add(kRoot); }

// --- Looking up. ---

absl::StatusOr<Entry> DiskImage::Find(std::string_view path) const {
  Entry entry{.node = kRoot, .is_directory = true};
  for (const std::string_view part : Split(path)) {
    if (!entry.is_directory) return SystemError(ENOTDIR, "lookup", path);
    const EntryMap& entries = directories_.Get(entry.node).cached;
    const auto found = entries.find(part);
    if (found == entries.end()) return SystemError(ENOENT, "lookup", path);
    entry = found->second;
  }
  return entry;
}

absl::StatusOr<DiskImage::Place> DiskImage::Locate(std::string_view path,
                                                   std::string_view operation) const {
  std::vector<std::string_view> parts = Split(path);
  if (parts.empty()) return SystemError(EBUSY, operation, path);
  if (parts.back().size() > kNameBytesMax) return SystemError(ENAMETOOLONG, operation, path);
  Place place{.directory = kRoot, .name = std::string(parts.back())};
  parts.pop_back();
  for (const std::string_view part : parts) {
    const EntryMap& entries = directories_.Get(place.directory).cached;
    const auto found = entries.find(part);
    if (found == entries.end()) return SystemError(ENOENT, operation, path);
    if (!found->second.is_directory) return SystemError(ENOTDIR, operation, path);
    place.directory = found->second.node;
  }
  return place;
}

const Entry* DiskImage::Lookup(const Place& place) const {
  const EntryMap& entries = directories_.Get(place.directory).cached;
  const auto found = entries.find(place.name);
  return found == entries.end() ? nullptr : &found->second;
}

template <class Visit>
void DiskImage::VisitFiles(NodeId directory, const std::string& prefix, Visit visit) const {
  for (const auto& [name, entry] : directories_.Get(directory).cached) {
    const std::string path = StrCat(prefix, "/", name);
    if (entry.is_directory) {
      VisitFiles(entry.node, path, visit);
    } else {
      visit(path, entry.node);
    }
  }
}

std::vector<std::string> DiskImage::Files() const {
  std::vector<std::string> paths;
  VisitFiles(kRoot, "", [&](const std::string& path, NodeId) { paths.push_back(path); });
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool DiskImage::IsSettled() const {
  const auto settled = [](const auto& slot) { return IsSettledNode(*slot.second); };
  return std::all_of(files_.begin(), files_.end(), settled) &&
         std::all_of(directories_.begin(), directories_.end(), settled);
}

std::vector<NodeId> DiskImage::LinkedFiles() const {
  std::vector<NodeId> nodes;
  for (const auto& [id, directory] : directories_) {
    for (const auto& [name, entry] : directory->cached) {
      if (!entry.is_directory) nodes.push_back(entry.node);
    }
  }
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

std::vector<NodeId> DiskImage::Referenced() const {
  std::vector<NodeId> nodes = {kRoot};
  std::vector<NodeId> unvisited = {kRoot};
  const auto refer = [&](const Entry& entry) {
    nodes.push_back(entry.node);
    if (entry.is_directory) unvisited.push_back(entry.node);
  };
  while (!unvisited.empty()) {
    const DirectoryNode& directory = directories_.Get(unvisited.back());
    unvisited.pop_back();
    for (const auto& [name, entry] : directory.cached) refer(entry);
    for (const auto& [name, entry] : directory.durable) {
      if (!directory.changes.empty()) refer(entry);  // else it is the same map
    }
    for (const EntryChange& change : directory.changes) refer(change.entry);
  }
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

// --- Changing names. ---

void DiskImage::Change(NodeId directory, EntryChange change) {
  DirectoryNode& node = directories_.Mutable(directory);
  Apply(change, node.cached);
  node.changes.push_back(std::move(change));
}

absl::StatusOr<NodeId> DiskImage::CreateFile(std::string_view path) {
  AURORA_ASSIGN_OR_RETURN(const Place place, Locate(path, "create"));
  if (Lookup(place) != nullptr) return SystemError(EEXIST, "create", path);
  const NodeId id = next_node_++;
  files_.Add(id);
  Change(place.directory, {.kind = Kind::kAdd,
                           .order = TakeOrder(),
                           .name = place.name,
                           .entry = {.node = id, .is_directory = false}});
  return id;
}

absl::Status DiskImage::CreateDirectory(std::string_view path) {
  AURORA_ASSIGN_OR_RETURN(const Place place, Locate(path, "mkdir"));
  if (Lookup(place) != nullptr) return SystemError(EEXIST, "mkdir", path);
  const NodeId id = next_node_++;
  directories_.Add(id);
  Change(place.directory, {.kind = Kind::kAdd,
                           .order = TakeOrder(),
                           .name = place.name,
                           .entry = {.node = id, .is_directory = true}});
  return absl::OkStatus();
}

absl::Status DiskImage::RemoveDirectory(std::string_view path) {
  AURORA_ASSIGN_OR_RETURN(const Place place, Locate(path, "rmdir"));
  const Entry* entry = Lookup(place);
  if (entry == nullptr) return SystemError(ENOENT, "rmdir", path);
  if (!entry->is_directory) return SystemError(ENOTDIR, "rmdir", path);
  if (!directories_.Get(entry->node).cached.empty()) return SystemError(ENOTEMPTY, "rmdir", path);
  Change(place.directory,
         {.kind = Kind::kRemove, .order = TakeOrder(), .name = place.name, .entry = *entry});
  return absl::OkStatus();
}

absl::Status DiskImage::Remove(std::string_view path) {
  AURORA_ASSIGN_OR_RETURN(const Place place, Locate(path, "unlink"));
  const Entry* entry = Lookup(place);
  if (entry == nullptr) return SystemError(ENOENT, "unlink", path);
  if (entry->is_directory) return SystemError(EISDIR, "unlink", path);
  Change(place.directory,
         {.kind = Kind::kRemove, .order = TakeOrder(), .name = place.name, .entry = *entry});
  return absl::OkStatus();
}

absl::Status DiskImage::Rename(std::string_view from, std::string_view to) {
  const std::string names = StrCat(from, " to ", to);
  AURORA_ASSIGN_OR_RETURN(const Place source, Locate(from, "rename"));
  AURORA_ASSIGN_OR_RETURN(const Place target, Locate(to, "rename"));
  const Entry* found = Lookup(source);
  if (found == nullptr) return SystemError(ENOENT, "rename", names);
  const Entry moved = *found;
  if (const Entry* replaced = Lookup(target); replaced != nullptr) {
    if (*replaced == moved) return absl::OkStatus();
    if (replaced->is_directory != moved.is_directory) {
      return SystemError(moved.is_directory ? ENOTDIR : EISDIR, "rename", names);
    }
    if (replaced->is_directory && !directories_.Get(replaced->node).cached.empty()) {
      return SystemError(ENOTEMPTY, "rename", names);
    }
  }
  const std::vector<std::string_view> from_parts = Split(from);
  const std::vector<std::string_view> to_parts = Split(to);
  if (moved.is_directory && to_parts.size() > from_parts.size() &&
      std::equal(from_parts.begin(), from_parts.end(), to_parts.begin())) {
    return SystemError(EINVAL, "rename", names);
  }
  const std::uint64_t order = TakeOrder();
  if (source.directory == target.directory) {
    Change(source.directory, {.kind = Kind::kRename,
                              .order = order,
                              .name = target.name,
                              .from = source.name,
                              .entry = moved});
    return absl::OkStatus();
  }
  Change(target.directory,
         {.kind = Kind::kAdd, .order = order, .name = target.name, .entry = moved});
  Change(source.directory, {.kind = Kind::kMoveOut,
                            .order = order,
                            .name = source.name,
                            .entry = moved,
                            .other = target.directory});
  return absl::OkStatus();
}

absl::Status DiskImage::Link(std::string_view from, std::string_view to) {
  const std::string names = StrCat(from, " to ", to);
  AURORA_ASSIGN_OR_RETURN(const Place source, Locate(from, "link"));
  AURORA_ASSIGN_OR_RETURN(const Place target, Locate(to, "link"));
  const Entry* entry = Lookup(source);
  if (entry == nullptr) return SystemError(ENOENT, "link", names);
  if (entry->is_directory) return SystemError(EPERM, "link", names);
  if (Lookup(target) != nullptr) return SystemError(EEXIST, "link", names);
  Change(target.directory,
         {.kind = Kind::kAdd, .order = TakeOrder(), .name = target.name, .entry = *entry});
  return absl::OkStatus();
}

void DiskImage::SyncDirectory(NodeId id, std::uint64_t up_to_order) {
  DirectoryNode& directory = directories_.Mutable(id);
  for (EntryChange& change : directory.changes) {
    if (change.order >= up_to_order || change.durable) continue;
    change.durable = true;
    if (change.kind != Kind::kMoveOut || directories_.Find(change.other) == nullptr) continue;
    // The old name is gone for good, so the new one must be there.
    DirectoryNode& other = directories_.Mutable(change.other);
    for (EntryChange& half : other.changes) {
      if (half.order == change.order) half.durable = true;
    }
    Fold(other);
  }
  Fold(directory);
}

void DiskImage::Fold(DirectoryNode& directory) {
  const auto end = std::find_if(directory.changes.begin(), directory.changes.end(),
                                [](const EntryChange& change) { return !change.durable; });
  for (auto change = directory.changes.begin(); change != end; ++change) {
    Apply(*change, directory.durable);
  }
  directory.changes.erase(directory.changes.begin(), end);
}

// --- Bytes at rest. ---

absl::StatusOr<std::string> DiskImage::ReadFile(std::string_view path) const {
  AURORA_ASSIGN_OR_RETURN(const Entry entry, Find(path));
  if (entry.is_directory) return SystemError(EISDIR, "read", path);
  const FileContents& contents = files_.Get(entry.node).cached();
  std::string bytes(contents.size(), '\0');
  contents.Read(0, bytes);
  return bytes;
}

absl::Status DiskImage::WriteFile(std::string_view path, std::string_view bytes) {
  absl::StatusOr<Entry> entry = Find(path);
  if (!entry.ok()) {
    AURORA_ASSIGN_OR_RETURN(const NodeId created, CreateFile(path));
    entry = Entry{.node = created, .is_directory = false};
    AURORA_ASSIGN_OR_RETURN(const Place place, Locate(path, "write"));
    SyncDirectory(place.directory, next_order_);
  }
  if (entry->is_directory) return SystemError(EISDIR, "write", path);
  FileContents contents;
  contents.Write(0, bytes);
  files_.Mutable(entry->node).Settle(std::move(contents));
  return absl::OkStatus();
}

absl::Status DiskImage::Patch(std::string_view path, std::uint64_t offset, std::string_view bytes) {
  AURORA_ASSIGN_OR_RETURN(const Entry entry, Find(path));
  if (entry.is_directory) return SystemError(EISDIR, "patch", path);
  const std::uint64_t size = files_.Get(entry.node).cached().size();
  if (offset > size || bytes.size() > size - offset) {
    return OutOfRangeError("patch of ", Quoted(path), ": [", offset, ", +", bytes.size(),
                           ") does not lie in its ", size, " bytes");
  }
  files_.Mutable(entry.node).Corrupt(offset, bytes);
  return absl::OkStatus();
}

absl::Status DiskImage::FlipBit(std::string_view path, std::uint64_t offset, int bit) {
  AURORA_CHECK(bit >= 0 && bit < 8);
  AURORA_ASSIGN_OR_RETURN(const Entry entry, Find(path));
  if (entry.is_directory) return SystemError(EISDIR, "flip", path);
  char byte = 0;
  files_.Get(entry.node).cached().Read(offset, std::span<char>(&byte, 1));
  byte = static_cast<char>(byte ^ (1 << bit));
  return Patch(path, offset, std::string_view(&byte, 1));
}

absl::Status DiskImage::RemoveFile(std::string_view path) {
  AURORA_RETURN_IF_ERROR(Remove(path));
  AURORA_ASSIGN_OR_RETURN(const Place place, Locate(path, "unlink"));
  SyncDirectory(place.directory, next_order_);
  return absl::OkStatus();
}

std::uint64_t DiskImage::Hash() const {
  std::string words;
  const auto add = [&](std::uint64_t word) {
    words.append(reinterpret_cast<const char*>(&word), sizeof word);
  };
  for (const std::string& path : Files()) {
    add(SimulationHash(path));
    const absl::StatusOr<std::string> bytes = ReadFile(path);
    AURORA_CHECK(bytes.ok());
    add(SimulationHash(*bytes));
  }
  return SimulationHash(words);
}

}  // namespace aurora
