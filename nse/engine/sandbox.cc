#include <algorithm>
#include <cstring>

#include "nse/engine/environment.h"

namespace trawl::nse {
namespace {

// Copies the named functions of the table on top of the stack into a new table, which takes its
// place.
void keep_only(lua_State* lua, std::initializer_list<const char*> names) {
  lua_newtable(lua);
  for (const char* name : names) {
    lua_getfield(lua, -2, name);
    lua_setfield(lua, -2, name);
  }
  lua_remove(lua, -2);
}

// io.open and io.lines of the original library are upvalues. Modes that write fail as a file that
// may not be written does.
int open_for_reading(lua_State* lua) {
  const char* path = luaL_checkstring(lua, 1);
  const char* mode = luaL_optstring(lua, 2, "r");
  if (std::strcmp(mode, "r") != 0 && std::strcmp(mode, "rb") != 0) {
    lua_pushnil(lua);
    lua_pushfstring(lua, "%s: a script in the sandbox may not write", path);
    lua_pushinteger(lua, 13);
    return 3;
  }
  lua_settop(lua, 2);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, 2, LUA_MULTRET);
  return lua_gettop(lua);
}

// require: what the sandbox has under that name comes before the library of the same name.
int require_sandboxed(lua_State* lua) {
  lua_settop(lua, 1);
  lua_pushvalue(lua, 1);
  if (lua_type(lua, 1) == LUA_TSTRING && lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  lua_settop(lua, 1);
  lua_getglobal(lua, "require");
  lua_insert(lua, 1);
  lua_call(lua, 1, LUA_MULTRET);
  return lua_gettop(lua);
}

// load(chunk, name, mode, env) and loadfile(path, mode, env), as text and with the sandbox for
// globals where none are given. Upvalues: the function, the sandbox, the index of the mode.
int load_sandboxed(lua_State* lua) {
  const int mode = static_cast<int>(lua_tointeger(lua, lua_upvalueindex(3)));
  const bool has_env = lua_gettop(lua) > mode;
  lua_settop(lua, mode + 1);
  lua_pushliteral(lua, "t");
  lua_replace(lua, mode);
  if (!has_env) {
    lua_pushvalue(lua, lua_upvalueindex(2));
    lua_replace(lua, mode + 1);
  }
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, mode + 1, LUA_MULTRET);
  return lua_gettop(lua);
}

void add_restricted(lua_State* lua, int sandbox, const char* library,
                    std::initializer_list<const char*> names) {
  if (lua_getglobal(lua, library) == LUA_TTABLE) {
    keep_only(lua, names);
    lua_setfield(lua, sandbox, library);
  } else {
    lua_pop(lua, 1);
  }
}

void add_io(lua_State* lua, int sandbox) {
  lua_getglobal(lua, LUA_IOLIBNAME);
  lua_getfield(lua, -1, "open");
  lua_insert(lua, -2);
  keep_only(lua, {"lines", "type", "read", "stdin", "stdout", "stderr", "write"});
  lua_insert(lua, -2);
  lua_pushcclosure(lua, open_for_reading, 1);
  lua_setfield(lua, -2, "open");
  lua_setfield(lua, sandbox, LUA_IOLIBNAME);
}

void add_loader(lua_State* lua, int sandbox, const char* name, int mode) {
  lua_getglobal(lua, name);
  lua_pushvalue(lua, sandbox);
  lua_pushinteger(lua, mode);
  lua_pushcclosure(lua, load_sandboxed, 3);
  lua_setfield(lua, sandbox, name);
}

}  // namespace

void push_sandbox(lua_State* lua) {
  lua_newtable(lua);
  const int sandbox = lua_gettop(lua);
  add_io(lua, sandbox);
  add_restricted(lua, sandbox, LUA_OSLIBNAME,
                 {"clock", "date", "difftime", "getenv", "time", "setlocale"});
  add_restricted(lua, sandbox, LUA_DBLIBNAME, {"traceback", "getinfo"});
  add_restricted(lua, sandbox, "lfs", {"attributes", "currentdir", "dir", "get_path_separator"});
  lua_newtable(lua);
  lua_setfield(lua, sandbox, LUA_LOADLIBNAME);
  add_loader(lua, sandbox, "load", 3);
  add_loader(lua, sandbox, "loadfile", 2);
  lua_pushboolean(lua, 0);  // Would run a file with all globals.
  lua_setfield(lua, sandbox, "dofile");
  lua_pushvalue(lua, sandbox);
  lua_setfield(lua, sandbox, LUA_GNAME);
  lua_pushvalue(lua, sandbox);
  lua_pushcclosure(lua, require_sandboxed, 1);
  lua_setfield(lua, sandbox, "require");
  lua_createtable(lua, 0, 2);
  lua_pushglobaltable(lua);
  lua_setfield(lua, -2, "__index");
  lua_pushboolean(lua, 0);  // getmetatable() would give the globals away.
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, sandbox);
}

}  // namespace trawl::nse
