// The open files, mapped regions and locks of a SimulatedFileSystem. Internal to this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/simulation/simulated_disk.h"
#include "aurora/runtime/simulation/simulated_file_system.h"
#include "aurora/runtime/task.h"

namespace aurora {

class SimulatedFile final : public File {
 public:
  SimulatedFile(SimulatedFileSystem& files, NodeId node, std::string path,
                const OpenOptions& options);
  ~SimulatedFile() override;

  Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset, std::span<char> buffer) override;
  Task<absl::Status> Write(std::uint64_t offset, std::span<const char> bytes) override;
  Task<absl::Status> WriteDurably(std::uint64_t offset, std::span<const char> bytes) override;
  Task<absl::Status> Sync() override;
  Task<absl::Status> Truncate(std::uint64_t size) override;
  Task<absl::Status> Allocate(std::uint64_t size) override;
  Task<absl::StatusOr<std::uint64_t>> Size() override;
  Task<absl::StatusOr<std::unique_ptr<MappedRegion>>> Map(std::size_t size) override;

 private:
  // Counts the operations in flight, for the check of the destructor.
  class Use {
   public:
    explicit Use(SimulatedFile& file) : file_(file) { ++file_.in_flight_; }
    ~Use() { --file_.in_flight_; }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    SimulatedFile& file_;
  };
  Task<absl::Status> WriteInFull(std::uint64_t offset, std::span<const char> bytes, bool durably);
  absl::Status CheckWritable(std::string_view operation) const;
  absl::Status CheckTransfer(std::string_view operation, std::uint64_t offset,
                             std::span<const char> bytes) const;
  NodeId node() const { return handle_.node(); }

  SimulatedFileSystem& files_;
  SimulatedFileSystem::Handle handle_;
  const bool writable_;
  int in_flight_ = 0;
};

class SimulatedRegion final : public MappedRegion {
 public:
  SimulatedRegion(SimulatedFileSystem& files, NodeId node, std::string path, std::size_t size);
  ~SimulatedRegion() override;
  std::span<char> bytes() override { return mapping_.bytes; }
  absl::Status Publish(std::size_t offset, std::size_t size) override;
  void Prepare(std::size_t offset, std::size_t size) override;
  void Retire(std::size_t end) override;

 private:
  struct Free {
    void operator()(char* memory) const;
  };
  SimulatedFileSystem& files_;
  const std::string path_;
  SimulatedFileSystem::Handle handle_;
  std::unique_ptr<char, Free> memory_;
  SimulatedDisk::Mapping mapping_;
  std::size_t retired_ = 0;
};

class SimulatedLock final : public FileLock {
 public:
  // The lock must have been taken.
  SimulatedLock(SimulatedFileSystem& files, NodeId node, std::string path);
  ~SimulatedLock() override;

 private:
  SimulatedFileSystem& files_;
  SimulatedFileSystem::Handle handle_;
};

}  // namespace aurora
