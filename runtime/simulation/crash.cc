#include "aurora/runtime/simulation/crash.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

using Writes = CrashMode::Writes;
using Entries = CrashMode::Entries;
using TornBytes = CrashMode::TornBytes;

// What becomes of one un-synced change of a file.
enum class Fate : std::uint8_t {
  kLost,
  kWhole,
  kPart,  // the first sectors only
  kTorn,  // sectors at random, the others as CrashMode::torn says
  kSectors,
  kSizeOnly,
};

struct Unsynced {
  NodeId node;
  const FileChange* change;
  Fate fate = Fate::kLost;
};

class MachineCrash {
 public:
  MachineCrash(const DiskImage& image, const CrashMode& mode, std::uint64_t seed)
      : image_(image), mode_(mode), random_(seed) {
    AURORA_CHECK(!mode.process_only && mode.sector_bytes > 0 && mode.percent <= 100);
  }

  DiskImage Run(const std::vector<LooseWrite>& loose) {
    std::uint64_t order = image_.next_order();
    loose_changes_.reserve(loose.size());
    for (const LooseWrite& write : loose) {
      if (write.bytes.empty()) continue;
      loose_changes_.emplace_back(write.node, MakeWrite(order++, write.offset, write.bytes));
    }
    Collect();
    DecideFates();
    DecideMoves();
    DiskImage survivor = image_;
    for (const NodeId node : touched_) SettleFile(node, survivor);
    for (const auto& [id, directory] : image_.directories()) {
      if (!directory->changes.empty()) SettleDirectory(id, *directory, survivor);
    }
    survivor.CountBoot();
    survivor.CollectGarbage([](NodeId) { return false; });
    return survivor;
  }

 private:
  void Collect() {
    for (const auto& [id, file] : image_.files()) {
      for (const FileChange& change : file->changes()) {
        if (change.state != FileChange::State::kDurable) unsynced_.push_back({id, &change});
      }
      if (!file->changes().empty()) touched_.push_back(id);
    }
    std::sort(unsynced_.begin(), unsynced_.end(), [](const Unsynced& a, const Unsynced& b) {
      return a.change->order < b.change->order;
    });
    for (const auto& [node, change] : loose_changes_) {
      unsynced_.push_back({node, &change});
      touched_.push_back(node);
    }
    std::sort(touched_.begin(), touched_.end());
    touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
  }

  void DecideFates() {
    const std::size_t count = unsynced_.size();
    if (count == 0) return;
    const std::size_t point = random_.Below(count + 1);
    for (std::size_t i = 0; i < count; ++i) {
      Fate& fate = unsynced_[i].fate;
      switch (mode_.writes) {
        case Writes::kNone:
          fate = Fate::kLost;
          break;
        case Writes::kAll:
          fate = Fate::kWhole;
          break;
        case Writes::kDataWithoutSize:
          // What a truncation cut off is data too, and stays.
          fate =
              unsynced_[i].change->kind == FileChange::Kind::kResize ? Fate::kLost : Fate::kWhole;
          break;
        case Writes::kSectors:
          fate = Fate::kSectors;
          break;
        case Writes::kPrefix:
          fate = i < point ? Fate::kWhole : i == point ? Fate::kPart : Fate::kLost;
          break;
        case Writes::kLastOnly:
          fate = i + 1 == count ? Fate::kWhole : Fate::kLost;
          break;
        case Writes::kReordered:
          fate = random_.Below(2) == 0 ? Fate::kLost : Fate::kWhole;
          break;
        case Writes::kTorn:
          fate = DrawTornFate();
          break;
        case Writes::kSizeWithoutData:
          fate = Fate::kSizeOnly;
          break;
      }
    }
    if (mode_.writes == Writes::kReordered && count >= 2) {
      const std::size_t lost = random_.Below(count - 1);
      unsynced_[lost].fate = Fate::kLost;
      unsynced_[lost + 1 + random_.Below(count - 1 - lost)].fate = Fate::kWhole;
    }
  }

  Fate DrawTornFate() {
    static constexpr Fate kFates[] = {Fate::kLost, Fate::kWhole, Fate::kTorn};
    return kFates[random_.Below(3)];
  }

  Fate FateOf(const FileChange& change) const {
    if (change.state == FileChange::State::kDurable) return Fate::kWhole;
    const auto found = std::partition_point(
        unsynced_.begin(), unsynced_.end(),
        [&](const Unsynced& unsynced) { return unsynced.change->order < change.order; });
    AURORA_CHECK(found != unsynced_.end() && found->change->order == change.order);
    return found->fate;
  }

  void SettleFile(NodeId node, DiskImage& survivor) {
    const FileNode& file = image_.files().Get(node);
    FileContents contents = file.durable();
    for (const FileChange& change : file.changes()) {
      ApplyFate(change, FateOf(change), contents);
    }
    for (const auto& [loose_node, change] : loose_changes_) {
      if (loose_node == node) ApplyFate(change, FateOf(change), contents);
    }
    if (mode_.writes == Writes::kDataWithoutSize) {
      contents.Resize(std::min(contents.size(), SizeOfDurable(file)));
    }
    survivor.files().Mutable(node).Settle(std::move(contents));
  }

  // The size that the durable changes alone give.
  static std::uint64_t SizeOfDurable(const FileNode& file) {
    FileContents contents = file.durable();
    for (const FileChange& change : file.changes()) {
      if (change.state == FileChange::State::kDurable) Apply(change, contents);
    }
    return contents.size();
  }

