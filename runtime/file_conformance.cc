#include "aurora/runtime/file_conformance.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "aurora/runtime/strings.h"

namespace aurora {

// A library whose tests nobody instantiates is not an error.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FileConformanceTest);

std::vector<FileConformanceCase> FileConformanceCases(
    std::function<std::unique_ptr<FileConformanceMachine>()> make_machine) {
  return {{make_machine, false}, {make_machine, true}};
}

std::string FileConformanceCaseName(const testing::TestParamInfo<FileConformanceCase>& info) {
  return info.param.direct ? "Direct" : "Buffered";
}

AlignedBytes::AlignedBytes(std::size_t size, char fill)
    : memory_(static_cast<char*>(
          ::operator new(std::max<std::size_t>(size, 1), std::align_val_t(kDeviceBlockSize)))),
      size_(size) {
  std::memset(memory_.get(), fill, size_);
}
AlignedBytes::AlignedBytes(std::string_view text) : AlignedBytes(text.size()) {
  if (!text.empty()) std::memcpy(memory_.get(), text.data(), text.size());
}
void AlignedBytes::Free::operator()(char* memory) const {
  ::operator delete(memory, std::align_val_t(kDeviceBlockSize));
}

namespace {

constexpr std::size_t kBlock = kDeviceBlockSize;

// `blocks` device blocks, each filled with the next letter from `first` on.
std::string Blocks(std::size_t blocks, char first = 'a') {
  std::string result;
  for (std::size_t i = 0; i < blocks; ++i) {
    result.append(kBlock, static_cast<char>('a' + (first - 'a' + static_cast<int>(i)) % 26));
  }
  return result;
}

bool Contains(const absl::Status& status, std::string_view text) {
  return ToStd(status.message()).find(text) != std::string_view::npos;
}

}  // namespace

std::unique_ptr<File> FileConformanceTest::Open(std::string_view name, OpenMode mode) {
  OpenOptions options;
  options.mode = mode;
  options.direct = GetParam().direct;
  absl::StatusOr<std::unique_ptr<File>> file = Run(files().Open(Path(name), options));
  EXPECT_TRUE(file.ok()) << file.status();
  return file.ok() ? *std::move(file) : nullptr;
}

absl::Status FileConformanceTest::TryOpen(const std::string& path, OpenMode mode) {
  OpenOptions options;
  options.mode = mode;
  options.direct = GetParam().direct;
  return Run(files().Open(path, options)).status();
}

absl::Status FileConformanceTest::Write(File& file, std::uint64_t offset, std::string_view bytes) {
  AlignedBytes buffer(bytes);
  return Run(file.Write(offset, buffer.span()));
}

std::string FileConformanceTest::Read(File& file, std::uint64_t offset, std::size_t size) {
  AlignedBytes buffer(size, '#');
  const absl::StatusOr<std::size_t> count = Run(file.Read(offset, buffer.span()));
  EXPECT_TRUE(count.ok()) << count.status();
  if (!count.ok()) return "";
  EXPECT_LE(*count, size);
  return std::string(buffer.view().substr(0, *count));
}

std::uint64_t FileConformanceTest::SizeOf(File& file) {
  const absl::StatusOr<std::uint64_t> size = Run(file.Size());
  EXPECT_TRUE(size.ok()) << size.status();
  return size.ok() ? *size : ~std::uint64_t{0};
}

std::vector<std::string> FileConformanceTest::Names(const std::string& path) {
  const absl::StatusOr<std::vector<DirectoryEntry>> entries = Run(files().List(path));
  EXPECT_TRUE(entries.ok()) << entries.status();
  std::vector<std::string> names;
  if (entries.ok()) {
    for (const DirectoryEntry& entry : *entries) names.push_back(entry.name);
  }
  return names;
}

void FileConformanceTest::MakeFile(std::string_view name, std::string_view contents) {
  OpenOptions options;
  options.mode = OpenMode::kCreateNew;
  absl::StatusOr<std::unique_ptr<File>> file = Run(files().Open(Path(name), options));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(Write(**file, 0, contents).ok());
}

// Opening.

TEST_P(FileConformanceTest, ModesDecideWhetherAFileMustOrMayExist) {
  for (OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite}) {
    const absl::Status status = TryOpen(Path("absent"), mode);
    EXPECT_TRUE(absl::IsNotFound(status)) << status;
    EXPECT_TRUE(Contains(status, Path("absent"))) << status;
  }
  EXPECT_TRUE(TryOpen(Path("a"), OpenMode::kCreateNew).ok());
  const absl::Status again = TryOpen(Path("a"), OpenMode::kCreateNew);
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_TRUE(Contains(again, Path("a"))) << again;
  EXPECT_TRUE(TryOpen(Path("b"), OpenMode::kCreate).ok());
  for (OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate}) {
    EXPECT_TRUE(TryOpen(Path("a"), mode).ok());
  }
  EXPECT_TRUE(absl::IsNotFound(TryOpen(Path("absent/a"), OpenMode::kCreate)));
}

