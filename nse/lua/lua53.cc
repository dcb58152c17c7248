#include "nse/lua/lua53.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

namespace trawl::nse {
namespace {

bool is_numeral(lua_State* lua, int index) {
  int is_number = 0;
  lua_tonumberx(lua, index, &is_number);
  return is_number != 0;
}

// Pushes what the second operand's metamethod gives, if it has one: the first is a string, or had
// none.
bool call_other(lua_State* lua, const char* event) {
  if (lua_type(lua, 2) == LUA_TSTRING || luaL_getmetafield(lua, 2, event) == LUA_TNIL) return false;
  lua_insert(lua, 1);
  lua_call(lua, 2, 1);
  return true;
}

int raise_operand(lua_State* lua, const char* operation) {
  const int culprit = is_numeral(lua, 1) ? 2 : 1;
  return luaL_error(lua, "attempt to perform %s on a %s value", operation,
                    luaL_typename(lua, culprit));
}

template <int Operation>
int calculate(lua_State* lua, const char* event) {
  lua_settop(lua, 2);
  if (!is_numeral(lua, 1) || !is_numeral(lua, 2)) {
    return call_other(lua, event) ? 1 : raise_operand(lua, "arithmetic");
  }
  lua_pushnumber(lua, lua_tonumber(lua, 1));
  if (Operation != LUA_OPUNM) lua_pushnumber(lua, lua_tonumber(lua, 2));
  lua_arith(lua, Operation);
  return 1;
}

template <int Operation>
int combine_bits(lua_State* lua, const char* event) {
  lua_settop(lua, 2);
  if (!is_numeral(lua, 1) || !is_numeral(lua, 2)) {
    return call_other(lua, event) ? 1 : raise_operand(lua, "bitwise operation");
  }
  int fits = 0;
  int other_fits = 0;
  const lua_Integer left = lua_tointegerx(lua, 1, &fits);
  const lua_Integer right = lua_tointegerx(lua, 2, &other_fits);
  if (fits == 0 || other_fits == 0) {
    return luaL_error(lua, "number has no integer representation");
  }
  lua_pushinteger(lua, left);
  if (Operation != LUA_OPBNOT) lua_pushinteger(lua, right);
  lua_arith(lua, Operation);
  return 1;
}

constexpr luaL_Reg kMetamethods[] = {
    {"__add", [](lua_State* lua) { return calculate<LUA_OPADD>(lua, "__add"); }},
    {"__sub", [](lua_State* lua) { return calculate<LUA_OPSUB>(lua, "__sub"); }},
    {"__mul", [](lua_State* lua) { return calculate<LUA_OPMUL>(lua, "__mul"); }},
    {"__div", [](lua_State* lua) { return calculate<LUA_OPDIV>(lua, "__div"); }},
    {"__mod", [](lua_State* lua) { return calculate<LUA_OPMOD>(lua, "__mod"); }},
    {"__pow", [](lua_State* lua) { return calculate<LUA_OPPOW>(lua, "__pow"); }},
    {"__idiv", [](lua_State* lua) { return calculate<LUA_OPIDIV>(lua, "__idiv"); }},
    {"__unm", [](lua_State* lua) { return calculate<LUA_OPUNM>(lua, "__unm"); }},
    {"__band", [](lua_State* lua) { return combine_bits<LUA_OPBAND>(lua, "__band"); }},
    {"__bor", [](lua_State* lua) { return combine_bits<LUA_OPBOR>(lua, "__bor"); }},
    {"__bxor", [](lua_State* lua) { return combine_bits<LUA_OPBXOR>(lua, "__bxor"); }},
    {"__shl", [](lua_State* lua) { return combine_bits<LUA_OPSHL>(lua, "__shl"); }},
    {"__shr", [](lua_State* lua) { return combine_bits<LUA_OPSHR>(lua, "__shr"); }},
    {"__bnot", [](lua_State* lua) { return combine_bits<LUA_OPBNOT>(lua, "__bnot"); }},
    {nullptr, nullptr}};

// Runs upvalue 1, the function of Lua 5.4, in this frame: its errors name this call. Not for one
// with upvalues of its own.
int run_original(lua_State* lua) { return lua_tocfunction(lua, lua_upvalueindex(1))(lua); }

// The flags that Lua 5.4 lets a conversion have; of others, it checks them itself.
std::string_view flags_of(char conversion) {
  switch (conversion) {
    case 'd':
    case 'i': return "-+0 ";
    case 'o':
    case 'x':
    case 'X': return "-#0";
    case 'u': return "-0";
    case 'c':
    case 's':
    case 'p': return "-";
    default: return "-+#0 ";
  }
}

constexpr std::string_view kFlags = "-+ #0";

bool has_flags(std::string_view format) {
  if (format.empty()) return false;
  std::size_t at = format.find('%');
  for (; at < format.size() - 1; at = format.find('%', at + 2)) {
    if (kFlags.find(format[at + 1]) != std::string_view::npos) return true;
  }
  return false;
}

// `format` without flags that its conversions do not have.
std::string plain_format(std::string_view format) {
  constexpr std::string_view kPrecision = "0123456789.";
  std::string plain;
  while (!format.empty()) {
    const std::size_t percent = std::min(format.find('%'), format.size());
    plain += format.substr(0, percent);
    format.remove_prefix(percent);
    if (format.empty()) break;
    const std::size_t width = std::min(format.find_first_not_of(kFlags, 1), format.size());
    const std::size_t end = std::min(format.find_first_not_of(kPrecision, width), format.size());
    const char conversion = end < format.size() ? format[end] : '%';
    const std::string_view allowed = flags_of(conversion);
    plain += '%';
    for (const char flag : format.substr(1, width - 1)) {
      if (allowed.find(flag) != std::string_view::npos) plain += flag;
    }
    plain += format.substr(width, end - width);
    if (end < format.size()) plain += conversion;
    format.remove_prefix(std::min(end + 1, format.size()));
  }
  return plain;
}

int format_text(lua_State* lua) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  const std::string_view format{text, size};
  if (has_flags(format)) {
    const std::string plain = plain_format(format);
    lua_pushlstring(lua, plain.data(), plain.size());
    lua_replace(lua, 1);
  }
  return run_original(lua);
}

// string.unpack(format, data [, position]). Only "z" can be behind the data's end.
int unpack_data(lua_State* lua) {
  std::size_t size = 0;
  const char* format = luaL_checklstring(lua, 1, &size);
  if (std::memchr(format, 'z', size) == nullptr || lua_isstring(lua, 2) == 0) {
    return run_original(lua);
  }
  const int arguments = lua_gettop(lua);
  lua_pushvalue(lua, lua_upvalueindex(1));
  for (int i = 1; i <= arguments; ++i) lua_pushvalue(lua, i);
  if (lua_pcall(lua, arguments, LUA_MULTRET, 0) == LUA_OK) return lua_gettop(lua) - arguments;
  const char* error = lua_tostring(lua, -1);
  if (error == nullptr || std::strstr(error, "unfinished string for format 'z'") == nullptr) {
    lua_settop(lua, arguments);
    return run_original(lua);
  }
  lua_settop(lua, arguments);
  lua_pushvalue(lua, 2);
  lua_pushlstring(lua, "", 1);
  lua_concat(lua, 2);
  lua_replace(lua, 2);
  return run_original(lua);
}

int seed_random(lua_State* lua) {
  const lua_Number seed = std::trunc(luaL_checknumber(lua, 1));
  lua_Integer whole = 0;
  if (lua_isinteger(lua, 1) != 0) {
    whole = lua_tointeger(lua, 1);
  } else if (!lua_numbertointeger(seed, &whole)) {
    whole = 0;  // Infinite, or no number: as good as any.
  }
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_pushinteger(lua, whole);
  lua_call(lua, 1, 0);
  return 0;
}

void put_before(lua_State* lua, const char* library, const char* name, lua_CFunction function) {
  lua_getglobal(lua, library);
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, function, 1);
  lua_setfield(lua, -2, name);
  lua_pop(lua, 1);
}

}  // namespace

void act_as_lua53(lua_State* lua) {
  lua_pushliteral(lua, "");
  if (lua_getmetatable(lua, -1) != 0) {
    luaL_setfuncs(lua, kMetamethods, 0);
    lua_pop(lua, 1);
  }
  lua_pop(lua, 1);
  put_before(lua, LUA_STRLIBNAME, "format", format_text);
  put_before(lua, LUA_STRLIBNAME, "unpack", unpack_data);
  put_before(lua, LUA_MATHLIBNAME, "randomseed", seed_random);
}

}  // namespace trawl::nse
