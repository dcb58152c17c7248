#include "nse/engine/thread_functions.h"

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

int is_worker(lua_State* lua) {
  lua_pushboolean(lua, checked_thread(lua).worker ? 1 : 0);
  return 1;
}

}  // namespace trawl::nse