TEST_P(FileConformanceTest, CreatingAFileThatExistsKeepsWhatIsInIt) {
  MakeFile("a", Blocks(2));
  std::unique_ptr<File> file = Open("a", OpenMode::kCreate);
  EXPECT_EQ(SizeOf(*file), 2 * kBlock);
  EXPECT_EQ(Read(*file, 0, 2 * kBlock), Blocks(2));
}

TEST_P(FileConformanceTest, AFileKnowsItsPathAndANewOneIsEmpty) {
  std::unique_ptr<File> file = Open("a", OpenMode::kCreateNew);
  EXPECT_EQ(file->path(), Path("a"));
  EXPECT_EQ(SizeOf(*file), 0u);
  EXPECT_EQ(Read(*file, 0, kBlock), "");
  if (!GetParam().direct) {
    EXPECT_FALSE(file->direct());
  }
}

TEST_P(FileConformanceTest, WhatIsNotARegularFileIsRefused) {
  ASSERT_TRUE(Run(files().CreateDirectory(Path("directory"))).ok());
  for (OpenMode mode : {OpenMode::kReadOnly, OpenMode::kReadWrite, OpenMode::kCreate}) {
    const absl::Status status = TryOpen(Path("directory"), mode);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(Contains(status, "directory")) << status;
  }
  EXPECT_TRUE(absl::IsAlreadyExists(TryOpen(Path("directory"), OpenMode::kCreateNew)));
  EXPECT_TRUE(absl::IsInvalidArgument(TryOpen("", OpenMode::kCreate)));
  MakeFile("file", "x");
  const absl::Status below_a_file = TryOpen(Path("file/below"), OpenMode::kCreate);
  EXPECT_TRUE(absl::IsInvalidArgument(below_a_file)) << below_a_file;
}

TEST_P(FileConformanceTest, AFileOpenedReadOnlyCanBeReadAndSyncedButNotChanged) {
  MakeFile("a", Blocks(1));
  std::unique_ptr<File> file = Open("a", OpenMode::kReadOnly);
  EXPECT_EQ(Read(*file, 0, kBlock), Blocks(1));
  EXPECT_TRUE(Run(file->Sync()).ok());

  AlignedBytes bytes(Blocks(1, 'z'));
  for (const absl::Status& status :
       {Run(file->Write(0, bytes.span())), Run(file->WriteDurably(0, bytes.span())),
        Run(file->Truncate(0)), Run(file->Allocate(2 * kBlock)), Run(file->Map(kBlock)).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_TRUE(Contains(status, Path("a"))) << status;
  }
  EXPECT_EQ(Read(*file, 0, 2 * kBlock), Blocks(1));
}

TEST_P(FileConformanceTest, TwoOpenFilesOfOnePathShareTheirContents) {
  std::unique_ptr<File> writer = Open("a");
  std::unique_ptr<File> reader = Open("a", OpenMode::kReadOnly);
  ASSERT_TRUE(Write(*writer, 0, Blocks(2)).ok());
  EXPECT_EQ(Read(*reader, 0, 2 * kBlock), Blocks(2));
  EXPECT_EQ(SizeOf(*reader), 2 * kBlock);
}

// Reading and writing.

TEST_P(FileConformanceTest, WhatWasWrittenIsRead) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(4)).ok());
  EXPECT_EQ(Read(*file, 0, 4 * kBlock), Blocks(4));
  EXPECT_EQ(Read(*file, kBlock, 2 * kBlock), Blocks(2, 'b'));
  ASSERT_TRUE(Write(*file, kBlock, Blocks(1, 'x')).ok());
  EXPECT_EQ(Read(*file, 0, 4 * kBlock), Blocks(1) + Blocks(1, 'x') + Blocks(2, 'c'));
  EXPECT_EQ(SizeOf(*file), 4 * kBlock);

  file.reset();
  file = Open("a", OpenMode::kReadOnly);
  EXPECT_EQ(Read(*file, 0, 4 * kBlock), Blocks(1) + Blocks(1, 'x') + Blocks(2, 'c'));
}

