#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <lua.hpp>
#include <memory>
#include <string>

namespace trawl::nse {

class Engine;
class LuaThread;
class Suspension;

// A coroutine that has resumed another, and waits for that to yield or end.
struct Resumer {
  lua_State* lua;
  const Resumer* before;
};

// What belongs to one Lua state and every coroutine in it; found by context_of().
struct LuaContext {
  Engine* engine = nullptr;
  LuaThread* running = nullptr;       // Whose Lua code runs now.
  int fixed_depth = 0;                // Coroutines below this one whose resumer cannot yield.
  const Resumer* resumers = nullptr;  // Of the coroutine that runs, innermost first.
  std::uint64_t suspensions = 0;
  // Threads whose suspension is over, in that order.
  std::deque<std::weak_ptr<LuaThread>> ready{};
  // Called by the hook, every `hook_interval` instructions; raises an error to end the thread.
  std::function<void(lua_State*)> on_hook{};
};

// Needs set_context() before. Null for a state without.
[[nodiscard]] LuaContext* context_of(lua_State* lua) noexcept;
// To be called for the main thread before any other is made.
void set_context(lua_State* lua, LuaContext* context) noexcept;

// A Lua function that runs in a coroutine of its own and may be suspended by C functions at any
// depth of the coroutines within it.
//
// Thread: the engine's.
class LuaThread : public std::enable_shared_from_this<LuaThread> {
 public:
  enum class State : std::uint8_t { New, Suspended, Running, Finished, Failed };

  // Takes the function and its `arguments` from the top of the stack of `from`.
  [[nodiscard]] static std::shared_ptr<LuaThread> make(lua_State* from, int arguments);
  virtual ~LuaThread();
  LuaThread(const LuaThread&) = delete;
  LuaThread& operator=(const LuaThread&) = delete;

  // Runs until it is suspended or ends. Needs New, or Suspended and ready().
  State run();
  // The same coroutine for another function, as make(). Needs New or Finished.
  void begin_again(lua_State* from, int arguments);
  // Ends it where it waits: its to-be-closed variables are closed, its suspension is void.
  void kill();

  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] bool over() const noexcept {
    return state_ == State::Finished || state_ == State::Failed;
  }
  // Whether the yield that goes on now is one of suspend().
  [[nodiscard]] bool suspended() const noexcept { return suspended_; }
  [[nodiscard]] bool ready() const noexcept { return state_ == State::New || push_ != nullptr; }
  // Finished: what the function returned, all that is on its stack. Failed: the error on top.
  [[nodiscard]] lua_State* lua() const noexcept { return lua_; }
  // Pushes the coroutine it runs in.
  void push_coroutine(lua_State* on) const { lua_rawgeti(on, LUA_REGISTRYINDEX, reference_); }
  // Failed because it yielded outside of its coroutines.
  [[nodiscard]] bool stray_yield() const noexcept { return stray_yield_; }
  // Of an error: its text and where it came from, line by line.
  [[nodiscard]] const std::string& traceback() const noexcept { return traceback_; }

 protected:
  LuaThread(lua_State* from, int arguments);

 private:
  friend class Suspension;
  friend int suspend(lua_State*, const std::function<void(Suspension)>&, lua_KFunction,
                     lua_KContext);
  void take_function(lua_State* from, int arguments);
  static int go_on(lua_State* lua, int status, lua_KContext context);

  LuaContext* context_;
  lua_State* main_;
  lua_State* lua_;
  int reference_;
  int arguments_;
  State state_ = State::New;
  std::uint64_t number_ = 0;               // Of the suspension it is in.
  bool suspended_ = false;                 // By suspend(), not by a plain yield.
  std::function<int(lua_State*)> push_{};  // What the suspended function returns.
  lua_KFunction then_ = nullptr;
  lua_KContext then_context_ = 0;
  bool stray_yield_ = false;
  std::string traceback_;
};

}  // namespace trawl::nse
