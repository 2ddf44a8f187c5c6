// Bytes and what keeps them alive.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

namespace aurora::lsm {

// Bytes that stay valid as long as this object or a copy of it: a view and its owner (a cached
// block, a memtable, a string). Cheap to copy; nothing of the bytes is.
class PinnedValue {
 public:
  PinnedValue() = default;
  PinnedValue(std::string_view view, std::shared_ptr<const void> owner)
      : view_(view), owner_(std::move(owner)) {}
  std::string_view view() const { return view_; }
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::string_view view_;
  std::shared_ptr<const void> owner_;
};

}  // namespace aurora::lsm