TEST_P(FileConformanceTest, ADurableWriteIsReadLikeAnyOther) {
  std::unique_ptr<File> file = Open("a");
  AlignedBytes bytes(Blocks(3));
  ASSERT_TRUE(Run(file->WriteDurably(0, bytes.span())).ok());
  ASSERT_TRUE(Run(file->WriteDurably(kBlock, bytes.span())).ok());
  EXPECT_EQ(SizeOf(*file), 4 * kBlock);
  EXPECT_EQ(Read(*file, 0, 4 * kBlock), Blocks(1) + Blocks(3));
  EXPECT_TRUE(Run(file->Sync()).ok());
}

TEST_P(FileConformanceTest, AReadEndsAtTheEndOfFile) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(2)).ok());
  EXPECT_EQ(Read(*file, kBlock, 4 * kBlock), Blocks(1, 'b'));
  EXPECT_EQ(Read(*file, 2 * kBlock, kBlock), "");
  EXPECT_EQ(Read(*file, 100 * kBlock, kBlock), "");
  EXPECT_EQ(Read(*file, std::uint64_t{1} << 40, kBlock), "");
}

TEST_P(FileConformanceTest, TheEndOfFileMayLieWithinABlock) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(3)).ok());
  for (std::uint64_t size :
       {std::uint64_t{2 * kBlock + 1}, std::uint64_t{2 * kBlock - 1}, std::uint64_t{kBlock + 512},
        std::uint64_t{kBlock}, std::uint64_t{1}}) {
    ASSERT_TRUE(Run(file->Truncate(size)).ok());
    EXPECT_EQ(SizeOf(*file), size);
    EXPECT_EQ(Read(*file, 0, 3 * kBlock), Blocks(3).substr(0, size));
  }
}

TEST_P(FileConformanceTest, HolesReadAsZeros) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 3 * kBlock, Blocks(1)).ok());
  EXPECT_EQ(SizeOf(*file), 4 * kBlock);
  EXPECT_EQ(Read(*file, 0, 8 * kBlock), std::string(3 * kBlock, '\0') + Blocks(1));
}

TEST_P(FileConformanceTest, EmptyTransfersDoNothing) {
  std::unique_ptr<File> file = Open("a");
  EXPECT_TRUE(Write(*file, 4 * kBlock, "").ok());
  EXPECT_TRUE(Run(file->WriteDurably(4 * kBlock, {})).ok());
  EXPECT_EQ(SizeOf(*file), 0u);
  EXPECT_EQ(Read(*file, 0, 0), "");
}

TEST_P(FileConformanceTest, BigTransfersAreDoneInFull) {
  std::unique_ptr<File> file = Open("a");
  constexpr std::size_t kSize = 6 << 20;
  AlignedBytes bytes(kSize);
  for (std::size_t i = 0; i < kSize; i += sizeof i) {
    const std::size_t value = i * 0x9e3779b97f4a7c15;
    std::memcpy(bytes.data() + i, &value, sizeof value);
  }
  ASSERT_TRUE(Run(file->Write(kBlock, bytes.span())).ok());
  AlignedBytes read(kSize + kBlock);
  const absl::StatusOr<std::size_t> count = Run(file->Read(kBlock, read.span()));
  ASSERT_TRUE(count.ok()) << count.status();
  EXPECT_EQ(*count, kSize);
  EXPECT_TRUE(read.view().substr(0, kSize) == bytes.view());
}

