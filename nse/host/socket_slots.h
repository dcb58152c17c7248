#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "nse/engine/script_thread.h"
#include "nse/lua/suspension.h"

namespace trawl::nse {

// How many script threads may hold sockets at once: against one host, and in all.
struct SocketLimits {
  std::size_t per_host = 20;  // As Nmap has it for all hosts together.
  std::size_t all = 1000;
};

// Keeps to these limits. A thread that holds a socket may have more of them.
class SocketSlots {
 public:
  explicit SocketSlots(SocketLimits limits) : limits_{limits} {}
  SocketSlots(const SocketSlots&) = delete;
  SocketSlots& operator=(const SocketSlots&) = delete;

  // A socket's place: of which thread, and the number of its slot.
  struct Place {
    const LuaThread* thread = nullptr;  // To compare with; it may be over.
    std::uint64_t slot = 0;
  };
  // One more socket of that thread; nullopt when it is to wait() first.
  [[nodiscard]] std::optional<Place> take(ScriptThread& thread);
  // Resumed, without values, when a slot is kept for the thread; then take() is true.
  void wait(ScriptThread& thread, Suspension suspension);
  // A socket is closed. The slot of a thread that has ended is free already.
  void give_back(const Place& place);

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::size_t holders() const noexcept { return held_.size(); }

 private:
  struct Waiter {
    std::weak_ptr<LuaThread> thread;
    Suspension suspension;
  };
  void hold(ScriptThread& thread);
  void drop(const LuaThread* thread);
  void serve();
  [[nodiscard]] bool has_room(const ScriptHost* host) const;

  struct Slot {
    std::uint64_t number = 0;
    const ScriptHost* host = nullptr;
    std::size_t sockets = 0;
  };

  SocketLimits limits_;
  std::map<const ScriptHost*, std::size_t> of_host_;  // Holders.
  std::uint64_t last_ = 0;
  std::map<const LuaThread*, Slot> held_;
  std::deque<Waiter> waiters_;
};

}  // namespace trawl::nse
