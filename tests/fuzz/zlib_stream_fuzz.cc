#include <cstdint>
#include <cstdlib>

#include "nse/module/native_modules.h"

// What a stream gives is the same however its source hands out the bytes, and however it is read.
constexpr const char* kCode = R"(
  local data, step = ...
  local function source()
    local at = 1
    return function()
      local piece = data:sub(at, at + step - 1)
      at = at + step
      return #piece > 0 and piece or nil
    end
  end
  local function whole(from)
    local stream = zlib.inflate(from)
    local ok, text = pcall(stream.read, stream, "*a")
    stream:close()
    return ok, text
  end
  local ok, text = whole(data)
  local ok2, text2 = whole(source())
  assert(ok == ok2 and text == text2, "by source")
  if not ok then return end
  local stream, parts = zlib.inflate(source()), {}
  for part in function() return stream:read(step) end do
    parts[#parts + 1] = part
    if #parts > 5000 then break end
  end
  assert(#parts > 5000 or table.concat(parts) == text, "by pieces")
  local lines = {}
  for line in zlib.inflate(data):lines() do lines[#lines + 1] = line end
  local plain = text:gsub("\r\n", "\n")
  local joined = table.concat(lines, "\n")
  assert(joined == plain or joined .. "\n" == plain, "by lines"))";

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  static lua_State* const lua = [] {
    lua_State* const made = luaL_newstate();
    luaL_openlibs(made);
    luaL_requiref(made, "zlib", trawl::nse::open_zlib, 1);
    return made;
  }();
  lua_settop(lua, 0);
  if (luaL_loadstring(lua, kCode) != LUA_OK) std::abort();
  lua_pushlstring(lua, reinterpret_cast<const char*>(data + 1), size - 1);
  lua_pushinteger(lua, data[0] + 1);
  if (lua_pcall(lua, 2, 0, 0) != LUA_OK) std::abort();
  return 0;
}
