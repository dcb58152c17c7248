#include <string>
#include <string_view>

#include "nse/module/native_modules.h"
#include "nse/module/zlib_stream.h"

// Nmap's zlib is lzlib: checksums and zlib's own answers are floats.
namespace trawl::nse {
namespace {

std::string_view check_text(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

int push_float(lua_State* lua, unsigned long value) {
  lua_pushnumber(lua, static_cast<lua_Number>(value));
  return 1;
}

int version(lua_State* lua) {
  lua_pushstring(lua, zlibVersion());
  return 1;
}

using Checksum = uLong (*)(uLong, const Bytef*, z_size_t);

template <Checksum Sum>
int checksum(lua_State* lua) {
  if (lua_gettop(lua) == 0) return push_float(lua, Sum(0, nullptr, 0));
  const auto before = static_cast<uLong>(static_cast<std::uint32_t>(luaL_checkinteger(lua, 1)));
  const std::string_view text = check_text(lua, 2);
  return push_float(lua, Sum(before, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

int compress_text(lua_State* lua) {
  const std::string_view text = check_text(lua, 1);
  const DeflateSettings settings = deflate_arguments(lua, 2);
  ZlibState state{lua};
  std::string output;
  int answer = state.begin_deflate(lua, settings);
  if (answer == Z_OK) answer = state.deflate_all(text, Z_FINISH, output);
  if (answer == Z_STREAM_END) {
    lua_pushlstring(lua, output.data(), output.size());
  } else {
    lua_pushnil(lua);
  }
  lua_pushnumber(lua, answer);
  return 2;
}

int decompress_text(lua_State* lua) {
  std::string_view text = check_text(lua, 1);
  ZlibState state{lua};
  if (state.begin_inflate(lua, int_argument(lua, 2, MAX_WBITS)) != Z_OK) {
    return luaL_error(lua, "failed to initialize zstream structures");
  }
  std::string output;
  int answer = Z_OK;
  while (answer == Z_OK && output.size() < kMostInflated) {
    answer = state.inflate_some(text, output, kMostInflated - output.size());
  }
  // The end may take no room.
  if (answer == Z_OK) answer = state.inflate_some(text, output, 0);
  if (answer != Z_STREAM_END) {
    return luaL_error(lua, output.size() < kMostInflated ? "failed to process zlib stream"
                                                         : "decompressed data is too long");
  }
  lua_pushlstring(lua, output.data(), output.size());
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"version", version},        {"adler32", checksum<adler32_z>}, {"crc32", checksum<crc32_z>},
    {"compress", compress_text}, {"decompress", decompress_text},  {nullptr, nullptr}};

struct Constant {
  const char* name;
  int value;
};
constexpr Constant kConstants[] = {{"NO_COMPRESSION", Z_NO_COMPRESSION},
                                   {"BEST_SPEED", Z_BEST_SPEED},
                                   {"BEST_COMPRESSION", Z_BEST_COMPRESSION},
                                   {"DEFAULT_COMPRESSION", Z_DEFAULT_COMPRESSION},
                                   {"FILTERED", Z_FILTERED},
                                   {"HUFFMAN_ONLY", Z_HUFFMAN_ONLY},
                                   {"RLE", Z_RLE},
                                   {"FIXED", Z_FIXED},
                                   {"DEFAULT_STRATEGY", Z_DEFAULT_STRATEGY},
                                   {"MINIMUM_MEMLEVEL", 1},
                                   {"MAXIMUM_MEMLEVEL", MAX_MEM_LEVEL},
                                   {"DEFAULT_MEMLEVEL", 8},
                                   {"MINIMUM_WINDOWBITS", 8},
                                   {"MAXIMUM_WINDOWBITS", MAX_WBITS},
                                   {"DEFAULT_WINDOWBITS", MAX_WBITS},
                                   {"GZIP_WINDOWBITS", 16},
                                   {"RAW_WINDOWBITS", -1}};

}  // namespace

int open_zlib(lua_State* lua) {
  luaL_newlib(lua, kFunctions);
  for (const Constant& one : kConstants) {
    lua_pushinteger(lua, one.value);
    lua_setfield(lua, -2, one.name);
  }
  set_zlib_streams(lua);
  return 1;
}

}  // namespace trawl::nse
