#include "nse/host/socket_slots.h"

#include <algorithm>
#include <utility>

namespace trawl::nse {

std::optional<SocketSlots::Place> SocketSlots::take(ScriptThread& thread) {
  if (held_.find(&thread) == held_.end()) {
    if (held_.size() >= most_) return {};
    hold(thread);
  }
  Slot& slot = held_[&thread];
  ++slot.sockets;
  return Place{&thread, slot.number};
}

void SocketSlots::hold(ScriptThread& thread) {
  held_[&thread] = {.number = ++last_};
  thread.at_end(this, [this, who = &thread] { drop(who); });
}

void SocketSlots::drop(const LuaThread* thread) {
  held_.erase(thread);
  serve();
}

void SocketSlots::wait(ScriptThread& thread, Suspension suspension) {
  waiters_.push_back({thread.weak_from_this(), std::move(suspension)});
}

void SocketSlots::give_back(const Place& place) {
  const auto found = held_.find(place.thread);
  if (found == held_.end() || found->second.number != place.slot) return;
  if (found->second.sockets > 1) {
    --found->second.sockets;
  } else {
    drop(place.thread);
  }
}

void SocketSlots::serve() {
  while (!waiters_.empty() && held_.size() < most_) {
    const Waiter next = std::move(waiters_.front());
    waiters_.pop_front();
    const auto thread = next.thread.lock();
    if (thread == nullptr || !next.suspension.alive()) continue;
    hold(static_cast<ScriptThread&>(*thread));
    next.suspension.resume([](lua_State* /*lua*/) { return 0; });
  }
}

std::size_t SocketSlots::waiting() const {
  return static_cast<std::size_t>(
      std::count_if(waiters_.begin(), waiters_.end(),
                    [](const Waiter& waiter) { return waiter.suspension.alive(); }));
}

}  // namespace trawl::nse
