#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nse/engine/script_args.h"

// What parses can be pushed, and leaves one table.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trawl::nse;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  static lua_State* const lua = luaL_newstate();
  for (const auto& table : {parse_script_args(text), parse_script_args_file(text)}) {
    if (!table) {
      if (table.error().message.empty()) std::abort();
      continue;
    }
    push_arguments(lua, *table);
    if (lua_gettop(lua) != 1 || !lua_istable(lua, 1)) std::abort();
    lua_settop(lua, 0);
  }
  return 0;
}
