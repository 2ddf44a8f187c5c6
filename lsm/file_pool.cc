#include "aurora/lsm/file_pool.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "aurora/runtime/async_mutex.h"
#include "aurora/runtime/check.h"
#include "aurora/runtime/compiler.h"
#include "aurora/runtime/fault_points.h"
#include "aurora/runtime/status.h"

namespace aurora::lsm {

// Stands for a real file, which it has while it is open. Its word says how many calls use that, so
// that a reader takes no lock: who has pinned an open file may use it until he unpins it; who finds
// it open and not pinned, and closes it in the same atomic step, may take it away.
class FilePool::PooledFile final : public File {
 public:
  PooledFile(FilePool& pool, std::string path, bool direct)
      : File(std::move(path), direct), pool_(pool) {}
  ~PooledFile() override {
    AURORA_CHECK(word_.load(std::memory_order_acquire) < kPin &&
                 "a file must not be destroyed while an operation is in flight");
    pool_.Forget(this);
  }

  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::size_t>> Read(std::uint64_t offset,
                                                             std::span<char> buffer) override;
  AURORA_TASK_WRAPPER Task<absl::StatusOr<std::uint64_t>> Size() override;

  Task<absl::Status> Write(std::uint64_t /*offset*/, std::span<const char> /*bytes*/) override {
    co_return ReadOnlyError("write");
  }
  Task<absl::Status> WriteDurably(std::uint64_t /*offset*/,
                                  std::span<const char> /*bytes*/) override {
    co_return ReadOnlyError("write");
  }
  Task<absl::Status> Sync() override { co_return ReadOnlyError("sync"); }
  Task<absl::Status> Truncate(std::uint64_t /*size*/) override {
    co_return ReadOnlyError("truncate");
  }
  Task<absl::Status> Allocate(std::uint64_t /*size*/) override {
    co_return ReadOnlyError("allocation");
  }
  Task<absl::StatusOr<std::unique_ptr<MappedRegion>>> Map(std::size_t /*size*/) override {
    co_return ReadOnlyError("mapping");
  }

 private:
  friend class FilePool;
  friend class Pin;

  // The word: whether it is open, whether it was read since the pool last looked, and above that
  // the number of pins.
  static constexpr std::uint32_t kOpen = 1;
  static constexpr std::uint32_t kUsed = 2;
  static constexpr std::uint32_t kPin = 4;

  bool TryPin() {
    std::uint32_t word = word_.load(std::memory_order_relaxed);
    do {
      if ((word & kOpen) == 0) return false;
      // Acquire: what the opener has put into real_ is seen.
    } while (!word_.compare_exchange_weak(word, (word | kUsed) + kPin, std::memory_order_acquire,
                                          std::memory_order_relaxed));
    return true;
  }
  void Unpin() {
    // Release: who closes it comes after what was done with it.
    word_.fetch_sub(kPin, std::memory_order_release);
    // If this misses that it was just set, who has set it will see that this one is idle: at the
    // latest when he unpins the file that he has opened.
    if (AURORA_UNLIKELY(pool_.is_over_.load(std::memory_order_relaxed))) pool_.Trim();
  }
  // The real file, which is then closed; null if it is in use, or has its second chance. REQUIRES
  // the pool's mutex, and that it is open.
  std::unique_ptr<File> TakeIfIdle() {
    std::uint32_t word = word_.fetch_and(~kUsed, std::memory_order_relaxed);
    if (word != kOpen) return nullptr;
    if (!word_.compare_exchange_strong(word, 0, std::memory_order_acquire)) return nullptr;
    return std::move(real_);
  }

  absl::Status ReadOnlyError(std::string_view operation) const {
    return FailedPreconditionError(operation, " of ", path(), ": opened for reading only");
  }
  // Opens it again, if nobody else does.
  Task<absl::StatusOr<Pin>> PinClosed();
  Task<absl::StatusOr<std::size_t>> ReadClosed(std::uint64_t offset, std::span<char> buffer);
  static Task<absl::StatusOr<std::size_t>> FinishRead(Pin pin,
                                                      Task<absl::StatusOr<std::size_t>> read);
  Task<absl::StatusOr<std::uint64_t>> AskSize();

  static constexpr std::uint64_t kUnknown = UINT64_MAX;

