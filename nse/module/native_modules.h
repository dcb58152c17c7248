#pragma once

#include <lua.hpp>
#include <span>

#include "nse/engine/engine.h"

namespace trawl::nse {

// The modules of C functions that scripts require, as Nmap 7.93 has them; without "nmap", which the
// engine and its host module make. Where lpeg's library (Debian's lua-lpeg) is not installed,
// scripts that use it are skipped.
[[nodiscard]] std::span<const NativeModule> native_modules();

// Each pushes its module's table.
int open_bit32(lua_State* lua);
int open_lfs(lua_State* lua);
int open_libssh2(lua_State* lua);
int open_openssl(lua_State* lua);
int open_pcre(lua_State* lua);
int open_zlib(lua_State* lua);

}  // namespace trawl::nse
