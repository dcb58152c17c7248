#include "service/nsock/event_table.h"

#include <utility>

namespace trawl::service {
namespace {

constexpr std::uint64_t kKinds = 8;  // A serial number is followed by the kind in three bits.

// As Nmap numbers them; names are resolved by other means there.
std::uint64_t number_of(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::Connect: return 0;
    case EventKind::ConnectTls: return 1;
    case EventKind::Read: return 2;
    case EventKind::Write: return 3;
    case EventKind::Timer: return 4;
    case EventKind::PcapRead: return 5;
    case EventKind::Resolve: return 6;
  }
  return kKinds - 1;
}

}  // namespace

PendingEvent& EventTable::add(EventKind kind, Request request, Callback done) {
  const std::uint64_t id = ++serial_ * kKinds + number_of(kind);
  auto event = std::make_unique<PendingEvent>();
  event->id = EventId{id};
  event->kind = kind;
  event->request = request;
  event->done = std::move(done);
  return *(events_[id] = std::move(event));
}

PendingEvent* EventTable::find(EventId id) noexcept {
  const auto found = events_.find(static_cast<std::uint64_t>(id));
  return found == events_.end() ? nullptr : found->second.get();
}

void EventTable::finish(PendingEvent& event) {
  event.is_done = true;
  (event.kind == EventKind::Timer ? timers_ : finished_).push_back(event.id);
}

void EventTable::drop(PendingEvent& event) {
  // What its callback holds may call here when it goes away: the table is in order by then.
  const auto out = events_.extract(static_cast<std::uint64_t>(event.id));
}

std::unique_ptr<PendingEvent> EventTable::take(std::deque<EventId>& queue) {
  while (!queue.empty()) {
    const auto id = static_cast<std::uint64_t>(queue.front());
    queue.pop_front();
    const auto found = events_.find(id);
    if (found == events_.end()) continue;
    auto event = std::move(found->second);
    events_.erase(found);
    return event;
  }
  return nullptr;
}

std::vector<std::unique_ptr<PendingEvent>> EventTable::take_all() {
  std::vector<std::unique_ptr<PendingEvent>> all;
  all.reserve(events_.size());
  for (auto& [id, event] : std::exchange(events_, {})) all.push_back(std::move(event));
  finished_.clear();
  timers_.clear();
  return all;
}

}  // namespace trawl::service