  FilePool& pool_;
  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint64_t> size_{kUnknown};
  std::unique_ptr<File> real_;  // while it is open: see word_. Else changed under the pool's mutex
  OpenFiles::iterator place_;   // while it is open; protected by the pool's mutex
  AsyncMutex opening_;
};

// A use of an open file, which was pinned for it.
class FilePool::Pin {
 public:
  explicit Pin(PooledFile* file) : file_(file) {}
  Pin(Pin&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
  Pin& operator=(Pin&&) = delete;
  ~Pin() {
    if (file_ != nullptr) file_->Unpin();
  }
  File& real() const { return *file_->real_; }

 private:
  PooledFile* file_;
};

Task<absl::StatusOr<std::size_t>> FilePool::PooledFile::Read(std::uint64_t offset,
                                                             std::span<char> buffer) {
  if (AURORA_UNLIKELY(!TryPin())) return ReadClosed(offset, buffer);
  Pin pin(this);
  Task<absl::StatusOr<std::size_t>> read = real_->Read(offset, buffer);
  if (read.IsReady()) return read;
  return FinishRead(std::move(pin), std::move(read));
}

Task<absl::StatusOr<std::size_t>> FilePool::PooledFile::FinishRead(
    Pin pin, Task<absl::StatusOr<std::size_t>> read) {
  const Pin held = std::move(pin);  // until it is read, not until the frame goes
  co_return co_await std::move(read);
}

Task<absl::StatusOr<std::size_t>> FilePool::PooledFile::ReadClosed(std::uint64_t offset,
                                                                   std::span<char> buffer) {
  AURORA_CO_ASSIGN(const Pin pin, co_await PinClosed());
  co_return co_await pin.real().Read(offset, buffer);
}

Task<absl::StatusOr<std::uint64_t>> FilePool::PooledFile::Size() {
  const std::uint64_t size = size_.load(std::memory_order_relaxed);
  if (size != kUnknown) return absl::StatusOr<std::uint64_t>(size);
  return AskSize();
}

Task<absl::StatusOr<std::uint64_t>> FilePool::PooledFile::AskSize() {
  AURORA_CO_ASSIGN(const Pin pin, co_await PinClosed());
  AURORA_CO_ASSIGN(const std::uint64_t size, co_await pin.real().Size());
  size_.store(size, std::memory_order_relaxed);
  co_return size;
}

Task<absl::StatusOr<FilePool::Pin>> FilePool::PooledFile::PinClosed() {
  const AsyncMutex::Guard guard = co_await opening_.Lock();
  if (TryPin()) co_return Pin(this);
  // As the first time: where that could not have direct I/O, what is read is not aligned for it.
  OpenOptions options;
  options.direct = direct();
  absl::StatusOr<std::unique_ptr<File>> real = co_await pool_.OpenReal(path(), options);
  if (absl::IsNotFound(real.status())) {
    co_return DataLossError(path(),
                            " was removed while the database was open; restore it from a backup");
  }
  AURORA_CO_RETURN_IF_ERROR(real.status());
  pool_.Admit(this, *std::move(real), /*is_pinned=*/true);
  co_return Pin(this);
}

FilePool::FilePool(FileSystem& files, std::size_t open_files_max)
    : ForwardingFileSystem(files), open_files_max_(open_files_max) {
  AURORA_CHECK(open_files_max > 0);
}

FilePool::~FilePool() { AURORA_CHECK(file_count_ == 0 && "a pool must outlive its files"); }

FilePool::Counts FilePool::counts() const {
  const std::lock_guard lock(mutex_);
  return {open_files_.size() + opening_count_, reopened_count_};
}

// --- Opening and closing. ---

Task<absl::StatusOr<std::unique_ptr<File>>> FilePool::OpenPooled(std::string path,
                                                                 OpenOptions options) {
  AURORA_CHECK(options.mode == OpenMode::kReadOnly);
  AURORA_CO_ASSIGN(std::unique_ptr<File> real, co_await OpenReal(path, options));
  auto file = std::make_unique<PooledFile>(*this, std::move(path), real->direct());
  {
    const std::lock_guard lock(mutex_);
    ++file_count_;
  }
  Admit(file.get(), std::move(real), /*is_pinned=*/false);
  co_return file;
}

Task<absl::StatusOr<std::unique_ptr<File>>> FilePool::OpenReal(std::string path,
                                                               OpenOptions options) {
  {
    std::vector<std::unique_ptr<File>> excess;  // closed without the lock
    const std::lock_guard lock(mutex_);
    ++opening_count_;
    excess = TakeExcess();
  }
  absl::StatusOr<std::unique_ptr<File>> real = co_await Open(std::move(path), options);
  if (!real.ok()) GiveUp();
  co_return real;
}

void FilePool::GiveUp() {
  std::vector<std::unique_ptr<File>> excess;
  const std::lock_guard lock(mutex_);
  --opening_count_;
  excess = TakeExcess();
}

void FilePool::Admit(PooledFile* file, std::unique_ptr<File> real, bool is_pinned) {
  std::vector<std::unique_ptr<File>> excess;
  const std::lock_guard lock(mutex_);
  --opening_count_;
  if (is_pinned) ++reopened_count_;
  file->real_ = std::move(real);
  file->place_ = open_files_.insert(open_files_.end(), file);
  const std::uint32_t word = PooledFile::kOpen + (is_pinned ? PooledFile::kPin : 0);
  file->word_.store(word, std::memory_order_release);
  excess = TakeExcess();
}

void FilePool::Forget(PooledFile* file) {
  const std::lock_guard lock(mutex_);
  --file_count_;
  if (file->real_ == nullptr) return;
  open_files_.erase(file->place_);
  NoteCount();
}

void FilePool::Trim() {
  std::vector<std::unique_ptr<File>> excess;
  const std::lock_guard lock(mutex_);
  excess = TakeExcess();
}

void FilePool::NoteCount() {
  is_over_.store(open_files_.size() + opening_count_ > open_files_max_, std::memory_order_relaxed);
}

std::vector<std::unique_ptr<File>> FilePool::TakeExcess() {
  const std::size_t count = open_files_.size() + opening_count_;
  std::vector<std::unique_ptr<File>> excess;
  if (count > open_files_max_ && !AURORA_PLANTED_BUG("file-pool-keeps-files-open")) {
    excess = TakeIdle(count - open_files_max_);
  }
  NoteCount();
  return excess;
}

std::vector<std::unique_ptr<File>> FilePool::TakeIdle(std::size_t count) {
  std::vector<std::unique_ptr<File>> idle;
  count = std::min(count, open_files_.size());  // more may be on their way
  // Each has its second chance in the first half.
  for (std::size_t looks = 2 * open_files_.size(); looks > 0 && idle.size() < count; --looks) {
    std::unique_ptr<File> real = open_files_.front()->TakeIfIdle();
    if (real != nullptr) {
      open_files_.pop_front();
      idle.push_back(std::move(real));
    } else {
      open_files_.splice(open_files_.end(), open_files_, open_files_.begin());
    }
  }
  return idle;
}

// --- Out of descriptors. ---

std::uint64_t FilePool::freed_times() const {
  const std::lock_guard lock(mutex_);
  return freed_times_;
}

bool FilePool::FreeDescriptors(std::uint64_t known) {
  if (AURORA_PLANTED_BUG("file-pool-keeps-descriptors")) return false;
  const std::lock_guard lock(mutex_);
  if (freed_times_ != known) return true;
  std::vector<std::unique_ptr<File>> idle = TakeIdle((open_files_.size() + 1) / 2);
  if (idle.empty()) return false;
  // Under the lock: whoever is told that some were freed finds them free.
  idle.clear();
  ++freed_times_;
  open_files_max_ = std::clamp<std::size_t>(open_files_.size(), 1, open_files_max_);
  NoteCount();
  return true;
}

template <class Result, class Operation>
Task<Result> FilePool::WithDescriptors(Operation operation) {
  for (;;) {
    const std::uint64_t known = freed_times();
    Result result = co_await operation();
    if (!IsOutOfDescriptors(ToStatus(result)) || !FreeDescriptors(known)) co_return result;
  }
}

Task<absl::StatusOr<std::unique_ptr<File>>> FilePool::Open(std::string path, OpenOptions options) {
  using Result = absl::StatusOr<std::unique_ptr<File>>;
  return WithDescriptors<Result>([this, path = std::move(path), options]()
                                     AURORA_TASK_WRAPPER { return base().Open(path, options); });
}

Task<absl::StatusOr<std::vector<DirectoryEntry>>> FilePool::List(std::string path) {
  using Result = absl::StatusOr<std::vector<DirectoryEntry>>;
  return WithDescriptors<Result>([this, path = std::move(path)]()
                                     AURORA_TASK_WRAPPER { return base().List(path); });
}

Task<absl::Status> FilePool::SyncDirectory(std::string path) {
  return WithDescriptors<absl::Status>(
      [this, path = std::move(path)]() AURORA_TASK_WRAPPER { return base().SyncDirectory(path); });
}

}  // namespace aurora::lsm