TEST_P(FileConformanceTest, OffsetsBeyondAnyFileAreRefused) {
  std::unique_ptr<File> file = Open("a");
  AlignedBytes bytes(Blocks(2));
  constexpr std::uint64_t kLast = (std::uint64_t{1} << 63) - kBlock;
  for (std::uint64_t offset : {kLast, kLast + kBlock, ~std::uint64_t{0} - kBlock + 1}) {
    for (const absl::Status& status :
         {Run(file->Write(offset, bytes.span())), Run(file->WriteDurably(offset, bytes.span())),
          Run(file->Read(offset, bytes.span())).status()}) {
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
      EXPECT_TRUE(Contains(status, Path("a"))) << status;
      EXPECT_TRUE(Contains(status, StrCat(offset))) << status;
    }
  }
  EXPECT_EQ(SizeOf(*file), 0u);
}

TEST_P(FileConformanceTest, OnlyDirectFilesNeedAlignment) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(2)).ok());
  if (!file->direct()) {
    ASSERT_TRUE(Write(*file, 5, "hello").ok());
    EXPECT_EQ(Read(*file, 3, 9), "aahelloaa");
    return;
  }
  AlignedBytes bytes(Blocks(3, 'x'));
  struct {
    std::uint64_t offset;
    std::span<char> bytes;
  } const misaligned[] = {{1, bytes.span().first(kBlock)},
                          {512, bytes.span().first(kBlock)},
                          {0, bytes.span().first(kBlock - 1)},
                          {0, bytes.span().first(512)},
                          {0, bytes.span().subspan(8, kBlock)}};
  for (const auto& transfer : misaligned) {
    for (const absl::Status& status : {Run(file->Write(transfer.offset, transfer.bytes)),
                                       Run(file->WriteDurably(transfer.offset, transfer.bytes)),
                                       Run(file->Read(transfer.offset, transfer.bytes)).status()}) {
      EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
      EXPECT_TRUE(Contains(status, "4096")) << status;
      EXPECT_TRUE(Contains(status, Path("a"))) << status;
    }
  }
  EXPECT_EQ(Read(*file, 0, 2 * kBlock), Blocks(2));
}

// Sizes.

TEST_P(FileConformanceTest, TruncateShrinksAndGrowsWithZeros) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(3)).ok());
  ASSERT_TRUE(Run(file->Truncate(kBlock)).ok());
  EXPECT_EQ(Read(*file, 0, 3 * kBlock), Blocks(1));
  ASSERT_TRUE(Run(file->Truncate(3 * kBlock)).ok());
  EXPECT_EQ(Read(*file, 0, 4 * kBlock), Blocks(1) + std::string(2 * kBlock, '\0'));
  ASSERT_TRUE(Run(file->Truncate(0)).ok());
  EXPECT_EQ(SizeOf(*file), 0u);
}

TEST_P(FileConformanceTest, AllocateGrowsAndChangesNoByte) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(2)).ok());
  const absl::Status status = Run(file->Allocate(8 * kBlock));
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(SizeOf(*file), 8 * kBlock);
  EXPECT_EQ(Read(*file, 0, 9 * kBlock), Blocks(2) + std::string(6 * kBlock, '\0'));
  EXPECT_TRUE(Run(file->Allocate(kBlock)).ok());
  EXPECT_TRUE(Run(file->Allocate(0)).ok());
  EXPECT_EQ(SizeOf(*file), 8 * kBlock);
}

// Many operations at once.

