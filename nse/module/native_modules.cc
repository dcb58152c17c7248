#include "nse/module/native_modules.h"

#include <dlfcn.h>

#include <vector>

namespace trawl::nse {
namespace {

// Its functions are C for the same application interface of Lua: errors and yields pass through its
// frames as exceptions, for which Debian's libraries have unwind tables.
lua_CFunction find_lpeg() {
  void* const library = dlopen("liblua5.4-lpeg.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<lua_CFunction>(dlsym(library, "luaopen_lpeg"));
}

std::vector<NativeModule> list_modules() {
  std::vector<NativeModule> modules{{"bit32", open_bit32},     {"lfs", open_lfs},
                                    {"libssh2", open_libssh2}, {"openssl", open_openssl},
                                    {"pcre", open_pcre},       {"zlib", open_zlib}};
  if (const lua_CFunction open = find_lpeg(); open != nullptr) modules.push_back({"lpeg", open});
  return modules;
}

}  // namespace

std::span<const NativeModule> native_modules() {
  static const std::vector<NativeModule> modules = list_modules();
  return modules;
}

}  // namespace trawl::nse
