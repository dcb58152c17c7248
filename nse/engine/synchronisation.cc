#include "nse/engine/synchronisation.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>
#include <new>

#include "nse/engine/engine.h"
#include "nse/engine/script_thread.h"
#include "nse/lua/suspension.h"

namespace trawl::nse {
namespace {

int push_nothing(lua_State* /*lua*/) { return 0; }

// Handles to threads that may have died, in the order they came.
struct Waiter {
  Suspension suspension;
  std::weak_ptr<LuaThread> thread{};
};

class Mutex : public std::enable_shared_from_this<Mutex> {
 public:
  // The thread has it now, and gives it back when it ends.
  void take(ScriptThread& thread) {
    holder_ = thread.weak_from_this();
    thread.at_end(this, [self = weak_from_this(), who = &thread] {
      const auto mutex = self.lock();
      if (mutex != nullptr && mutex->last_ == who) mutex->release();
    });
    last_ = &thread;
  }
  void release() {
    if (const auto thread = holder_.lock()) static_cast<ScriptThread&>(*thread).forget(this);
    holder_.reset();
    last_ = nullptr;
    while (!waiters_.empty()) {
      const Waiter next = std::move(waiters_.front());
      waiters_.pop_front();
      const auto thread = next.thread.lock();
      if (thread == nullptr || !next.suspension.alive()) continue;
      take(static_cast<ScriptThread&>(*thread));
      next.suspension.resume(push_nothing);
      return;
    }
  }
  void wait(Waiter waiter) { waiters_.push_back(std::move(waiter)); }
  [[nodiscard]] bool held() const { return last_ != nullptr; }
  [[nodiscard]] bool held_by(const ScriptThread* thread) const { return last_ == thread; }
  [[nodiscard]] std::shared_ptr<LuaThread> holder() const { return holder_.lock(); }

 private:
  std::weak_ptr<LuaThread> holder_;
  const ScriptThread* last_ = nullptr;  // To compare with; never followed.
  std::deque<Waiter> waiters_;
};

class Condvar {
 public:
  void wait(Suspension suspension) { waiters_.push_back(std::move(suspension)); }
  void wake(bool all) {
    while (!waiters_.empty()) {
      const Suspension next = std::move(waiters_.front());
      waiters_.pop_front();
      if (!next.alive()) continue;
      next.resume(push_nothing);
      if (!all) return;
    }
  }

 private:
  std::deque<Suspension> waiters_;
};

ScriptThread* checked_thread(lua_State* lua) {
  ScriptThread* const thread = running_thread(lua);
  if (thread == nullptr) luaL_error(lua, "only a running script can do this");
  return thread;
}

// The object is a userdata, upvalue 1 of the function that works on it.
template <typename T>
std::shared_ptr<T>& object_of(lua_State* lua) {
  return *static_cast<std::shared_ptr<T>*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

int use_mutex(lua_State* lua) {
  static const char* const verbs[] = {"lock", "trylock", "done", "running", nullptr};
  const std::shared_ptr<Mutex> mutex = object_of<Mutex>(lua);
  const int verb = luaL_checkoption(lua, 1, nullptr, verbs);
  if (verb == 3) {
    const auto holder = mutex->holder();
    if (holder == nullptr) {
      lua_pushnil(lua);
    } else {
      holder->push_coroutine(lua);
    }
    return 1;
  }
  ScriptThread* const thread = checked_thread(lua);
  if (verb == 2) {
    if (!mutex->held_by(thread)) return luaL_error(lua, "do not have a lock on this mutex");
    mutex->release();
    return 0;
  }
  const bool free = !mutex->held();
  if (free) mutex->take(*thread);
  if (verb == 1) {
    lua_pushboolean(lua, free ? 1 : 0);
    return 1;
  }
  if (free) return 0;
  if (mutex->held_by(thread)) return luaL_error(lua, "this thread has the lock on this mutex");
  return suspend(lua, [&](Suspension it) {
    mutex->wait({std::move(it), thread->weak_from_this()});
  });
}

int use_condvar(lua_State* lua) {
  static const char* const verbs[] = {"wait", "signal", "broadcast", nullptr};
  const std::shared_ptr<Condvar> condvar = object_of<Condvar>(lua);
  const int verb = luaL_checkoption(lua, 1, nullptr, verbs);
  if (verb != 0) {
    condvar->wake(verb == 2);
    return 0;
  }
  return suspend(lua, [&](Suspension it) { condvar->wait(std::move(it)); });
}

template <typename T>
int collect(lua_State* lua) {
  static_cast<std::shared_ptr<T>*>(lua_touserdata(lua, 1))->~shared_ptr();
  return 0;
}

// Pushes the function for the object at index 1, from the table of those there are.
template <typename T>
void push_function_for(lua_State* lua, const char* kind, lua_CFunction use) {
  const int type = lua_type(lua, 1);
  luaL_argcheck(
      lua, type != LUA_TNONE && type != LUA_TNIL && type != LUA_TBOOLEAN && type != LUA_TNUMBER, 1,
      "object expected");
  lua_settop(lua, 1);
  if (luaL_getsubtable(lua, LUA_REGISTRYINDEX, kind) == 0) {
    lua_createtable(lua, 0, 1);
    lua_pushliteral(lua, "kv");
    lua_setfield(lua, -2, "__mode");
    lua_setmetatable(lua, -2);
  }
  lua_pushvalue(lua, 1);
  if (lua_rawget(lua, 2) != LUA_TNIL) return;
  lua_pop(lua, 1);
  void* const place = lua_newuserdatauv(lua, sizeof(std::shared_ptr<T>), 0);
  new (place) std::shared_ptr<T>{std::make_shared<T>()};
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, collect<T>);
  lua_setfield(lua, -2, "__gc");
  lua_setmetatable(lua, -2);
  lua_pushcclosure(lua, use, 1);
  lua_pushvalue(lua, 1);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, 2);
}

}  // namespace

int make_mutex(lua_State* lua) {
  push_function_for<Mutex>(lua, "trawl.mutexes", use_mutex);
  return 1;
}

int make_condvar(lua_State* lua) {
  push_function_for<Condvar>(lua, "trawl.condvars", use_condvar);
  if (ScriptThread* const thread = running_thread(lua)) {
    lua_getupvalue(lua, -1, 1);
    const auto& condvar = *static_cast<std::shared_ptr<Condvar>*>(lua_touserdata(lua, -1));
    thread->at_end(condvar.get(), [seen = std::weak_ptr{condvar}] {
      if (const auto it = seen.lock()) it->wake(true);
    });
    lua_pop(lua, 1);
  }
  return 1;
}

int sleep_script(lua_State* lua) {
  const double seconds = luaL_checknumber(lua, 1);
  luaL_argcheck(lua, seconds >= 0 && std::isfinite(seconds), 1, "a time of sleep expected");
  service::Loop& loop = engine_of(lua)->loop();
  const auto wait = std::chrono::duration_cast<service::Wait>(
      std::chrono::duration<double>{std::min(seconds, 1e9)});
  return suspend(lua, [&](Suspension it) {
    loop.timer(wait, [it](const service::Event&) { it.resume(push_nothing); });
  });
}

}  // namespace trawl::nse
