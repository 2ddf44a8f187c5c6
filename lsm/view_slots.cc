#include "aurora/lsm/view_slots.h"

#include <utility>

#include "aurora/runtime/thread_stripe.h"

namespace aurora::lsm {

std::shared_ptr<const ReadView> ViewSlots::Get() const {
  const Slot& slot = slots_[ThreadStripe()];
  const std::lock_guard lock(slot.mutex);
  return slot.view;
}

std::shared_ptr<const ReadView> ViewSlots::GetFor(std::uint64_t keys, std::uint64_t* ordinal) {
  Slot& slot = slots_[ThreadStripe()];
  const std::lock_guard lock(slot.mutex);
  slot.keys += keys;
  *ordinal = slot.keys;
  return slot.view;
}

std::uint64_t ViewSlots::key_count() const {
  std::uint64_t count = 0;
  for (const Slot& slot : slots_) {
    const std::lock_guard lock(slot.mutex);
    count += slot.keys;
  }
  return count;
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
