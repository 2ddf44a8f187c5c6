// Files against the machine: random reads and synced writes of 4 KiB through a FileSystem, beside
// hand-written loops over liburing and over system calls that do the same.
//
//   bazel run --config=opt //bench:file_benchmark
//
// The two sides of a pair take turns, a batch each, so that whatever else the machine does hits
// both alike. Counters: `ours_us` and `raw_us`, the median microseconds an operation; `ours_cpu_us`
// and `raw_cpu_us`, the processor time of the process for it; `ratio`, the median over the turns of
// our throughput divided by the raw one.
//
// AURORA_BENCH_FILE_MIB sets the size of the data file (1024); it is made in $TEST_TMPDIR, or else
// /tmp, and removed at the end.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aurora/bench/workloads/raw_reads.h"
#include "aurora/runtime/block_on.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/event_loop.h"
#include "aurora/runtime/executor.h"
#include "aurora/runtime/file.h"
#include "aurora/runtime/io_uring_file_system.h"
#include "aurora/runtime/random.h"
#include "aurora/runtime/task.h"
#include "aurora/runtime/task_group.h"
#include "aurora/runtime/thread_file_system.h"

namespace aurora {
namespace {

constexpr std::size_t kBlock = kDeviceBlockSize;
// A turn takes some tens of milliseconds.
constexpr std::size_t kReadsPerTurnAlone = 256;
constexpr std::size_t kReadsPerTurn = 2048;
constexpr std::size_t kWritesPerTurn = 128;
constexpr std::uint64_t kLogBytes = 64 << 20;

// The files of this run: one to read, full of blocks that no device can compress or deduplicate,
// and one to write, already written once.
class DataFiles {
 public:
  DataFiles() {
    const char* directory = ::getenv("TEST_TMPDIR");
    const char* mib = ::getenv("AURORA_BENCH_FILE_MIB");
    root_ = std::string(directory != nullptr ? directory : "/tmp") + "/aurora_file_bench_XXXXXX";
    AURORA_CHECK(::mkdtemp(root_.data()) != nullptr);
    data_bytes_ = (mib != nullptr ? std::strtoull(mib, nullptr, 10) : 1024) << 20;
    AURORA_CHECK(data_bytes_ > 0);
    bench::WriteIncompressibleFile(data_path(), data_bytes_, 1);
    bench::WriteIncompressibleFile(log_path(), kLogBytes, 2);
  }
  ~DataFiles() {
    ::unlink(data_path().c_str());
    ::unlink(log_path().c_str());
    ::rmdir(root_.c_str());
  }
  std::string data_path() const { return root_ + "/data"; }
  std::string log_path() const { return root_ + "/log"; }

  // Where to read: the same for all.
  std::vector<std::uint64_t> RandomOffsets(std::size_t count) {
    std::vector<std::uint64_t> offsets(count);
    for (std::uint64_t& offset : offsets) offset = random_.Below(data_bytes_ / kBlock) * kBlock;
    return offsets;
  }

 private:
  std::string root_;
  std::uint64_t data_bytes_ = 0;
  SeededRandom random_{1};
};

DataFiles* data_files = nullptr;

// One side of a pair.
class Contender {
 public:
  virtual ~Contender() = default;
  // Does one batch of operations, given where.
  virtual void Run(const std::vector<std::uint64_t>& offsets) = 0;
};

// Ours.

std::unique_ptr<FileSystem> MakeFiles(bool io_uring) {
  // Nothing is carried to it: every coroutine here runs on a loop with a ring.
  static EventLoop unused_io(/*with_ring=*/true);
  if (!io_uring) return MakeThreadFileSystem();
  absl::StatusOr<std::unique_ptr<FileSystem>> files = MakeIoUringFileSystem(unused_io);
  if (!files.ok()) std::fprintf(stderr, "%s\n", files.status().ToString().c_str());
  AURORA_CHECK(files.ok());
  return *std::move(files);
}

class OurContender : public Contender {
 public:
  OurContender(bool io_uring, const std::string& path) : files_(MakeFiles(io_uring)) {
    OpenOptions options;
    options.mode = OpenMode::kReadWrite;
    options.direct = true;
    absl::StatusOr<std::unique_ptr<File>> file = BlockOn(files_->Open(path, options));
    AURORA_CHECK(file.ok() && (*file)->direct());
    file_ = *std::move(file);
  }

 protected:
  File* file() { return file_.get(); }

 private:
  const std::unique_ptr<FileSystem> files_;
  std::unique_ptr<File> file_;
};

// `depth` coroutines on one loop.
class OurReads final : public OurContender {
 public:
  OurReads(bool io_uring, std::size_t depth)
      : OurContender(io_uring, data_files->data_path()),
        depth_(depth),
        buffers_(bench::MakeAlignedBuffer(depth * kBlock)) {}

