#include "aurora/lsm/aligned_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "aurora/runtime/check.h"
#include "aurora/runtime/file.h"

namespace aurora::lsm {

namespace {
constexpr std::align_val_t kAlignment{kDeviceBlockSize};
}  // namespace

AlignedBuffer::AlignedBuffer(AlignedBuffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

AlignedBuffer& AlignedBuffer::operator=(AlignedBuffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

AlignedBuffer::~AlignedBuffer() { ::operator delete[](data_, kAlignment); }

void AlignedBuffer::Resize(std::size_t size) {
  if (size > capacity_) {
    const std::size_t wanted = std::max(size, capacity_ + capacity_ / 2);
    const std::size_t capacity = (wanted + kDeviceBlockSize - 1) & ~(kDeviceBlockSize - 1);
    auto* const grown = static_cast<char*>(::operator new[](capacity, kAlignment));
    if (size_ > 0) std::memcpy(grown, data_, size_);
    ::operator delete[](std::exchange(data_, grown), kAlignment);
    capacity_ = capacity;
  }
  size_ = size;
}

void AlignedBuffer::Append(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::size_t old_size = size_;
  Resize(old_size + bytes.size());
  std::memcpy(data_ + old_size, bytes.data(), bytes.size());
}

void AlignedBuffer::DropFront(std::size_t size) {
  AURORA_CHECK(size <= size_);
  if (size == 0) return;
  std::memmove(data_, data_ + size, size_ - size);
  size_ -= size;
}

}  // namespace aurora::lsm
