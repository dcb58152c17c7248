#include "nse/engine/thread_functions.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "nse/engine/engine.h"
#include "nse/engine/script_thread.h"
#include "nse/lua/suspension.h"

namespace trawl::nse {
namespace {

ScriptThread& checked_thread(lua_State* lua) {
  ScriptThread* const thread = running_thread(lua);
  if (thread == nullptr) luaL_error(lua, "only a running script has a thread");
  return *thread;
}

// coroutine.status of the worker, which is upvalue 1, and the error it ended with.
int worker_status(lua_State* lua) {
  lua_State* const worker = lua_tothread(lua, lua_upvalueindex(1));
  lua_settop(lua, 0);
  lua_getglobal(lua, LUA_COLIBNAME);
  lua_getfield(lua, -1, "status");
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_call(lua, 1, 1);
  const int status = lua_status(worker);
  if (status == LUA_OK || status == LUA_YIELD || lua_checkstack(worker, 1) == 0) {
    lua_pushnil(lua);
  } else {
    lua_pushvalue(worker, -1);
    lua_xmove(worker, lua, 1);
  }
  return 2;
}

}  // namespace

int new_thread(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  ScriptThread& maker = checked_thread(lua);
  const auto worker = std::make_shared<ScriptThread>(lua, lua_gettop(lua) - 1);
  worker->script = maker.script;
  worker->rule = maker.rule;
  worker->host = maker.host;
  worker->port = maker.port;
  worker->worker = true;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, maker.record);  // Shared with whoever made it.
  worker->record = luaL_ref(lua, LUA_REGISTRYINDEX);
  worker->deadline = maker.deadline;
  engine_of(lua)->adopt(worker);
  worker->push_coroutine(lua);
  lua_pushvalue(lua, -1);
  lua_pushcclosure(lua, worker_status, 1);
  return 2;
}

int base_coroutine(lua_State* lua) {
  checked_thread(lua).push_coroutine(lua);
  return 1;
}

int thread_name(lua_State* lua) {
  checked_thread(lua).push_coroutine(lua);
  luaL_tolstring(lua, -1, nullptr);
  return 1;
}

// Messages begin with these; outside of a thread they are nil, as those that stdnse has itself.
int script_name(lua_State* lua) {
  const Script* const script = engine_of(lua)->script_now();
  if (script == nullptr) {
    lua_pushnil(lua);
  } else {
    lua_pushstring(lua, script->id.c_str());
  }
  return 1;
}

int script_details(lua_State* lua) {
  const ScriptThread* const thread = running_thread(lua);
  if (thread == nullptr) return script_name(lua);
  constexpr std::uintptr_t kShown = 0xffffff;
  const std::string text = fmt::format("{} {}:{:x}", thread->script->id, thread->worker ? 'W' : 'M',
                                       reinterpret_cast<std::uintptr_t>(thread->lua()) & kShown);
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

int host_and_port(lua_State* lua) {
  const ScriptThread* const thread = running_thread(lua);
  if (thread == nullptr || thread->record == LUA_NOREF || thread->host == nullptr) {
    lua_settop(lua, 0);
    lua_pushnil(lua);
    return 1;
  }
  lua_rawgeti(lua, LUA_REGISTRYINDEX, thread->record);
  lua_rawgeti(lua, -1, ScriptThread::kHostOfRecord);
  if (!thread->port) return 1;
  lua_rawgeti(lua, -2, ScriptThread::kHostOfRecord + 1);
  return 2;
}

int is_worker(lua_State* lua) {
  lua_pushboolean(lua, checked_thread(lua).worker ? 1 : 0);
  return 1;
}

}  // namespace trawl::nse