  void Run(const std::vector<std::uint64_t>& offsets) override { BlockOn(RunReaders(&offsets)); }

 private:
  Task<void> RunReaders(const std::vector<std::uint64_t>* offsets) {
    std::size_t next = 0;
    TaskGroup readers;
    for (std::size_t i = 0; i < depth_; ++i) {
      const std::span<char> buffer(buffers_.get() + i * kBlock, kBlock);
      readers.Spawn(*Executor::Current(), ReadInTurn(file(), offsets, &next, buffer));
    }
    const absl::Status status = co_await readers.Join();
    AURORA_CHECK(status.ok());
  }

  static Task<void> ReadInTurn(File* file, const std::vector<std::uint64_t>* offsets,
                               std::size_t* next, std::span<char> buffer) {
    while (*next < offsets->size()) {
      const std::uint64_t offset = (*offsets)[(*next)++];
      const absl::StatusOr<std::size_t> count = co_await file->Read(offset, buffer);
      AURORA_CHECK(count.ok() && *count == kBlock);
    }
  }

  const std::size_t depth_;
  const bench::AlignedBuffer buffers_;
};

class OurWrites final : public OurContender {
 public:
  explicit OurWrites(bool io_uring) : OurContender(io_uring, data_files->log_path()) {}

  void Run(const std::vector<std::uint64_t>& offsets) override {
    BlockOn(WriteInTurn(file(), &offsets, std::span(block_.get(), kBlock)));
  }

 private:
  static Task<void> WriteInTurn(File* file, const std::vector<std::uint64_t>* offsets,
                                std::span<const char> block) {
    for (const std::uint64_t offset : *offsets) {
      const absl::Status status = co_await file->WriteDurably(offset, block);
      AURORA_CHECK(status.ok());
    }
  }

  const bench::AlignedBuffer block_ = bench::MakeAlignedBuffer(kBlock);
};

// The hand-written loops.

class RawContender : public Contender {
 public:
  RawContender(const std::string& path, unsigned ring_entries)
      : fd_(::open(path.c_str(), O_RDWR | O_DIRECT | O_CLOEXEC)) {
    AURORA_CHECK(fd_ >= 0);
    io_uring_params params = {};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    AURORA_CHECK(io_uring_queue_init_params(ring_entries, &ring_, &params) == 0);
  }
  ~RawContender() override {
    io_uring_queue_exit(&ring_);
    ::close(fd_);
  }

 protected:
  int fd() const { return fd_; }
  io_uring* ring() { return &ring_; }

 private:
  const int fd_;
  io_uring ring_;
};

class RawReads final : public Contender {
 public:
  explicit RawReads(unsigned depth) : reads_(data_files->data_path(), depth, kBlock) {}
  void Run(const std::vector<std::uint64_t>& offsets) override { reads_.Run(offsets); }

 private:
  bench::RawReads reads_;
};

enum class RawWrite {
  kRing,        // one entry with RWF_DSYNC
  kLinkedRing,  // a write, and an fdatasync linked to it
  kCalls,       // pwrite, fdatasync
  kDsyncCall,   // pwritev2 with RWF_DSYNC
};

class RawWrites final : public RawContender {
 public:
  explicit RawWrites(RawWrite kind) : RawContender(data_files->log_path(), 8), kind_(kind) {}

  void Run(const std::vector<std::uint64_t>& offsets) override {
    for (const std::uint64_t offset : offsets) Write(offset);
  }

 private:
  void Write(std::uint64_t offset) {
    const iovec piece = {block_.get(), kBlock};
    switch (kind_) {
      case RawWrite::kRing:
      case RawWrite::kLinkedRing:
        return WriteThroughRing(offset);
      case RawWrite::kCalls:
        AURORA_CHECK(::pwrite(fd(), block_.get(), kBlock, static_cast<off_t>(offset)) == kBlock);
        AURORA_CHECK(::fdatasync(fd()) == 0);
        return;
      case RawWrite::kDsyncCall:
        AURORA_CHECK(::pwritev2(fd(), &piece, 1, static_cast<off_t>(offset), RWF_DSYNC) == kBlock);
        return;
    }
  }

  void WriteThroughRing(std::uint64_t offset) {
    const bool linked = kind_ == RawWrite::kLinkedRing;
    const int entries = linked ? 2 : 1;
    io_uring_sqe* entry = io_uring_get_sqe(ring());
    io_uring_prep_write(entry, fd(), block_.get(), kBlock, offset);
    if (linked) {
      entry->flags |= IOSQE_IO_LINK;
      io_uring_prep_fsync(io_uring_get_sqe(ring()), fd(), IORING_FSYNC_DATASYNC);
    } else {
      entry->rw_flags = RWF_DSYNC;
    }
    AURORA_CHECK(io_uring_submit_and_wait(ring(), static_cast<unsigned>(entries)) == entries);
    for (int i = 0; i < entries; ++i) {
      io_uring_cqe* completion;
      AURORA_CHECK(io_uring_peek_cqe(ring(), &completion) == 0 && completion->res >= 0);
      io_uring_cqe_seen(ring(), completion);
    }
  }