TEST_P(FileConformanceTest, ManyOperationsOnOneFileCanBeInFlight) {
  constexpr int kCoroutines = 64;
  constexpr int kRounds = 10;
  std::unique_ptr<File> file = Open("a");
  int succeeded = 0;
  // Each coroutine owns every 64th block, and reads back what it wrote.
  struct Worker {
    static Task<void> Main(File* file, int index, int* succeeded) {
      AlignedBytes block(kBlock);
      for (int round = 0; round < kRounds; ++round) {
        const std::uint64_t offset =
            static_cast<std::uint64_t>(round * kCoroutines + index) * kBlock;
        std::memset(block.data(), 'a' + (index + round) % 26, kBlock);
        absl::Status written;
        if (round % 3 == 0) {
          written = co_await file->WriteDurably(offset, block.span());
        } else {
          written = co_await file->Write(offset, block.span());
        }
        EXPECT_TRUE(written.ok()) << written;
        if (round % 4 == 0) {
          const absl::Status synced = co_await file->Sync();
          EXPECT_TRUE(synced.ok()) << synced;
        }
        const std::string expected(kBlock, static_cast<char>('a' + (index + round) % 26));
        std::memset(block.data(), '#', kBlock);
        absl::StatusOr<std::size_t> count = co_await file->Read(offset, block.span());
        EXPECT_TRUE(count.ok()) << count.status();
        EXPECT_TRUE(block.view() == expected);
        if (written.ok() && count.ok() && *count == kBlock) ++*succeeded;
      }
    }
  };
  std::vector<Task<void>> tasks;
  for (int i = 0; i < kCoroutines; ++i) tasks.push_back(Worker::Main(file.get(), i, &succeeded));
  machine().RunAll(std::move(tasks));
  EXPECT_EQ(succeeded, kCoroutines * kRounds);
  EXPECT_EQ(SizeOf(*file), kCoroutines * kRounds * kBlock);
}

TEST_P(FileConformanceTest, OneCreatorWinsOfMany) {
  constexpr int kCoroutines = 16;
  int created = 0;
  int refused = 0;
  struct Creator {
    static Task<void> Main(FileSystem* files, std::string path, int* created, int* refused) {
      OpenOptions options;
      options.mode = OpenMode::kCreateNew;
      const absl::StatusOr<std::unique_ptr<File>> file =
          co_await files->Open(std::move(path), options);
      if (file.ok()) ++*created;
      if (absl::IsAlreadyExists(file.status())) ++*refused;
    }
  };
  std::vector<Task<void>> tasks;
  for (int i = 0; i < kCoroutines; ++i) {
    tasks.push_back(Creator::Main(&files(), Path("a"), &created, &refused));
  }
  machine().RunAll(std::move(tasks));
  EXPECT_EQ(created, 1);
  EXPECT_EQ(refused, kCoroutines - 1);
}

// Directories and names.

TEST_P(FileConformanceTest, ADirectoryIsListedInOrder) {
  EXPECT_EQ(Names(machine().root()), std::vector<std::string>());
  MakeFile("b", "");
  MakeFile("a", "");
  MakeFile("B", "");
  ASSERT_TRUE(Run(files().CreateDirectory(Path("ab"))).ok());
  MakeFile("ab/inner", "");
  const absl::StatusOr<std::vector<DirectoryEntry>> entries = Run(files().List(machine().root()));
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 4u);
  EXPECT_EQ((*entries)[0].name, "B");
  EXPECT_EQ((*entries)[1].name, "a");
  EXPECT_EQ((*entries)[2].name, "ab");
  EXPECT_EQ((*entries)[3].name, "b");
  EXPECT_FALSE((*entries)[1].is_directory);
  EXPECT_TRUE((*entries)[2].is_directory);
  EXPECT_EQ(Names(Path("ab")), std::vector<std::string>{"inner"});

  EXPECT_TRUE(absl::IsNotFound(Run(files().List(Path("absent"))).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(files().List(Path("a"))).status()));
}

TEST_P(FileConformanceTest, StatTellsFilesFromDirectories) {
  MakeFile("a", "hello");
  ASSERT_TRUE(Run(files().CreateDirectory(Path("d"))).ok());
  const absl::StatusOr<FileInfo> file = Run(files().Stat(Path("a")));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size_bytes, 5u);
  EXPECT_FALSE(file->is_directory);
  const absl::StatusOr<FileInfo> directory = Run(files().Stat(Path("d")));
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_TRUE(directory->is_directory);
  const absl::Status absent = Run(files().Stat(Path("absent"))).status();
  EXPECT_TRUE(absl::IsNotFound(absent)) << absent;
  EXPECT_TRUE(Contains(absent, Path("absent"))) << absent;
}

