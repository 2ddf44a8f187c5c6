#include "aurora/runtime/simulation/file_contents.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "aurora/runtime/check.h"

namespace aurora {
namespace {

constexpr Page kZeros{};

// Shares the constant without a reference count.
PageRef ZeroPage() { return PageRef(PageRef(), &kZeros); }

bool IsZero(const char* bytes, std::size_t size) {
  return size == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

std::uint64_t PageCount(std::uint64_t size) { return (size + kPageSize - 1) / kPageSize; }

// `old` with `bytes` at `offset`.
PageRef Changed(const PageRef& old, std::size_t offset, std::span<const char> bytes) {
  AURORA_DCHECK(offset + bytes.size() <= kPageSize);
  if (bytes.size() == kPageSize && IsZero(bytes.data(), bytes.size())) return ZeroPage();
  auto page = std::make_shared_for_overwrite<Page>();
  if (bytes.size() < kPageSize) {
    std::memcpy(page->bytes, old == nullptr ? kZeros.bytes : old->bytes, kPageSize);
  }
  std::memcpy(page->bytes + offset, bytes.data(), bytes.size());
  return page;
}

}  // namespace

std::size_t FileContents::Read(std::uint64_t offset, std::span<char> buffer) const {
  if (offset >= size_) return 0;
  const std::size_t size = std::min<std::uint64_t>(buffer.size(), size_ - offset);
  for (std::size_t done = 0; done < size;) {
    const std::size_t in_page = (offset + done) % kPageSize;
    const std::size_t part = std::min(size - done, kPageSize - in_page);
    const PageRef& source = page((offset + done) / kPageSize);
    const char* bytes = source == nullptr ? kZeros.bytes : source->bytes;
    std::memcpy(buffer.data() + done, bytes + in_page, part);
    done += part;
  }
  return size;
}

void FileContents::Write(std::uint64_t offset, std::span<const char> bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t in_page = (offset + done) % kPageSize;
    const std::size_t part = std::min(bytes.size() - done, kPageSize - in_page);
    const std::uint64_t index = (offset + done) / kPageSize;
    SetPage(index, Changed(page(index), in_page, bytes.subspan(done, part)));
    done += part;
  }
  if (!bytes.empty()) Extend(offset + bytes.size());
}

void FileContents::Resize(std::uint64_t size) {
  if (size < size_) {
    std::vector<PageRef>& pages = Own();
    while (pages.size() > PageCount(size)) {
      if (pages.back() != nullptr) --allocated_pages_;
      pages.pop_back();
    }
    const std::size_t in_page = size % kPageSize;
    if (in_page != 0 && pages.size() == PageCount(size) && pages.back() != nullptr) {
      pages.back() =
          Changed(pages.back(), in_page, std::span<const char>(kZeros.bytes, kPageSize - in_page));
    }
  }
  size_ = size;
}

void FileContents::Allocate(std::uint64_t size) {
  for (std::uint64_t index = 0; index < PageCount(size); ++index) {
    if (page(index) == nullptr) SetPage(index, ZeroPage());
  }
  Extend(size);
}

const PageRef& FileContents::page(std::uint64_t index) const {
  static const PageRef hole;
  return index < pages_->size() ? (*pages_)[index] : hole;
}

void FileContents::SetPage(std::uint64_t index, PageRef page) {
  std::vector<PageRef>& pages = Own();
  if (index >= pages.size()) {
    if (page == nullptr) return;
    pages.resize(index + 1);
  }
  if (pages[index] != nullptr) --allocated_pages_;
  if (page != nullptr) ++allocated_pages_;
  pages[index] = std::move(page);
}

std::uint64_t FileContents::PagesNeeded(std::uint64_t offset, std::uint64_t size) const {
  if (size == 0) return 0;
  std::uint64_t needed = 0;
  for (std::uint64_t i = offset / kPageSize; i <= (offset + size - 1) / kPageSize; ++i) {
    if (page(i) == nullptr) ++needed;
  }
  return needed;
}

std::vector<PageRef>& FileContents::Own() {
  if (pages_.use_count() > 1) pages_ = std::make_shared<std::vector<PageRef>>(*pages_);
  return *pages_;
}

}  // namespace aurora
