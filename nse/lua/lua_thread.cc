#include "nse/lua/lua_thread.h"

#include <cassert>
#include <utility>

#include "nse/lua/suspension.h"

namespace trawl::nse {

LuaContext* context_of(lua_State* lua) noexcept {
  return *static_cast<LuaContext**>(lua_getextraspace(lua));
}

void set_context(lua_State* lua, LuaContext* context) noexcept {
  *static_cast<LuaContext**>(lua_getextraspace(lua)) = context;
}

Engine* engine_of(lua_State* lua) noexcept {
  const LuaContext* context = context_of(lua);
  return context == nullptr ? nullptr : context->engine;
}

namespace {

// With the thread that failed as a light userdata; its error object is on top of its stack.
int describe(lua_State* lua) {
  auto* const thread = static_cast<lua_State*>(lua_touserdata(lua, 1));
  lua_pushvalue(thread, -1);
  lua_xmove(thread, lua, 1);
  luaL_traceback(lua, thread, luaL_tolstring(lua, -1, nullptr), 0);
  return 1;
}

// Never raises: neither for want of memory, nor for what the error object does when it is asked.
std::string describe_error(lua_State* main, lua_State* thread) {
  if (lua_checkstack(main, 4) == 0 || lua_checkstack(thread, 4) == 0) return "stack overflow";
  lua_pushcfunction(main, describe);
  lua_pushlightuserdata(main, thread);
  std::string text = "an error that cannot be told";
  if (lua_pcall(main, 1, 1, 0) == LUA_OK) text = lua_tostring(main, -1);
  lua_pop(main, 1);
  return text;
}

}  // namespace

std::shared_ptr<LuaThread> LuaThread::make(lua_State* from, int arguments) {
  return std::shared_ptr<LuaThread>{new LuaThread{from, arguments}};
}

LuaThread::LuaThread(lua_State* from, int arguments)
    : context_{context_of(from)}, arguments_{arguments} {
  assert(context_ != nullptr);
  lua_rawgeti(from, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main_ = lua_tothread(from, -1);
  lua_pop(from, 1);
  lua_ = lua_newthread(from);
  reference_ = luaL_ref(from, LUA_REGISTRYINDEX);
  take_function(from, arguments);
}

void LuaThread::take_function(lua_State* from, int arguments) {
  luaL_checkstack(lua_, arguments + 1, "too many arguments");
  lua_xmove(from, lua_, arguments + 1);
}

void LuaThread::begin_again(lua_State* from, int arguments) {
  assert(state_ == State::New || state_ == State::Finished);
  lua_settop(lua_, 0);
  take_function(from, arguments);
  arguments_ = arguments;
  state_ = State::New;
}

LuaThread::~LuaThread() { luaL_unref(main_, LUA_REGISTRYINDEX, reference_); }

LuaThread::State LuaThread::run() {
  assert(ready() && !over());
  LuaThread* const before = std::exchange(context_->running, this);
  const int depth = std::exchange(context_->fixed_depth, 0);
  const Resumer* const resumers = std::exchange(context_->resumers, nullptr);
  const int arguments = std::exchange(arguments_, 0);
  state_ = State::Running;
  suspended_ = false;
  int results = 0;
  const int status = lua_resume(lua_, nullptr, arguments, &results);
  context_->running = before;
  context_->fixed_depth = depth;
  context_->resumers = resumers;
  if (status == LUA_OK) {
    state_ = State::Finished;
  } else if (status == LUA_YIELD && suspended_) {
    lua_pop(lua_, results);
    state_ = State::Suspended;
  } else {
    stray_yield_ = status == LUA_YIELD;
    if (stray_yield_) {
      lua_settop(lua_, 0);
      lua_pushliteral(lua_, "the script yielded outside of its coroutines");
    }
    traceback_ = describe_error(main_, lua_);
    state_ = State::Failed;
  }
  return state_;
}

void LuaThread::kill() {
  if (over() || state_ == State::Running) return;
  LuaThread* const before = std::exchange(context_->running, nullptr);
  lua_resetthread(lua_);
  lua_settop(lua_, 0);  // Nothing is left: coroutine.status says "dead".
  context_->running = before;
  push_ = nullptr;
  ++number_;
  state_ = State::Failed;
}

// What the suspended C function does when its thread continues.
int LuaThread::go_on(lua_State* lua, int /*status*/, lua_KContext context) {
  LuaThread* const thread = context_of(lua)->running;
  if (thread == nullptr || thread->push_ == nullptr ||
      static_cast<lua_KContext>(thread->number_) != context) {
    return luaL_error(lua, "a coroutine that waits for an event of another script was resumed");
  }
  const std::function<int(lua_State*)> push = std::exchange(thread->push_, nullptr);
  const lua_KFunction then = thread->then_;
  const lua_KContext then_context = thread->then_context_;
  const int values = push(lua);
  return then == nullptr ? values : then(lua, LUA_YIELD, then_context);
}

void Suspension::resume(std::function<int(lua_State*)> push) const {
  if (!alive()) return;
  const std::shared_ptr<LuaThread> thread = thread_.lock();
  thread->push_ = std::move(push);
  thread->context_->ready.push_back(thread);
}

bool Suspension::alive() const noexcept {
  const std::shared_ptr<LuaThread> thread = thread_.lock();
  return thread != nullptr && !thread->over() && thread->number_ == number_ &&
         thread->push_ == nullptr && thread->suspended_;
}

int suspend(lua_State* lua, const std::function<void(Suspension)>& start, lua_KFunction then,
            lua_KContext context) {
  LuaContext* const around = context_of(lua);
  LuaThread* const thread = around == nullptr ? nullptr : around->running;
  if (thread == nullptr) {
    return luaL_error(lua, "this function waits, and only a running script can wait");
  }
  if (around->fixed_depth > 0 || lua_isyieldable(lua) == 0) {
    return luaL_error(lua, "attempt to wait across a C-call boundary");
  }
  thread->number_ = ++around->suspensions;
  thread->suspended_ = true;
  thread->then_ = then;
  thread->then_context_ = context;
  start(Suspension{thread->weak_from_this(), thread->number_});
  return lua_yieldk(lua, 0, static_cast<lua_KContext>(thread->number_), LuaThread::go_on);
}

}  // namespace trawl::nse
