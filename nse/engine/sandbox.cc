#include <cstring>
#include <filesystem>
#include <system_error>

#include "nse/engine/engine.h"
#include "nse/engine/environment.h"
#include "nse/lua/suspension.h"

namespace trawl::nse {
namespace {

bool is_sandboxed(lua_State* lua) {
  const Engine* const engine = engine_of(lua);
  const Script* const script = engine == nullptr ? nullptr : engine->script_now();
  return script != nullptr && script->sandboxed;
}

// As a call that fails for want of permission.
int refuse(lua_State* lua, const char* what) {
  lua_pushnil(lua);
  lua_pushfstring(lua, "%s: a script in the sandbox may not do this", what);
  lua_pushinteger(lua, 13);  // EACCES.
  return 3;
}

int call_original(lua_State* lua) {
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, LUA_MULTRET);
  return lua_gettop(lua);
}

// Upvalues: the function, and its name.
int guarded(lua_State* lua) {
  if (is_sandboxed(lua)) return refuse(lua, lua_tostring(lua, lua_upvalueindex(2)));
  return call_original(lua);
}

// What opens and reads at once: to open a pipe or a terminal means to wait for whoever writes to
// it, and all scripts with it.
bool answers_at_once(const char* path) {
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return true;
  const std::filesystem::path real = std::filesystem::canonical(path, none);
  return std::filesystem::is_regular_file(real, none) ||
         std::filesystem::is_directory(real, none) || real == "/dev/null" || real == "/dev/urandom";
}

int guarded_read(lua_State* lua) {
  const char* const path = lua_type(lua, 1) == LUA_TSTRING ? lua_tostring(lua, 1) : nullptr;
  if (path != nullptr && is_sandboxed(lua) && !answers_at_once(path)) return refuse(lua, path);
  return call_original(lua);
}

int guarded_open(lua_State* lua) {
  const char* path = luaL_checkstring(lua, 1);
  const char* mode = luaL_optstring(lua, 2, "r");
  const bool reads = std::strcmp(mode, "r") == 0 || std::strcmp(mode, "rb") == 0;
  if (!reads && is_sandboxed(lua)) return refuse(lua, path);
  return guarded_read(lua);
}

int never(lua_State* lua) {
  return luaL_error(lua, "a script may not call %s", lua_tostring(lua, lua_upvalueindex(1)));
}

struct Guard {
  const char* library;
  const char* function;
  lua_CFunction instead;
};
constexpr Guard kGuards[] = {
    {"os", "execute", guarded},    {"os", "remove", guarded},    {"os", "rename", guarded},
    {"os", "tmpname", guarded},    {"io", "popen", guarded},     {"io", "output", guarded},
    {"io", "tmpfile", guarded},    {"io", "open", guarded_open}, {"lfs", "mkdir", guarded},
    {"lfs", "rmdir", guarded},     {"lfs", "chdir", guarded},    {"lfs", "link", guarded},
    {"lfs", "touch", guarded},     {"lfs", "lock", guarded},     {"lfs", "lock_dir", guarded},
    {"lfs", "unlock", guarded},    {"lfs", "setmode", guarded},  {"io", "lines", guarded_read},
    {"io", "input", guarded_read},
};
// They would end or change the whole program.
constexpr Guard kForbidden[] = {{"os", "exit", never}, {"os", "setlocale", never}};

// The function that is there, if any, becomes an upvalue of another in its place.
void put_before(lua_State* lua, const Guard& guard, bool keeps_original) {
  if (lua_getglobal(lua, guard.library) == LUA_TTABLE) {
    if (lua_getfield(lua, -1, guard.function) == LUA_TFUNCTION) {
      if (!keeps_original) lua_pop(lua, 1);
      lua_pushfstring(lua, "%s.%s", guard.library, guard.function);
      lua_pushcclosure(lua, guard.instead, keeps_original ? 2 : 1);
      lua_setfield(lua, -2, guard.function);
    } else {
      lua_pop(lua, 1);
    }
  }
  lua_pop(lua, 1);
}

// debug gives upvalues, hooks and the registry away: all but what libraries call is taken out.
void reduce_debug(lua_State* lua) {
  lua_getglobal(lua, LUA_DBLIBNAME);
  for (lua_pushnil(lua); lua_next(lua, -2) != 0;) {
    lua_pop(lua, 1);
    const char* name = lua_tostring(lua, -1);
    if (std::strcmp(name, "traceback") == 0 || std::strcmp(name, "getinfo") == 0) continue;
    lua_pushvalue(lua, -1);
    lua_pushnil(lua);
    lua_rawset(lua, -4);  // To clear a field while going through them is allowed.
  }
  lua_pop(lua, 1);
}

}  // namespace

void install_guards(lua_State* lua) {
  for (const Guard& guard : kGuards) put_before(lua, guard, true);
  for (const Guard& guard : kForbidden) put_before(lua, guard, false);
  reduce_debug(lua);
}

}  // namespace trawl::nse
