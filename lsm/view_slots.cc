#include "aurora/lsm/view_slots.h"

#include <utility>

namespace aurora::lsm {
namespace {

// A number that differs from thread to thread, mostly: where its stack is.
std::size_t SlotOfThread() {
  const auto stack = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return (stack >> 16) * 0x9E3779B97F4A7C15u >> 61;
}

}  // namespace

std::shared_ptr<const ReadView> ViewSlots::Get() const {
  const Slot& slot = slots_[SlotOfThread()];
  const std::lock_guard lock(slot.mutex);
  return slot.view;
}

ViewSlots::Views ViewSlots::Set(std::shared_ptr<const ReadView> view) {
  Views old;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    old[i] = view;
    const std::lock_guard lock(slots_[i].mutex);
    slots_[i].view.swap(old[i]);
  }
  return old;
}

}  // namespace aurora::lsm
