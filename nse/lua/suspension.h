#pragma once

#include <cstdint>
#include <functional>
#include <lua.hpp>
#include <memory>

namespace trawl::nse {

class Engine;
class LuaThread;

// Lua is the library compiled as C++ (lua5.4-c++): an error and a yield are C++ exceptions that run
// the destructors of every frame they pass, so a C function may hold strings and pointers. None of
// our own exceptions may cross a Lua frame, and none of these frames may be noexcept.

// A script thread that waits for something outside Lua. Cheap to copy; may outlive its thread.
//
// Thread: the engine's.
class Suspension {
 public:
  Suspension() = default;
  Suspension(std::weak_ptr<LuaThread> thread, std::uint64_t number)
      : thread_{std::move(thread)}, number_{number} {}

  // Has the thread continue in the engine's next turn: `push` pushes what the suspended function
  // returns on the stack it is given, of the thread or of a coroutine in it, and says how many
  // values. It may raise a Lua error. Once only: nothing happens when the thread has died, or was
  // resumed before. May be called at once, by `start` itself.
  void resume(std::function<int(lua_State*)> push) const;
  // Whether resume() would still do something.
  [[nodiscard]] bool alive() const noexcept;

 private:
  std::weak_ptr<LuaThread> thread_;
  std::uint64_t number_ = 0;
};

// To be returned by a C function: suspends the running script thread, also from within the script's
// own coroutines, and calls `start` with its handle. `then`, if any, is called with the pushed
// values on top of what was on the stack before, instead of returning them at once; it may suspend
// again. Raises an error when the caller cannot be suspended: outside a script thread, or across a
// call of C (the callback of string.gsub).
int suspend(lua_State* lua, const std::function<void(Suspension)>& start,
            lua_KFunction then = nullptr, lua_KContext context = 0);

// The engine around this state; null outside of one.
[[nodiscard]] Engine* engine_of(lua_State* lua) noexcept;

}  // namespace trawl::nse