  void ApplyFate(const FileChange& change, Fate fate, FileContents& contents) {
    if (fate == Fate::kLost) return;
    if (fate == Fate::kWhole) return Apply(change, contents);
    if (change.kind != FileChange::Kind::kWrite) {
      // A change of size alone is atomic.
      if (fate == Fate::kSizeOnly || random_.Below(2) == 0) Apply(change, contents);
      return;
    }
    if (fate == Fate::kSizeOnly) return contents.Allocate(std::max(contents.size(), change.end()));
    const std::uint64_t first = change.offset / mode_.sector_bytes;
    const std::uint64_t last = (change.end() - 1) / mode_.sector_bytes;
    const std::uint64_t whole_until = first + random_.Below(last - first + 1);
    for (std::uint64_t sector = first; sector <= last; ++sector) {
      const bool survives = fate == Fate::kPart      ? sector < whole_until
                            : fate == Fate::kSectors ? random_.Below(100) < mode_.percent
                                                     : random_.Below(2) == 0;
      ApplySector(change, sector, survives, fate, contents);
    }
    // The size may have reached the device before the data did.
    if (random_.Below(2) == 0 && contents.size() < change.end()) contents.Resize(change.end());
  }

  void ApplySector(const FileChange& change, std::uint64_t sector, bool survives, Fate fate,
                   FileContents& contents) {
    std::uint64_t begin = std::max(change.offset, sector * mode_.sector_bytes);
    std::uint64_t end = std::min(change.end(), (sector + 1) * mode_.sector_bytes);
    if (survives) return ApplyPart(change, begin, end, contents);
    if (fate != Fate::kTorn || mode_.torn == TornBytes::kOld) return;
    if (mode_.tear_neighbours) {
      begin = sector * mode_.sector_bytes;
      end = std::max(end, std::min(contents.size(), (sector + 1) * mode_.sector_bytes));
    }
    std::string garbage(end - begin, '\0');
    if (mode_.torn == TornBytes::kRandom) {
      for (char& byte : garbage) byte = static_cast<char>(random_.Next64());
    }
    contents.Write(begin, garbage);
  }

  // The fates of renames between directories, which two directories have to agree on.
  enum class MoveFate : std::uint8_t { kLost, kBothNames, kMoved };
  void DecideMoves() {
    static constexpr MoveFate kFates[] = {MoveFate::kLost, MoveFate::kBothNames, MoveFate::kMoved};
    for (const auto& [id, directory] : image_.directories()) {
      for (const EntryChange& change : directory->changes) {
        if (change.kind != EntryChange::Kind::kMoveOut) continue;
        MoveFate fate = MoveFate::kLost;
        if (change.durable || mode_.entries == Entries::kKept) fate = MoveFate::kMoved;
        if (mode_.entries == Entries::kRandom && !change.durable) fate = kFates[random_.Below(3)];
        moves_.emplace(change.order, fate);
      }
    }
  }

  bool Survives(const EntryChange& change) {
    if (change.durable) return true;
    if (const auto move = moves_.find(change.order); move != moves_.end()) {
      return change.kind == EntryChange::Kind::kAdd ? move->second != MoveFate::kLost
                                                    : move->second == MoveFate::kMoved;
    }
    switch (mode_.entries) {
      case Entries::kLost:
        return false;
      case Entries::kKept:
        return true;
      case Entries::kRandom:
        return random_.Below(2) == 0;
      case Entries::kRemovalsOnly:
        return change.kind == EntryChange::Kind::kRemove;
    }
    return false;
  }

  void SettleDirectory(NodeId id, const DirectoryNode& directory, DiskImage& survivor) {
    EntryMap entries = directory.durable;
    for (const EntryChange& change : directory.changes) {
      if (!Survives(change)) continue;
      Apply(change, entries);
      const bool both_names = !change.durable && change.kind == EntryChange::Kind::kRename &&
                              mode_.entries == Entries::kRandom && random_.Below(3) == 0;
      if (both_names) entries.emplace(change.from, change.entry);
    }
    DirectoryNode& node = survivor.directories().Mutable(id);
    node.durable = entries;
    node.cached = std::move(entries);
    node.changes.clear();
  }

  const DiskImage& image_;
  const CrashMode& mode_;
  SeededRandom random_;
  std::vector<std::pair<NodeId, FileChange>> loose_changes_;
  std::vector<Unsynced> unsynced_;
  std::vector<NodeId> touched_;              // the files with changes, sorted
  std::map<std::uint64_t, MoveFate> moves_;  // by order
};

DiskImage AfterProcessCrash(const DiskImage& image, const std::vector<LooseWrite>& loose,
                            std::uint64_t seed) {
  SeededRandom random(seed);
  DiskImage survivor = image;
  for (const LooseWrite& write : loose) {
    if (write.bytes.empty()) continue;
    std::size_t size = 0;
    switch (random.Below(3)) {
      case 0:
        break;
      case 1:
        size = write.bytes.size();
        break;
      default:
        size = random.Below(write.bytes.size());
    }
    survivor.files()
        .Mutable(write.node)
        .Write(survivor.TakeOrder(), write.offset, write.bytes.first(size));
  }
  survivor.CollectGarbage([](NodeId) { return false; });
  return survivor;
}

}  // namespace

DiskImage AfterCrash(const DiskImage& image, const std::vector<LooseWrite>& loose,
                     const CrashMode& mode, std::uint64_t seed) {
  if (mode.process_only) return AfterProcessCrash(image, loose, seed);
  return MachineCrash(image, mode, seed).Run(loose);
}

}  // namespace aurora
