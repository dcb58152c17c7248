#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "nse/module/native_modules.h"

// The part of LuaFileSystem that Nmap has.
namespace trawl::nse {
namespace {

constexpr const char* kFolderType = "directory metatable";

struct OpenFolder {
  DIR* handle = nullptr;
};

int push_success(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

// nil and what errno says.
int push_failure(lua_State* lua) {
  lua_pushnil(lua);
  lua_pushstring(lua, std::strerror(errno));
  return 2;
}

// A path may not go on behind a zero byte, where the kernel would not see it.
const char* check_path(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* path = luaL_checklstring(lua, index, &size);
  luaL_argcheck(lua, std::strlen(path) == size, index, "path has a zero byte");
  return path;
}

OpenFolder& check_folder(lua_State* lua) {
  return *static_cast<OpenFolder*>(luaL_checkudata(lua, 1, kFolderType));
}

int close_folder(lua_State* lua) {
  OpenFolder& folder = check_folder(lua);
  if (folder.handle != nullptr) closedir(folder.handle);
  folder.handle = nullptr;
  return 0;
}

// Closes it at its end.
int next_entry(lua_State* lua) {
  OpenFolder& folder = check_folder(lua);
  luaL_argcheck(lua, folder.handle != nullptr, 1, "closed directory");
  const dirent* const entry = readdir(folder.handle);
  if (entry != nullptr) {
    lua_pushstring(lua, entry->d_name);
    return 1;
  }
  close_folder(lua);
  lua_pushnil(lua);
  return 1;
}

int open_folder(lua_State* lua) {
  const char* path = check_path(lua, 1);
  lua_pushcfunction(lua, next_entry);
  auto* const folder = static_cast<OpenFolder*>(lua_newuserdatauv(lua, sizeof(OpenFolder), 0));
  folder->handle = nullptr;
  luaL_setmetatable(lua, kFolderType);
  folder->handle = opendir(path);
  if (folder->handle == nullptr) {
    return luaL_error(lua, "cannot open %s: %s", path, std::strerror(errno));
  }
  return 2;
}

int make_folder(lua_State* lua) {
  constexpr mode_t kMode = 0775;  // Less the umask.
  return mkdir(check_path(lua, 1), kMode) == 0 ? push_success(lua) : push_failure(lua);
}

int remove_folder(lua_State* lua) {
  return rmdir(check_path(lua, 1)) == 0 ? push_success(lua) : push_failure(lua);
}

int make_link(lua_State* lua) {
  const char* to = check_path(lua, 1);
  const char* name = check_path(lua, 2);
  const int outcome = lua_toboolean(lua, 3) != 0 ? symlink(to, name) : link(to, name);
  if (outcome == 0) return push_success(lua);
  const int error = errno;
  push_failure(lua);
  lua_pushinteger(lua, error);
  return 3;
}

int path_separator(lua_State* lua) {
  lua_pushliteral(lua, "/");
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"next", next_entry}, {"close", close_folder}, {nullptr, nullptr}};
constexpr luaL_Reg kFunctions[] = {{"dir", open_folder},
                                   {"link", make_link},
                                   {"mkdir", make_folder},
                                   {"rmdir", remove_folder},
                                   {"get_path_separator", path_separator},
                                   {nullptr, nullptr}};

}  // namespace

int open_lfs(lua_State* lua) {
  luaL_newmetatable(lua, kFolderType);
  luaL_newlib(lua, kMethods);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, close_folder);
  lua_setfield(lua, -2, "__gc");
  lua_pop(lua, 1);
  luaL_newlib(lua, kFunctions);
  return 1;
}

}  // namespace trawl::nse
