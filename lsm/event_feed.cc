#include "aurora/lsm/event_feed.h"

#include <utility>

#include "aurora/runtime/strings.h"

namespace aurora::lsm {

EventFeed::EventFeed(Environment& environment, Options options)
    : environment_(environment),
      options_(std::move(options)),
      is_wanted_(options_.listener != nullptr || options_.logger != nullptr ||
                 options_.writes_file),
      file_(&environment.files(), options_.directory) {}

void EventFeed::Start() {
  if (!is_wanted_ || started_) return;
  started_ = true;
  stats_taken_at_ = environment_.clock().MonotonicNanos();
  delivery_.Spawn(environment_.observers(), Deliver());
}

void EventFeed::SetStatsSource(std::function<StoreStats()> source) {
  const std::lock_guard lock(mutex_);
  stats_source_ = std::move(source);
}

StoreEvent EventFeed::Stamped(StoreEvent::What what) const {
  const Clock& clock = environment_.clock();
  return {clock.Now(), clock.MonotonicNanos(), std::move(what)};
}

void EventFeed::Post(StoreEvent::What what) {
  if (!is_wanted_) return;
  StoreEvent event = Stamped(std::move(what));
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= kEventsMax) {
      ++lost_;
      return;
    }
    queue_.push_back(std::move(event));
  }
  posted_.Notify();
}

std::vector<StoreEvent> EventFeed::Take() {
  std::vector<StoreEvent> events;
  std::uint64_t lost = 0;
  {
    const std::lock_guard lock(mutex_);
    events.swap(queue_);
    lost = std::exchange(lost_, 0);
  }
  if (lost > 0) events.push_back(Stamped(EventsLost{lost}));
  return events;
}

void EventFeed::Tell(const StoreEvent& event, std::string* lines) {
  if (options_.listener != nullptr) options_.listener->OnEvent(event);
  if (options_.logger == nullptr && !options_.writes_file) return;
  const std::string text = Describe(event.what);
  const LogSeverity severity = SeverityOf(event.what);
  if (options_.logger != nullptr) {
    options_.logger->Log(severity, StrCat(options_.directory, ": ", text));
  }
  if (options_.writes_file) AppendEventLine(event.time, severity, text, lines);
}

void EventFeed::AddStats(std::vector<StoreEvent>* events) {
  const std::int64_t now = environment_.clock().MonotonicNanos();
  if (absl::Nanoseconds(now - stats_taken_at_) < options_.stats_interval) return;
  std::function<StoreStats()> source;
  {
    const std::lock_guard lock(mutex_);
    source = stats_source_;
  }
  if (source == nullptr) return;
  stats_taken_at_ = now;
  events->push_back(Stamped(StatsTaken{source()}));
}

Task<absl::Status> EventFeed::Deliver() {
  const auto has_work = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_ || !queue_.empty();
  };
  std::string lines;  // of the LOG
  for (bool is_over = false; !is_over;) {
    co_await posted_.Until(has_work);
    std::vector<StoreEvent> events = Take();
    is_over = events.empty();
    if (!is_over) AddStats(&events);
    for (const StoreEvent& event : events) Tell(event, &lines);
    if (lines.empty() || !file_allowed_.load(std::memory_order_seq_cst)) continue;
    co_await file_.Append(lines);
    lines.clear();
  }
  co_await file_.Close();
  co_return absl::OkStatus();
}

Task<void> EventFeed::Stop() {
  if (!started_) co_return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  posted_.Notify();
  const absl::Status delivered = co_await delivery_.Join();
  static_cast<void>(delivered);  // it returns none
  started_ = false;
}

}  // namespace aurora::lsm
