// The disk of a simulated machine while the machine runs: a DiskImage, and what only a running
// process adds to it: open files, locks, mapped regions, writes in flight, and a capacity.
//
// It knows nothing of time or faults; see simulated_file_system.h. Single-threaded.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/simulation/crash.h"
#include "aurora/runtime/simulation/crash_mode.h"
#include "aurora/runtime/simulation/disk_image.h"

namespace aurora {

class SimulatedDisk {
 public:
  SimulatedDisk(DiskImage image, std::uint64_t capacity_bytes)
      : image_(std::move(image)), capacity_bytes_(capacity_bytes) {}
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  // The state of the disk right now; tests may look at it and damage it.
  DiskImage& image() { return image_; }
  const DiskImage& image() const { return image_; }

  // What a crash at this very moment would leave, writes in flight and unpublished stores included.
  // The disk itself goes on. Equal seeds give equal images. Cost: a few microseconds, and 4 KiB for
  // each page that is pending.
  DiskImage CrashImage(const CrashMode& mode, std::uint64_t seed) const;
  // What a crash at this very moment would find in flight or unpublished, beyond image(). The bytes
  // are those of the writers, and so are valid until the next operation.
  std::vector<LooseWrite> LooseWrites() const;
  // The crash itself: the image is replaced, and every lock, open file, mapping and write in flight
  // is forgotten.
  void Crash(const CrashMode& mode, std::uint64_t seed);

  // Space, in whole pages of the files that have a name or are open.
  std::uint64_t capacity_bytes() const { return capacity_bytes_; }
  void set_capacity_bytes(std::uint64_t capacity_bytes) { capacity_bytes_ = capacity_bytes; }
  std::uint64_t UsedBytes() const;
  std::uint64_t FreeBytes() const;

  // --- Contents. Each fails with ENOSPC (an errno; 0 is success) if there is no room. ---
  int Write(NodeId node, std::uint64_t offset, std::span<const char> bytes, bool durably);
  // What a write that reported an error may have done all the same, drawn.
  void FailWrite(NodeId node, std::uint64_t offset, std::span<const char> bytes, Random& random);
  int Resize(NodeId node, std::uint64_t size);
  int Allocate(NodeId node, std::uint64_t size);
  std::size_t Read(NodeId node, std::uint64_t offset, std::span<char> buffer);
  // The dirty changes that a sync called now covers are those before the result.
  std::uint64_t BeginSync(NodeId node);
  void Sync(NodeId node, std::uint64_t up_to_order);
  void FailSync(NodeId node, std::uint64_t up_to_order, Random& random);

  // --- What a process holds. ---
  void Open(NodeId node) { ++open_[node]; }
  void Close(NodeId node);
  // Forgets the files that are neither named nor open.
  void CollectGarbage();
  bool IsOpen(NodeId node) const { return open_.contains(node); }
  std::size_t open_count() const { return open_.size(); }
  bool TryLock(NodeId node) { return locks_.emplace(node, true).second; }
  void Unlock(NodeId node) { locks_.erase(node); }
  std::size_t lock_count() const { return locks_.size(); }

  // A write that has been submitted, from then until it is retired. A crash of the machine may
  // leave any part of it.
  class InFlight {
   public:
    // `submitted`: false makes an object that does nothing.
    InFlight(SimulatedDisk& disk, NodeId node, std::uint64_t offset, std::span<const char> bytes,
             bool submitted);
    ~InFlight() { Retire(); }
    InFlight(const InFlight&) = delete;
    InFlight& operator=(const InFlight&) = delete;
    void Retire() { std::erase(disk_.in_flight_, this); }

   private:
    friend class SimulatedDisk;
    SimulatedDisk& disk_;
    const LooseWrite write_;
  };

  // Memory that mirrors the first bytes of a file. Stores into `bytes` reach the file's page cache
  // when they are absorbed: on Absorb, and on every read, write, sync and crash of the file.
  struct Mapping {
    NodeId node = 0;
    std::span<char> bytes;
    bool failed = false;  // a page could not be provided: no store reaches the file any more
  };
  void Map(Mapping& mapping);
  void Unmap(Mapping& mapping) { std::erase(mappings_, &mapping); }
  // Takes over the stores into [offset, offset + size). False if the mapping has failed.
  bool Absorb(Mapping& mapping, std::uint64_t offset, std::uint64_t size);

 private:
  // Stores in [offset, offset + size) of the mapping that the file does not show, a run a page.
  std::vector<LooseWrite> LooseStores(const Mapping& mapping, std::uint64_t offset,
                                      std::uint64_t size) const;
  void AbsorbAll(NodeId node);
  // Shows a change of the file in its mappings, except `source`, where it came from.
  void MirrorToMappings(NodeId node, std::uint64_t offset, std::span<const char> bytes,
                        const Mapping* source);
  bool HasRoom(std::uint64_t pages) const;

  DiskImage image_;
  std::uint64_t capacity_bytes_;
  std::map<NodeId, int> open_;
  std::map<NodeId, bool> locks_;
  std::vector<const InFlight*> in_flight_;  // in the order of submission
  std::vector<Mapping*> mappings_;          // in the order of creation
};

}  // namespace aurora