TEST_P(FileConformanceTest, DirectoriesAreMadeAndRemovedOneByOne) {
  EXPECT_TRUE(Run(files().CreateDirectory(Path("d"))).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(Run(files().CreateDirectory(Path("d")))));
  EXPECT_TRUE(absl::IsNotFound(Run(files().CreateDirectory(Path("absent/d")))));
  MakeFile("d/a", "");
  EXPECT_TRUE(absl::IsAlreadyExists(Run(files().CreateDirectory(Path("d/a")))));
  const absl::Status not_empty = Run(files().RemoveDirectory(Path("d")));
  EXPECT_TRUE(absl::IsFailedPrecondition(not_empty)) << not_empty;
  const absl::Status not_a_directory = Run(files().RemoveDirectory(Path("d/a")));
  EXPECT_TRUE(absl::IsInvalidArgument(not_a_directory)) << not_a_directory;
  EXPECT_TRUE(Run(files().Remove(Path("d/a"))).ok());
  EXPECT_TRUE(Run(files().RemoveDirectory(Path("d"))).ok());
  EXPECT_TRUE(absl::IsNotFound(Run(files().RemoveDirectory(Path("d")))));
  EXPECT_EQ(Names(machine().root()), std::vector<std::string>());
}

TEST_P(FileConformanceTest, RemoveTakesTheNameOnly) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(1)).ok());
  ASSERT_TRUE(Run(files().Remove(Path("a"))).ok());
  EXPECT_EQ(Names(machine().root()), std::vector<std::string>());
  EXPECT_EQ(Read(*file, 0, kBlock), Blocks(1));
  ASSERT_TRUE(Write(*file, kBlock, Blocks(1)).ok());
  EXPECT_EQ(SizeOf(*file), 2 * kBlock);

  const absl::Status absent = Run(files().Remove(Path("a")));
  EXPECT_TRUE(absl::IsNotFound(absent)) << absent;
  EXPECT_TRUE(Contains(absent, Path("a"))) << absent;
  ASSERT_TRUE(Run(files().CreateDirectory(Path("d"))).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Run(files().Remove(Path("d")))));
}

TEST_P(FileConformanceTest, RenameReplacesWhatWasThere) {
  MakeFile("a", Blocks(1, 'a'));
  MakeFile("b", Blocks(1, 'b'));
  std::unique_ptr<File> replaced = Open("b");
  ASSERT_TRUE(Run(files().Rename(Path("a"), Path("b"))).ok());
  EXPECT_EQ(Names(machine().root()), std::vector<std::string>{"b"});
  EXPECT_EQ(Read(*Open("b"), 0, kBlock), Blocks(1, 'a'));
  EXPECT_EQ(Read(*replaced, 0, kBlock), Blocks(1, 'b'));

  ASSERT_TRUE(Run(files().CreateDirectory(Path("d"))).ok());
  ASSERT_TRUE(Run(files().Rename(Path("b"), Path("d/c"))).ok());
  EXPECT_EQ(Read(*Open("d/c"), 0, kBlock), Blocks(1, 'a'));
  ASSERT_TRUE(Run(files().Rename(Path("d"), Path("e"))).ok());
  EXPECT_EQ(Names(Path("e")), std::vector<std::string>{"c"});

  const absl::Status absent = Run(files().Rename(Path("absent"), Path("x")));
  EXPECT_TRUE(absl::IsNotFound(absent)) << absent;
  EXPECT_TRUE(Contains(absent, Path("absent"))) << absent;
  EXPECT_TRUE(Contains(absent, Path("x"))) << absent;
  ASSERT_TRUE(Run(files().CreateDirectory(Path("f"))).ok());
  const absl::Status onto_directory = Run(files().Rename(Path("e/c"), Path("f")));
  EXPECT_TRUE(absl::IsInvalidArgument(onto_directory)) << onto_directory;
}

TEST_P(FileConformanceTest, AnOpenFileFollowsItsRenaming) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Run(files().Rename(Path("a"), Path("b"))).ok());
  ASSERT_TRUE(Write(*file, 0, Blocks(1)).ok());
  EXPECT_EQ(Read(*Open("b", OpenMode::kReadOnly), 0, kBlock), Blocks(1));
}

