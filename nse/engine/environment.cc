#include "nse/engine/environment.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "nse/engine/script.h"

namespace trawl::nse {
namespace {

const char settings_key = 0;

const LibrarySettings& settings_of(lua_State* lua) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &settings_key);
  const auto* settings = static_cast<const LibrarySettings*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *settings;
}

// Letters, digits, '_', '-' and single dots between them.
bool is_library_name(std::string_view name) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  char before = '.';
  for (const char c : name) {
    if (c == '.' ? before == '.' : !plain(c)) return false;
    before = c;
  }
  return before != '.';
}

// The loader: upvalue 1 is the code. What stdnse lacks is added to it.
int run_library(lua_State* lua) {
  const std::string_view name = luaL_checkstring(lua, 1);
  const bool is_stdnse = name == "stdnse";
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  lua_call(lua, lua_gettop(lua) - 1, 1);
  if (is_stdnse && lua_istable(lua, -1)) {
    for (const luaL_Reg& one : settings_of(lua).stdnse) {
      lua_pushstring(lua, one.name);
      lua_pushcfunction(lua, one.func);
      lua_rawset(lua, -3);
    }
  }
  return 1;
}

int search_library(lua_State* lua) {
  const std::string name = luaL_checkstring(lua, 1);
  std::string relative = name;
  std::replace(relative.begin(), relative.end(), '.', '/');
  relative += ".lua";
  if (is_library_name(name)) {
    for (const std::filesystem::path& folder : settings_of(lua).folders) {
      std::error_code none;
      const std::string path = (folder / relative).string();
      if (!std::filesystem::is_regular_file(path, none)) continue;
      if (luaL_loadfilex(lua, path.c_str(), "t") != LUA_OK) {
        return luaL_error(lua, "error loading module '%s' from file '%s':\n\t%s", name.c_str(),
                          path.c_str(), lua_tostring(lua, -1));
      }
      lua_pushcclosure(lua, run_library, 1);
      lua_pushstring(lua, path.c_str());
      return 2;
    }
  }
  lua_pushfstring(lua, "NSE failed to find nselib/%s in search paths.", relative.c_str());
  return 1;
}

// What kind of code touches a global: "main", "Lua" or "C".
std::string_view toucher(lua_State* lua) {
  lua_Debug record;
  if (lua_getstack(lua, 1, &record) == 0 || lua_getinfo(lua, "S", &record) == 0) return "C";
  return record.what;
}

bool is_declared(lua_State* lua) {
  lua_pushvalue(lua, 2);
  const bool declared = lua_rawget(lua, lua_upvalueindex(1)) != LUA_TNIL;
  lua_pop(lua, 1);
  return declared;
}

int read_undeclared(lua_State* lua) {
  if (!is_declared(lua) && toucher(lua) != "C") {
    return luaL_error(lua, "variable '%s' is not declared", luaL_tolstring(lua, 2, nullptr));
  }
  lua_pushnil(lua);
  return 1;
}

int write_undeclared(lua_State* lua) {
  if (!is_declared(lua)) {
    const std::string_view by = toucher(lua);
    if (by != "main" && by != "C") {
      return luaL_error(lua, "assign to undeclared variable '%s'", luaL_tolstring(lua, 2, nullptr));
    }
    lua_pushvalue(lua, 2);
    lua_pushboolean(lua, 1);
    lua_rawset(lua, lua_upvalueindex(1));
  }
  lua_settop(lua, 3);
  lua_rawset(lua, 1);
  return 0;
}

}  // namespace

void install_libraries(lua_State* lua, const LibrarySettings* settings) {
  lua_pushlightuserdata(lua, const_cast<LibrarySettings*>(settings));
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &settings_key);
  lua_getglobal(lua, LUA_LOADLIBNAME);
  for (const char* path : {"path", "cpath"}) {
    lua_pushliteral(lua, "");
    lua_setfield(lua, -2, path);
  }
  lua_getfield(lua, -1, "searchers");
  lua_rawgeti(lua, -1, 1);  // Of package.preload.
  lua_rawseti(lua, -2, 2);
  lua_pushcfunction(lua, search_library);
  lua_rawseti(lua, -2, 1);
  for (lua_Integer i = 3; i <= 4; ++i) {
    lua_pushnil(lua);
    lua_rawseti(lua, -2, i);
  }
  lua_pop(lua, 1);
  lua_pushnil(lua);
  lua_setfield(lua, -2, "loadlib");
  lua_pop(lua, 1);
}

int silent_require(lua_State* lua) {
  luaL_checkstring(lua, 1);
  lua_settop(lua, 1);
  lua_getglobal(lua, "require");
  lua_insert(lua, 1);
  if (lua_pcall(lua, 1, 1, 0) != LUA_OK) return raise_quietly(lua);
  return 1;
}

void make_globals_strict(lua_State* lua) {
  lua_pushglobaltable(lua);
  lua_createtable(lua, 0, 2);
  lua_newtable(lua);  // What is declared.
  lua_pushvalue(lua, -1);
  lua_pushcclosure(lua, read_undeclared, 1);
  lua_setfield(lua, -3, "__index");
  lua_pushcclosure(lua, write_undeclared, 1);
  lua_setfield(lua, -2, "__newindex");
  lua_setmetatable(lua, -2);
  lua_pop(lua, 1);
}

}  // namespace trawl::nse