  const RawWrite kind_;
  const bench::AlignedBuffer block_ = bench::MakeAlignedBuffer(kBlock);
};

// The pairs.

double SecondsOf(clockid_t clock) {
  timespec time;
  AURORA_CHECK(::clock_gettime(clock, &time) == 0);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double Median(std::vector<double> values) {
  AURORA_CHECK(!values.empty());
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

struct Side {
  Contender& contender;
  std::vector<double> seconds;
  std::vector<double> cpu_seconds;

  void Run(const std::vector<std::uint64_t>& offsets) {
    const double cpu = SecondsOf(CLOCK_PROCESS_CPUTIME_ID);
    const double start = SecondsOf(CLOCK_MONOTONIC);
    contender.Run(offsets);
    seconds.push_back(SecondsOf(CLOCK_MONOTONIC) - start);
    cpu_seconds.push_back(SecondsOf(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  }
};

// Lets the two take turns until the benchmark has enough. `next_offsets` makes the batches.
template <class NextOffsets>
void TakeTurns(benchmark::State& state, Contender& ours, Contender& raw, NextOffsets next_offsets) {
  Side our_side{ours, {}, {}};
  Side raw_side{raw, {}, {}};
  std::vector<double> ratios;
  std::size_t batch = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const std::vector<std::uint64_t> our_offsets = next_offsets();
    const std::vector<std::uint64_t> raw_offsets = next_offsets();
    batch = our_offsets.size();
    state.ResumeTiming();
    const bool ours_first = ratios.size() % 2 == 0;
    if (ours_first) our_side.Run(our_offsets);
    raw_side.Run(raw_offsets);
    if (!ours_first) our_side.Run(our_offsets);
    ratios.push_back(raw_side.seconds.back() / our_side.seconds.back());
  }
  const double to_us = 1e6 / static_cast<double>(batch);
  state.counters["ours_us"] = Median(our_side.seconds) * to_us;
  state.counters["raw_us"] = Median(raw_side.seconds) * to_us;
  state.counters["ours_cpu_us"] = Median(our_side.cpu_seconds) * to_us;
  state.counters["raw_cpu_us"] = Median(raw_side.cpu_seconds) * to_us;
  state.counters["ratio"] = Median(ratios);
}

void Reads(benchmark::State& state, bool io_uring) {
  const std::size_t depth = static_cast<std::size_t>(state.range(0));
  OurReads ours(io_uring, depth);
  RawReads raw(static_cast<unsigned>(depth));
  const std::size_t batch = depth == 1 ? kReadsPerTurnAlone : kReadsPerTurn;
  TakeTurns(state, ours, raw, [&] { return data_files->RandomOffsets(batch); });
}

void SyncedWrites(benchmark::State& state, bool io_uring, RawWrite kind) {
  OurWrites ours(io_uring);
  RawWrites raw(kind);
  std::uint64_t offset = 0;
  TakeTurns(state, ours, raw, [&] {
    std::vector<std::uint64_t> offsets;
    while (offsets.size() < kWritesPerTurn) {
      offsets.push_back(offset);
      offset = (offset + kBlock) % kLogBytes;
    }
    return offsets;
  });
}

void Depths(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseRealTime()->MinTime(3)->Unit(benchmark::kMillisecond)->ArgName("depth");
  for (int depth : {1, 32, 128}) benchmark->Arg(depth);
}
void Writes(benchmark::internal::Benchmark* benchmark) {
  benchmark->UseRealTime()->MinTime(3)->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(Reads, io_uring, true)->Apply(Depths);
BENCHMARK_CAPTURE(Reads, threads, false)->Apply(Depths);
BENCHMARK_CAPTURE(SyncedWrites, io_uring_vs_ring, true, RawWrite::kRing)->Apply(Writes);
BENCHMARK_CAPTURE(SyncedWrites, io_uring_vs_linked_ring, true, RawWrite::kLinkedRing)
    ->Apply(Writes);
BENCHMARK_CAPTURE(SyncedWrites, io_uring_vs_calls, true, RawWrite::kCalls)->Apply(Writes);
BENCHMARK_CAPTURE(SyncedWrites, threads_vs_calls, false, RawWrite::kCalls)->Apply(Writes);
BENCHMARK_CAPTURE(SyncedWrites, threads_vs_dsync_call, false, RawWrite::kDsyncCall)->Apply(Writes);

}  // namespace
}  // namespace aurora

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  aurora::DataFiles files;
  aurora::data_files = &files;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