TEST_P(FileConformanceTest, ALinkIsASecondNameOfTheSameFile) {
  MakeFile("a", Blocks(1));
  ASSERT_TRUE(Run(files().Link(Path("a"), Path("b"))).ok());
  std::unique_ptr<File> file = Open("b");
  EXPECT_EQ(Read(*file, 0, kBlock), Blocks(1));
  ASSERT_TRUE(Write(*Open("a"), 0, Blocks(1, 'x')).ok());
  EXPECT_EQ(Read(*file, 0, kBlock), Blocks(1, 'x'));
  ASSERT_TRUE(Run(files().Remove(Path("a"))).ok());
  EXPECT_EQ(Names(machine().root()), std::vector<std::string>{"b"});
  EXPECT_EQ(Read(*Open("b"), 0, kBlock), Blocks(1, 'x'));

  MakeFile("c", "");
  EXPECT_TRUE(absl::IsAlreadyExists(Run(files().Link(Path("b"), Path("c")))));
  EXPECT_TRUE(absl::IsNotFound(Run(files().Link(Path("absent"), Path("d")))));
}

TEST_P(FileConformanceTest, DirectoriesCanBeSynced) {
  MakeFile("a", "");
  const absl::Status synced = Run(files().SyncDirectory(machine().root()));
  EXPECT_TRUE(synced.ok()) << synced;
  EXPECT_TRUE(absl::IsNotFound(Run(files().SyncDirectory(Path("absent")))));
  EXPECT_TRUE(absl::IsInvalidArgument(Run(files().SyncDirectory(Path("a")))));
}

// Locks.

TEST_P(FileConformanceTest, ALockExcludesEveryOtherUntilItIsGivenBack) {
  absl::StatusOr<std::unique_ptr<FileLock>> lock = Run(files().Lock(Path("LOCK")));
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_EQ(Names(machine().root()), std::vector<std::string>{"LOCK"});
  // Once more: the refused attempt must not have loosened it.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const absl::Status refused = Run(files().Lock(Path("LOCK"))).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_TRUE(Contains(refused, Path("LOCK"))) << refused;
  }
  EXPECT_TRUE(Run(files().Lock(Path("OTHER"))).ok());
  lock->reset();
  EXPECT_TRUE(Run(files().Lock(Path("LOCK"))).ok());
  EXPECT_EQ(Names(machine().root()), (std::vector<std::string>{"LOCK", "OTHER"}));
}

TEST_P(FileConformanceTest, ALockIsOnTheFileWhateverItsPath) {
  MakeFile("LOCK", "");
  ASSERT_TRUE(Run(files().Link(Path("LOCK"), Path("ALIAS"))).ok());
  const absl::StatusOr<std::unique_ptr<FileLock>> lock = Run(files().Lock(Path("LOCK")));
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsFailedPrecondition(Run(files().Lock(Path("ALIAS"))).status()));
}

TEST_P(FileConformanceTest, OneLockerWinsOfMany) {
  constexpr int kCoroutines = 16;
  std::vector<std::unique_ptr<FileLock>> locks;
  int refused = 0;
  struct Locker {
    static Task<void> Main(FileSystem* files, std::string path,
                           std::vector<std::unique_ptr<FileLock>>* locks, int* refused) {
      absl::StatusOr<std::unique_ptr<FileLock>> lock = co_await files->Lock(std::move(path));
      if (absl::IsFailedPrecondition(lock.status())) ++*refused;
      if (lock.ok()) locks->push_back(*std::move(lock));
    }
  };
  std::vector<Task<void>> tasks;
  for (int i = 0; i < kCoroutines; ++i) {
    tasks.push_back(Locker::Main(&files(), Path("LOCK"), &locks, &refused));
  }
  machine().RunAll(std::move(tasks));
  EXPECT_EQ(locks.size(), 1u);
  EXPECT_EQ(refused, kCoroutines - 1);
}

TEST_P(FileConformanceTest, ALockNeedsARegularFileInAnExistingDirectory) {
  ASSERT_TRUE(Run(files().CreateDirectory(Path("d"))).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Run(files().Lock(Path("d"))).status()));
  EXPECT_TRUE(absl::IsNotFound(Run(files().Lock(Path("absent/LOCK"))).status()));
}

