#include "nse/host/socket_slots.h"

#include <algorithm>
#include <utility>

namespace trawl::nse {

std::optional<SocketSlots::Place> SocketSlots::take(ScriptThread& thread) {
  if (held_.find(&thread) == held_.end()) {
    if (!has_room(thread.host)) return {};
    hold(thread);
  }
  Slot& slot = held_[&thread];
  ++slot.sockets;
  return Place{&thread, slot.number};
}

void SocketSlots::hold(ScriptThread& thread) {
  held_[&thread] = {.number = ++last_, .host = thread.host};
  ++of_host_[thread.host];
  thread.at_end(this, [this, who = &thread] { drop(who); });
}

void SocketSlots::drop(const LuaThread* thread) {
  const auto held = held_.find(thread);
  if (held == held_.end()) return;
  const auto of_host = of_host_.find(held->second.host);
  if (--of_host->second == 0) of_host_.erase(of_host);
  held_.erase(held);
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

bool SocketSlots::has_room(const ScriptHost* host) const {
  if (held_.size() >= limits_.all) return false;
  const auto found = of_host_.find(host);
  return found == of_host_.end() || found->second < limits_.per_host;
}

// In the order in which they came, but for those whose host has enough.
void SocketSlots::serve() {
  for (auto waiter = waiters_.begin(); waiter != waiters_.end() && held_.size() < limits_.all;) {
    const auto thread = std::static_pointer_cast<ScriptThread>(waiter->thread.lock());
    const bool is_gone = thread == nullptr || !waiter->suspension.alive();
    if (!is_gone && !has_room(thread->host)) {
      ++waiter;
      continue;
    }
    const Waiter next = std::move(*waiter);
    waiter = waiters_.erase(waiter);
    if (is_gone) continue;
    hold(*thread);
    next.suspension.resume([](lua_State* /*lua*/) { return 0; });
  }
}

std::size_t SocketSlots::waiting() const {
  return static_cast<std::size_t>(
      std::count_if(waiters_.begin(), waiters_.end(),
                    [](const Waiter& waiter) { return waiter.suspension.alive(); }));
}

}  // namespace trawl::nse
