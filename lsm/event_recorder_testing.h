// Keeps all it hears of a store, as values and as lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "aurora/lsm/store_events.h"
#include "aurora/runtime/logger.h"
#include "aurora/runtime/strings.h"

namespace aurora::lsm {

// Not thread-safe: for simulations.
class EventRecorder final : public EventListener, public Logger {
 public:
  void OnEvent(const StoreEvent& event) override { events.push_back(event); }
  void Log(LogSeverity severity, std::string_view message) override {
    lines.push_back(StrCat(static_cast<int>(severity), " ", message));
  }
  // The events of one kind.
  template <class What>
  std::vector<What> All() const {
    std::vector<What> all;
    for (const StoreEvent& event : events) {
      if (const What* const what = std::get_if<What>(&event.what)) all.push_back(*what);
    }
    return all;
  }
  template <class What>
  std::size_t Count() const {
    return All<What>().size();
  }

  std::vector<StoreEvent> events;
  std::vector<std::string> lines;
};

}  // namespace aurora::lsm