// Mappings.

TEST_P(FileConformanceTest, AMappedRegionIsTheFile) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(4)).ok());
  if (file->direct()) {
    const absl::Status refused = Run(file->Map(kBlock)).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    return;
  }
  absl::StatusOr<std::unique_ptr<MappedRegion>> region = Run(file->Map(3 * kBlock + 10));
  ASSERT_TRUE(region.ok()) << region.status();
  const std::span<char> bytes = (*region)->bytes();
  ASSERT_EQ(bytes.size(), 3 * kBlock + 10);
  EXPECT_EQ(std::string_view(bytes.data(), bytes.size()), Blocks(4).substr(0, bytes.size()));

  std::memset(bytes.data() + kBlock, 'x', kBlock);
  EXPECT_TRUE((*region)->Publish(kBlock, kBlock).ok());
  EXPECT_TRUE((*region)->Publish(bytes.size(), 0).ok());
  EXPECT_EQ(Read(*file, 0, 4 * kBlock), Blocks(1) + Blocks(1, 'x') + Blocks(2, 'c'));
  EXPECT_TRUE(Run(file->Sync()).ok());

  file.reset();
  bytes[0] = 'y';
  EXPECT_TRUE((*region)->Publish(0, 1).ok());
  region->reset();
  EXPECT_EQ(Read(*Open("a"), 0, kBlock), "y" + std::string(kBlock - 1, 'a'));
}

TEST_P(FileConformanceTest, WhatIsPreparedAndRetiredIsStillInTheFile) {
  std::unique_ptr<File> file = Open("a");
  ASSERT_TRUE(Write(*file, 0, Blocks(4)).ok());
  if (file->direct()) return;
  absl::StatusOr<std::unique_ptr<MappedRegion>> region = Run(file->Map(4 * kBlock));
  ASSERT_TRUE(region.ok()) << region.status();
  const std::span<char> bytes = (*region)->bytes();
  (*region)->Prepare(10, 3 * kBlock);
  EXPECT_EQ(std::string_view(bytes.data(), bytes.size()), Blocks(4));
  std::memset(bytes.data(), 'x', 2 * kBlock + 10);
  EXPECT_TRUE((*region)->Publish(0, 2 * kBlock + 10).ok());

  (*region)->Retire(kBlock);
  (*region)->Retire(2 * kBlock + 10);  // whole pages only
  (*region)->Retire(kBlock);           // nothing new
  EXPECT_EQ(bytes[2 * kBlock + 9], 'x');
  std::memset(bytes.data() + 2 * kBlock + 10, 'y', kBlock);
  EXPECT_TRUE((*region)->Publish(2 * kBlock + 10, kBlock).ok());
  EXPECT_TRUE(Run(file->Sync()).ok());
  region->reset();
  EXPECT_EQ(Read(*file, 0, 4 * kBlock), std::string(2 * kBlock + 10, 'x') +
                                            std::string(kBlock, 'y') + Blocks(1, 'd').substr(10));
}

TEST_P(FileConformanceTest, OnlyWhatIsInTheFileCanBeMapped) {
  OpenOptions options;
  options.mode = OpenMode::kCreate;
  absl::StatusOr<std::unique_ptr<File>> file = Run(files().Open(Path("a"), options));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(Write(**file, 0, Blocks(1)).ok());
  for (std::size_t size : {std::size_t{0}, kBlock + 1}) {
    const absl::Status status = Run((*file)->Map(size)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_TRUE(Contains(status, Path("a"))) << status;
  }
}

// The machine.

TEST_P(FileConformanceTest, FreeSpaceAndBootIdAreKnown) {
  const absl::StatusOr<std::uint64_t> space = Run(files().FreeSpace(machine().root()));
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_GT(*space, 0u);
  EXPECT_TRUE(absl::IsNotFound(Run(files().FreeSpace(Path("absent"))).status()));
  EXPECT_EQ(files().BootId(), files().BootId());
  EXPECT_FALSE(files().name().empty());
}

}  // namespace aurora
