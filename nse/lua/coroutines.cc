#include "nse/lua/coroutines.h"

#include "nse/lua/lua_thread.h"

namespace trawl::nse {
namespace {

enum class Outcome : std::uint8_t { Values, Failed, Suspended };

// Runs the coroutine with the arguments on its stack. Its results, or the error, are left there.
Outcome run_coroutine(lua_State* lua, lua_State* coroutine, int arguments, int& results) {
  LuaContext* const context = context_of(lua);
  const int fixed = lua_isyieldable(lua) == 0 ? 1 : 0;
  const Resumer resumer{lua, context->resumers};
  context->fixed_depth += fixed;
  context->resumers = &resumer;
  const int status = lua_resume(coroutine, lua, arguments, &results);
  context->fixed_depth -= fixed;
  context->resumers = resumer.before;
  if (status == LUA_YIELD && context->running != nullptr && context->running->suspended()) {
    return Outcome::Suspended;
  }
  return status == LUA_OK || status == LUA_YIELD ? Outcome::Values : Outcome::Failed;
}

lua_State* coroutine_argument(lua_State* lua, int index) {
  lua_State* coroutine = lua_tothread(lua, index);
  luaL_argexpected(lua, coroutine != nullptr, index, "coroutine");
  return coroutine;
}

// Moves all that is on the stack of `lua` above `from` to the coroutine.
int move_arguments(lua_State* lua, lua_State* coroutine, int from) {
  const int arguments = lua_gettop(lua) - from;
  if (lua_checkstack(coroutine, arguments) == 0) return -1;
  lua_xmove(lua, coroutine, arguments);
  return arguments;
}

int resume_on(lua_State* lua, int status, lua_KContext context);

int resume_with(lua_State* lua, lua_State* coroutine, int arguments) {
  int results = 0;
  switch (run_coroutine(lua, coroutine, arguments, results)) {
    case Outcome::Suspended: return lua_yieldk(lua, 0, 0, resume_on);
    case Outcome::Failed:
      lua_pushboolean(lua, 0);
      lua_xmove(coroutine, lua, 1);
      return 2;
    case Outcome::Values: break;
  }
  lua_pushboolean(lua, 1);
  if (lua_checkstack(lua, results) == 0) {
    lua_pop(coroutine, results);
    lua_pushboolean(lua, 0);
    lua_pushliteral(lua, "too many results to resume");
    return 2;
  }
  lua_xmove(coroutine, lua, results);
  return results + 1;
}

// The script goes on: so does the coroutine, with nothing, for the suspended function in it knows
// what it returns.
int resume_on(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  return resume_with(lua, coroutine_argument(lua, 1), 0);
}

int resume(lua_State* lua) {
  lua_State* const coroutine = coroutine_argument(lua, 1);
  const int arguments = move_arguments(lua, coroutine, 1);
  if (arguments < 0) {
    lua_pushboolean(lua, 0);
    lua_pushliteral(lua, "too many arguments to resume");
    return 2;
  }
  return resume_with(lua, coroutine, arguments);
}

int wrapped_on(lua_State* lua, int status, lua_KContext context);

int raise_of(lua_State* lua, lua_State* coroutine) {
  const int status = lua_status(coroutine);
  if (status != LUA_OK && status != LUA_YIELD) lua_resetthread(coroutine);
  lua_xmove(coroutine, lua, 1);
  if (status != LUA_ERRMEM && lua_type(lua, -1) == LUA_TSTRING) {
    luaL_where(lua, 1);
    lua_insert(lua, -2);
    lua_concat(lua, 2);
  }
  return lua_error(lua);
}

int wrapped_with(lua_State* lua, lua_State* coroutine, int arguments) {
  int results = 0;
  switch (run_coroutine(lua, coroutine, arguments, results)) {
    case Outcome::Suspended: return lua_yieldk(lua, 0, 0, wrapped_on);
    case Outcome::Failed: return raise_of(lua, coroutine);
    case Outcome::Values: break;
  }
  luaL_checkstack(lua, results, "too many results to resume");
  lua_xmove(coroutine, lua, results);
  return results;
}

int wrapped_on(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  return wrapped_with(lua, lua_tothread(lua, lua_upvalueindex(1)), 0);
}

int call_wrapped(lua_State* lua) {
  lua_State* const coroutine = lua_tothread(lua, lua_upvalueindex(1));
  const int arguments = move_arguments(lua, coroutine, 0);
  if (arguments < 0) return luaL_error(lua, "too many arguments to resume");
  return wrapped_with(lua, coroutine, arguments);
}

int wrap(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  lua_State* const coroutine = lua_newthread(lua);
  lua_pushvalue(lua, 1);
  lua_xmove(lua, coroutine, 1);
  lua_pushcclosure(lua, call_wrapped, 1);
  return 1;
}

}  // namespace

void replace_coroutine_functions(lua_State* lua) {
  lua_getglobal(lua, LUA_COLIBNAME);
  lua_pushcfunction(lua, resume);
  lua_setfield(lua, -2, "resume");
  lua_pushcfunction(lua, wrap);
  lua_setfield(lua, -2, "wrap");
  lua_pop(lua, 1);
}

}  // namespace trawl::nse
