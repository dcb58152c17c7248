#include <cstring>

#include "nse/engine/engine.h"
#include "nse/engine/environment.h"
#include "nse/lua/lua_thread.h"
#include "nse/lua/suspension.h"

namespace trawl::nse {
namespace {

constexpr std::uint64_t kBytesPerInstruction = 16;

// Lua's own function is upvalue 1 of each of these. It has none itself, and so can be called as
// what it is, in the same frame: its errors name it, and the line it was called on.
int call_original(lua_State* lua) { return lua_tocfunction(lua, lua_upvalueindex(1))(lua); }

// Of a table, behind `position`; it may say itself how many it has.
void charge_items(lua_State* lua, lua_Integer position) {
  const lua_Integer length = luaL_len(lua, 1);
  if (length > position) {
    charge(lua, static_cast<std::uint64_t>(length) - static_cast<std::uint64_t>(position));
  }
}

int counted_sort(lua_State* lua) {
  if (lua_istable(lua, 1)) charge_items(lua, 0);
  return call_original(lua);
}

// table.insert and remove move all items behind a position, if there is one.
int counted_insert(lua_State* lua) {
  if (lua_istable(lua, 1) && lua_gettop(lua) == 3 && lua_isinteger(lua, 2)) {
    charge_items(lua, lua_tointeger(lua, 2));
  }
  return call_original(lua);
}
int counted_remove(lua_State* lua) {
  if (lua_istable(lua, 1) && lua_isinteger(lua, 2)) charge_items(lua, lua_tointeger(lua, 2));
  return call_original(lua);
}

int counted_move(lua_State* lua) {
  const lua_Integer first = luaL_checkinteger(lua, 2);
  const lua_Integer last = luaL_checkinteger(lua, 3);
  if (last >= first) {
    charge(lua, static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first));
  }
  return call_original(lua);
}

// What is too large for the memory is no work.
int counted_rep(lua_State* lua) {
  const int results = call_original(lua);
  charge(lua, lua_rawlen(lua, -1) / kBytesPerInstruction);
  return results;
}

// How memory is collected is for the engine to say: a script may count, and have it collected.
int counted_collect(lua_State* lua) {
  const std::string_view what = luaL_optstring(lua, 1, "collect");
  if (what == "collect" || what == "step") {
    const auto kilobytes = static_cast<std::uint64_t>(lua_gc(lua, LUA_GCCOUNT));
    charge(lua, kilobytes * 1024 / kBytesPerInstruction);
  } else if (what != "count" && what != "isrunning") {
    lua_pushinteger(lua, 0);
    return 1;
  }
  return call_original(lua);
}

// Compiled code may be anything, so only text is loaded. `mode` is the index of that argument.
int load_text(lua_State* lua, int mode) {
  const char* const asked = luaL_optstring(lua, mode, "bt");
  if (lua_gettop(lua) < mode) lua_settop(lua, mode);
  lua_pushstring(lua, std::strchr(asked, 't') == nullptr ? asked : "t");
  lua_replace(lua, mode);
  if (std::strchr(asked, 't') == nullptr) {
    luaL_pushfail(lua);
    lua_pushliteral(lua, "attempt to load compiled code, which scripts may not");
    return 2;
  }
  return call_original(lua);
}
int load_chunk(lua_State* lua) { return load_text(lua, 3); }
int load_file(lua_State* lua) { return load_text(lua, 2); }

int after_file(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  return lua_gettop(lua) - 1;
}
int do_file(lua_State* lua) {
  const char* const path = luaL_checkstring(lua, 1);
  lua_settop(lua, 1);
  if (luaL_loadfilex(lua, path, "t") != LUA_OK) return lua_error(lua);
  lua_callk(lua, 0, LUA_MULTRET, 0, after_file);
  return after_file(lua, LUA_OK, 0);
}

// No hook sees what a finaliser does: one that never ends would end nothing else either.
int guarded_setmetatable(lua_State* lua) {
  const Engine* const engine = engine_of(lua);
  const Script* const script = engine == nullptr ? nullptr : engine->script_now();
  if (script != nullptr && script->sandboxed && lua_istable(lua, 2)) {
    lua_pushliteral(lua, "__gc");
    lua_rawget(lua, 2);
    if (!lua_isnil(lua, -1)) {
      return luaL_error(lua, "__gc: a script in the sandbox may not have finalisers");
    }
    lua_pop(lua, 1);
  }
  return call_original(lua);
}

struct Bound {
  const char* library;
  const char* function;
  lua_CFunction instead;
};
constexpr Bound kBounds[] = {{LUA_TABLIBNAME, "insert", counted_insert},
                             {LUA_TABLIBNAME, "remove", counted_remove},
                             {LUA_TABLIBNAME, "sort", counted_sort},
                             {LUA_TABLIBNAME, "move", counted_move},
                             {LUA_STRLIBNAME, "rep", counted_rep},
                             {LUA_GNAME, "collectgarbage", counted_collect},
                             {LUA_GNAME, "load", load_chunk},
                             {LUA_GNAME, "loadfile", load_file},
                             {LUA_GNAME, "dofile", do_file},
                             {LUA_GNAME, "setmetatable", guarded_setmetatable}};

// All strings of all scripts have one metatable.
void lock_string_metatable(lua_State* lua) {
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);
}

// A script that reads from a terminal would have all wait for its user.
void close_standard_input(lua_State* lua) {
  lua_getglobal(lua, LUA_IOLIBNAME);
  lua_getfield(lua, -1, "open");
  lua_pushliteral(lua, "/dev/null");
  lua_call(lua, 1, 1);
  if (lua_isnil(lua, -1)) luaL_error(lua, "/dev/null cannot be read");
  lua_getfield(lua, -2, "input");
  lua_pushvalue(lua, -2);
  lua_call(lua, 1, 0);
  lua_setfield(lua, -2, "stdin");
  lua_pop(lua, 1);
}

}  // namespace

void install_bounds(lua_State* lua) {
  for (const Bound& bound : kBounds) {
    lua_getglobal(lua, bound.library);
    lua_getfield(lua, -1, bound.function);
    lua_pushcclosure(lua, bound.instead, 1);
    lua_setfield(lua, -2, bound.function);
    lua_pop(lua, 1);
  }
  lock_string_metatable(lua);
  close_standard_input(lua);
}

}  // namespace trawl::nse
