#include "aurora/runtime/simulation/simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "aurora/runtime/check.h"

namespace aurora {

// --- Crashes. ---

std::vector<LooseWrite> SimulatedDisk::LooseWrites() const {
  std::vector<LooseWrite> loose;
  for (const InFlight* in_flight : in_flight_) loose.push_back(in_flight->write_);
  for (const Mapping* mapping : mappings_) {
    if (mapping->failed) continue;
    const std::vector<LooseWrite> stores = LooseStores(*mapping, 0, mapping->bytes.size());
    loose.insert(loose.end(), stores.begin(), stores.end());
  }
  return loose;
}

DiskImage SimulatedDisk::CrashImage(const CrashMode& mode, std::uint64_t seed) const {
  return AfterCrash(image_, LooseWrites(), mode, seed);
}

void SimulatedDisk::Crash(const CrashMode& mode, std::uint64_t seed) {
  image_ = CrashImage(mode, seed);
  open_.clear();
  locks_.clear();
  in_flight_.clear();
  mappings_.clear();
}

// --- Space. ---

std::uint64_t SimulatedDisk::UsedBytes() const {
  const std::vector<NodeId> linked = image_.LinkedFiles();
  std::uint64_t pages = 0;
  for (const auto& [id, file] : image_.files()) {
    if (IsOpen(id) || std::binary_search(linked.begin(), linked.end(), id)) {
      pages += file->cached().allocated_pages();
    }
  }
  return pages * kPageSize;
}

std::uint64_t SimulatedDisk::FreeBytes() const {
  const std::uint64_t used = UsedBytes();
  return used < capacity_bytes_ ? capacity_bytes_ - used : 0;
}

bool SimulatedDisk::HasRoom(std::uint64_t pages) const {
  return pages == 0 || pages <= FreeBytes() / kPageSize;
}

// --- Contents. ---

int SimulatedDisk::Write(NodeId node, std::uint64_t offset, std::span<const char> bytes,
                         bool durably) {
  AbsorbAll(node);
  if (!HasRoom(image_.files().Get(node).cached().PagesNeeded(offset, bytes.size()))) return ENOSPC;
  FileNode& file = image_.files().Mutable(node);
  const std::uint64_t order = image_.TakeOrder();
  if (durably) {
    file.WriteDurably(order, offset, bytes);
  } else {
    file.Write(order, offset, bytes);
  }
  MirrorToMappings(node, offset, bytes, nullptr);
  return 0;
}

void SimulatedDisk::FailWrite(NodeId node, std::uint64_t offset, std::span<const char> bytes,
                              Random& random) {
  std::size_t size = 0;
  switch (random.Below(4)) {
    case 0:
      size = random.Below(bytes.size() + 1);
      break;
    case 1:
      size = bytes.size();
      break;
    default:
      break;
  }
  // Where not even that has room, as much as has.
  while (size > 0 && Write(node, offset, bytes.first(size), false) != 0) size /= 2;
}

int SimulatedDisk::Resize(NodeId node, std::uint64_t size) {
  AbsorbAll(node);
  image_.files().Mutable(node).Resize(image_.TakeOrder(), size);
  return 0;
}

int SimulatedDisk::Allocate(NodeId node, std::uint64_t size) {
  AbsorbAll(node);
  if (!HasRoom(image_.files().Get(node).cached().PagesNeeded(0, size))) return ENOSPC;
  image_.files().Mutable(node).Allocate(image_.TakeOrder(), size);
  return 0;
}

std::size_t SimulatedDisk::Read(NodeId node, std::uint64_t offset, std::span<char> buffer) {
  AbsorbAll(node);
  return image_.files().Get(node).cached().Read(offset, buffer);
}

std::uint64_t SimulatedDisk::BeginSync(NodeId node) {
  AbsorbAll(node);
  return image_.next_order();
}

void SimulatedDisk::Sync(NodeId node, std::uint64_t up_to_order) {
  image_.files().Mutable(node).Sync(up_to_order);
}

void SimulatedDisk::FailSync(NodeId node, std::uint64_t up_to_order, Random& random) {
  AbsorbAll(node);
  FileNode& file = image_.files().Mutable(node);
  file.FailSync(up_to_order, random);
  for (Mapping* mapping : mappings_) {
    if (mapping->node != node || mapping->failed) continue;
    file.cached().Read(0, mapping->bytes);
  }
}

// --- What a process holds. ---

SimulatedDisk::InFlight::InFlight(SimulatedDisk& disk, NodeId node, std::uint64_t offset,
                                  std::span<const char> bytes, bool submitted)
    : disk_(disk), write_{node, offset, bytes} {
  if (submitted) disk_.in_flight_.push_back(this);
}

void SimulatedDisk::Close(NodeId node) {
  const auto found = open_.find(node);
  AURORA_CHECK(found != open_.end() && found->second > 0);
  if (--found->second > 0) return;
  open_.erase(found);
  CollectGarbage();
}

void SimulatedDisk::CollectGarbage() {
  image_.CollectGarbage([this](NodeId id) { return IsOpen(id); });
}

void SimulatedDisk::Map(Mapping& mapping) {
  AbsorbAll(mapping.node);
  const FileContents& contents = image_.files().Get(mapping.node).cached();
  AURORA_CHECK(mapping.bytes.size() <= contents.size());
  contents.Read(0, mapping.bytes);
  mappings_.push_back(&mapping);
}

std::vector<LooseWrite> SimulatedDisk::LooseStores(const Mapping& mapping, std::uint64_t offset,
                                                   std::uint64_t size) const {
  static constexpr Page kZeros{};
  std::vector<LooseWrite> stores;
  const FileContents& contents = image_.files().Get(mapping.node).cached();
  const std::uint64_t stop = std::min<std::uint64_t>(offset + size, contents.size());
  while (offset < stop) {
    const std::size_t in_page = offset % kPageSize;
    const std::size_t part = std::min<std::uint64_t>(stop - offset, kPageSize - in_page);
    const PageRef& page = contents.page(offset / kPageSize);
    const char* shown = (page == nullptr ? kZeros.bytes : page->bytes) + in_page;
    const char* stored = mapping.bytes.data() + offset;
    if (std::memcmp(shown, stored, part) != 0) {
      std::size_t first = 0;
      while (shown[first] == stored[first]) ++first;
      std::size_t last = part - 1;
      while (shown[last] == stored[last]) --last;
      stores.push_back(
          {mapping.node, offset + first, std::span<const char>(stored + first, last - first + 1)});
    }
    offset += part;
  }
  return stores;
}

bool SimulatedDisk::Absorb(Mapping& mapping, std::uint64_t offset, std::uint64_t size) {
  AURORA_CHECK(offset <= mapping.bytes.size() && size <= mapping.bytes.size() - offset);
  if (mapping.failed) return false;
  if (offset + size > image_.files().Get(mapping.node).cached().size()) mapping.failed = true;
  for (const LooseWrite& store : LooseStores(mapping, offset, size)) {
    if (mapping.failed) break;
    const FileContents& contents = image_.files().Get(mapping.node).cached();
    if (!HasRoom(contents.PagesNeeded(store.offset, store.bytes.size()))) {
      mapping.failed = true;
      break;
    }
    image_.files().Mutable(mapping.node).Write(image_.TakeOrder(), store.offset, store.bytes);
    MirrorToMappings(mapping.node, store.offset, store.bytes, &mapping);
  }
  return !mapping.failed;
}

void SimulatedDisk::MirrorToMappings(NodeId node, std::uint64_t offset, std::span<const char> bytes,
                                     const Mapping* source) {
  for (Mapping* mapping : mappings_) {
    if (mapping->node != node || mapping == source || offset >= mapping->bytes.size()) continue;
    const std::size_t size = std::min<std::size_t>(bytes.size(), mapping->bytes.size() - offset);
    std::memcpy(mapping->bytes.data() + offset, bytes.data(), size);
  }
}

void SimulatedDisk::AbsorbAll(NodeId node) {
  for (Mapping* mapping : mappings_) {
    if (mapping->node == node) Absorb(*mapping, 0, mapping->bytes.size());
  }
}

}  // namespace aurora
