#include "nse/module/native_modules.h"

#include <dlfcn.h>

#include <vector>

#include "nse/engine/script.h"

namespace trawl::nse {
namespace {

// Its functions are C for the same application interface of Lua: errors and yields pass through its
// frames as exceptions, for which Debian's libraries have unwind tables.
lua_CFunction find_lpeg() {
  void* const library = dlopen("liblua5.4-lpeg.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<lua_CFunction>(dlsym(library, "luaopen_lpeg"));
}

// Stands in for a module: a script that uses a field of it is skipped, as one that needs a library
// which stdnse.silent_require does not find.
int open_absent(lua_State* lua) {
  lua_newtable(lua);
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, raise_quietly);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
  return 1;
}

std::vector<NativeModule> list_modules() {
  std::vector<NativeModule> modules{{"bit32", open_bit32},     {"lfs", open_lfs},
                                    {"libssh2", open_libssh2}, {"openssl", open_openssl},
                                    {"pcre", open_pcre},       {"zlib", open_zlib}};
  const lua_CFunction lpeg = find_lpeg();
  modules.push_back({"lpeg", lpeg == nullptr ? open_absent : lpeg});
  return modules;
}

}  // namespace

std::span<const NativeModule> native_modules() {
  static const std::vector<NativeModule> modules = list_modules();
  return modules;
}

}  // namespace trawl::nse
