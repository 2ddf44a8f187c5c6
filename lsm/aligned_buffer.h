// Memory that direct I/O can read into and write from.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace aurora::lsm {

// Bytes at a multiple of kDeviceBlockSize (runtime/file.h), whose capacity is one too. Grows like a
// vector. Move-only.
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  // Uninitialised.
  explicit AlignedBuffer(std::size_t size) { Resize(size); }
  AlignedBuffer(AlignedBuffer&& other) noexcept;
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept;
  ~AlignedBuffer();

  // New bytes are uninitialised; those up to the smaller size stay.
  void Resize(std::size_t size);
  void Append(std::string_view bytes);
  // Drops the first `size` bytes.
  void DropFront(std::size_t size);

  char* data() { return data_; }
  const char* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::span<char> span() { return {data_, size_}; }
  std::string_view view() const { return {data_, size_}; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace aurora::lsm
