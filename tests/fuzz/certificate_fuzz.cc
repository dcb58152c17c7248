#include <cstdint>
#include <cstdlib>
#include <lua.hpp>
#include <string_view>

#include "nse/host/certificate.h"

// What is a certificate has all its tables; what is none leaves nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::nse;
  static lua_State* const lua = [] {
    lua_State* const made = luaL_newstate();
    make_certificate_type(made);
    return made;
  }();
  if (push_certificate(lua, {reinterpret_cast<const char*>(data), size})) {
    if (lua_gettop(lua) != 1) std::abort();
    for (const char* const key : {"subject", "issuer", "pubkey", "validity", "extensions"}) {
      if (lua_getfield(lua, 1, key) != LUA_TTABLE) std::abort();
      lua_pop(lua, 1);
    }
  } else if (lua_gettop(lua) != 0) {
    std::abort();
  }
  lua_settop(lua, 0);
  lua_gc(lua, LUA_GCCOLLECT);
  return 0;
}
