#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "service/nsock/pending_event.h"

namespace trawl::service {

// The events that were asked for, and the queue of those whose callbacks are due. An event stays
// where it is until it is taken or dropped.
class EventTable {
 public:
  PendingEvent& add(EventKind kind, Request request, Callback done);
  // nullptr where it is over.
  [[nodiscard]] PendingEvent* find(EventId id) noexcept;
  // To the end of the queue; timers have one of their own.
  void finish(PendingEvent& event);
  // No callback will be made.
  void drop(PendingEvent& event);
  // The next of the queue, nullptr for none. It is out of the table.
  [[nodiscard]] std::unique_ptr<PendingEvent> take_finished() { return take(finished_); }
  [[nodiscard]] std::unique_ptr<PendingEvent> take_timer() { return take(timers_); }
  [[nodiscard]] std::size_t timers() const noexcept { return timers_.size(); }
  [[nodiscard]] bool has_finished() const noexcept {
    return !finished_.empty() || !timers_.empty();
  }
  // Those in the queue, also dropped ones.
  [[nodiscard]] const std::deque<EventId>& finished() const noexcept { return finished_; }
  [[nodiscard]] std::size_t size() const noexcept { return events_.size(); }
  // Everything, without callbacks.
  [[nodiscard]] std::vector<std::unique_ptr<PendingEvent>> take_all();

 private:
  [[nodiscard]] std::unique_ptr<PendingEvent> take(std::deque<EventId>& queue);

  std::unordered_map<std::uint64_t, std::unique_ptr<PendingEvent>> events_;
  std::deque<EventId> finished_;
  std::deque<EventId> timers_;
  std::uint64_t serial_ = 0;
};

}  // namespace trawl::service
