// The bytes of one file, in pages that copies share until one of them writes.
//
// A copy costs one reference count; the first change to a copy costs a pointer for each page of the
// file, and 4 KiB for each page that it touches. Pages of zeros cost nothing. Not thread-safe, but
// copies may be used on different threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace aurora {

inline constexpr std::size_t kPageSize = 4096;

struct Page {
  char bytes[kPageSize];
};
// Null is a hole: zeros that have no space on the device.
using PageRef = std::shared_ptr<const Page>;

class FileContents {
 public:
  FileContents() : pages_(std::make_shared<std::vector<PageRef>>()) {}

  std::uint64_t size() const { return size_; }
  // The number of bytes read; less than asked for only at the end.
  std::size_t Read(std::uint64_t offset, std::span<char> buffer) const;
  void Write(std::uint64_t offset, std::span<const char> bytes);
  // Cuts, or extends by a hole.
  void Resize(std::uint64_t size);
  // Gives space to the holes below `size`, and extends to it.
  void Allocate(std::uint64_t size);

  // Page `index`, null beyond the last one. Bytes of the last page beyond size() are zero.
  const PageRef& page(std::uint64_t index) const;
  // Replaces a whole page. The size is left alone; see Extend.
  void SetPage(std::uint64_t index, PageRef page);
  // Raises the size to `size` if it is less, without touching pages.
  void Extend(std::uint64_t size) { size_ = size > size_ ? size : size_; }

  std::uint64_t allocated_pages() const { return allocated_pages_; }
  // How many pages a write of this range would newly allocate.
  std::uint64_t PagesNeeded(std::uint64_t offset, std::uint64_t size) const;

 private:
  std::vector<PageRef>& Own();

  std::uint64_t size_ = 0;
  std::uint64_t allocated_pages_ = 0;
  // Shared between copies; never changed while shared.
  std::shared_ptr<std::vector<PageRef>> pages_;
};

}  // namespace aurora
