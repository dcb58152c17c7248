#include <cstdint>

#include "nse/module/native_modules.h"

// Lua 5.2's library of 32-bit operations (its manual, §6.7), which 5.4 has no more.
namespace trawl::nse {
namespace {

constexpr lua_Integer kBits = 32;

std::uint32_t check_word(lua_State* lua, int index) {
  return static_cast<std::uint32_t>(luaL_checkinteger(lua, index));
}

int push_word(lua_State* lua, std::uint32_t word) {
  lua_pushinteger(lua, word);
  return 1;
}

std::uint32_t band_all(lua_State* lua) {
  std::uint32_t word = ~std::uint32_t{0};
  for (int i = 1; i <= lua_gettop(lua); ++i) word &= check_word(lua, i);
  return word;
}

int band(lua_State* lua) { return push_word(lua, band_all(lua)); }

int btest(lua_State* lua) {
  lua_pushboolean(lua, band_all(lua) != 0 ? 1 : 0);
  return 1;
}

int bor(lua_State* lua) {
  std::uint32_t word = 0;
  for (int i = 1; i <= lua_gettop(lua); ++i) word |= check_word(lua, i);
  return push_word(lua, word);
}

int bxor(lua_State* lua) {
  std::uint32_t word = 0;
  for (int i = 1; i <= lua_gettop(lua); ++i) word ^= check_word(lua, i);
  return push_word(lua, word);
}

int bnot(lua_State* lua) { return push_word(lua, ~check_word(lua, 1)); }

// To the left for a positive number of places.
std::uint32_t shifted(std::uint32_t word, lua_Integer places) {
  if (places <= -kBits || places >= kBits) return 0;
  return places >= 0 ? word << static_cast<unsigned>(places)
                     : word >> static_cast<unsigned>(-places);
}

int lshift(lua_State* lua) {
  return push_word(lua, shifted(check_word(lua, 1), luaL_checkinteger(lua, 2)));
}

// -places is not defined for the least integer: it shifts everything out, as the one above it.
lua_Integer check_opposite(lua_State* lua, int index) {
  const lua_Integer places = luaL_checkinteger(lua, index);
  return places == LUA_MININTEGER ? LUA_MAXINTEGER : -places;
}

int rshift(lua_State* lua) {
  return push_word(lua, shifted(check_word(lua, 1), check_opposite(lua, 2)));
}

int arshift(lua_State* lua) {
  const std::uint32_t word = check_word(lua, 1);
  const lua_Integer left = check_opposite(lua, 2);
  const bool negative = (word >> 31U) != 0;
  if (left >= 0 || !negative) return push_word(lua, shifted(word, left));
  if (left <= -kBits) return push_word(lua, ~std::uint32_t{0});
  return push_word(lua, shifted(word, left) | ~shifted(~std::uint32_t{0}, left));
}

std::uint32_t rotated(std::uint32_t word, lua_Integer places) {
  const auto left = static_cast<unsigned>(places & (kBits - 1));
  return left == 0 ? word : (word << left) | (word >> (32U - left));
}

int lrotate(lua_State* lua) {
  return push_word(lua, rotated(check_word(lua, 1), luaL_checkinteger(lua, 2)));
}

int rrotate(lua_State* lua) {
  return push_word(lua, rotated(check_word(lua, 1), check_opposite(lua, 2)));
}

struct Field {
  unsigned first;
  std::uint32_t mask;  // As many ones as it has bits.
};

// The arguments from `index`: its first bit, and its width (1 when left out).
Field check_field(lua_State* lua, int index) {
  const lua_Integer first = luaL_checkinteger(lua, index);
  const lua_Integer width = luaL_optinteger(lua, index + 1, 1);
  luaL_argcheck(lua, first >= 0, index, "field cannot be negative");
  luaL_argcheck(lua, width > 0, index + 1, "width must be positive");
  if (first >= kBits || width > kBits - first)
    luaL_error(lua, "trying to access non-existent bits");
  return {static_cast<unsigned>(first), ~std::uint32_t{0} >> static_cast<unsigned>(kBits - width)};
}

int extract(lua_State* lua) {
  const std::uint32_t word = check_word(lua, 1);
  const Field field = check_field(lua, 2);
  return push_word(lua, (word >> field.first) & field.mask);
}

int replace(lua_State* lua) {
  const std::uint32_t word = check_word(lua, 1);
  const std::uint32_t value = check_word(lua, 2);
  const Field field = check_field(lua, 3);
  return push_word(lua,
                   (word & ~(field.mask << field.first)) | ((value & field.mask) << field.first));
}

constexpr luaL_Reg kFunctions[] = {{"arshift", arshift}, {"band", band},       {"bnot", bnot},
                                   {"bor", bor},         {"btest", btest},     {"bxor", bxor},
                                   {"extract", extract}, {"lrotate", lrotate}, {"lshift", lshift},
                                   {"replace", replace}, {"rrotate", rrotate}, {"rshift", rshift},
                                   {nullptr, nullptr}};

}  // namespace

int open_bit32(lua_State* lua) {
  luaL_newlib(lua, kFunctions);
  return 1;
}

}  // namespace trawl::nse
