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

// Limits how many script threads hold sockets at once. One that holds a socket may have more.
class SocketSlots {
 public:
  explicit SocketSlots(std::size_t most) : most_{most} {}
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

  struct Slot {
    std::uint64_t number = 0;
    std::size_t sockets = 0;
  };

  std::size_t most_;
  std::uint64_t last_ = 0;
  std::map<const LuaThread*, Slot> held_;
  std::deque<Waiter> waiters_;
};

}  // namespace trawl::nse
