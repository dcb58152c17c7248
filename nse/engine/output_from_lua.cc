#include "nse/engine/output_from_lua.h"

namespace trawl::nse {
namespace {

constexpr int kMostLevels = 100;
constexpr std::size_t kMostItems = 200'000;

class Reader {
 public:
  explicit Reader(lua_State* lua) : lua_{lua} {}

  OutputValue read(int index, int level = 0) {
    index = lua_absindex(lua_, index);
    OutputValue value;
    value.is_table = lua_istable(lua_, index);
    if (value.is_table) {
      read_table(value, index, level);
    } else {
      value.text = text_of(index);
    }
    return value;
  }

 private:
  std::string text_of(int index) {
    std::size_t size = 0;
    const char* text = luaL_tolstring(lua_, index, &size);
    std::string result{text, size};
    lua_pop(lua_, 1);
    return result;
  }

  void read_table(OutputValue& value, int index, int level) {
    if (level == kMostLevels) luaL_error(lua_, "output table too deep");
    luaL_checkstack(lua_, 8, "output table too deep");
    value.has_text = luaL_getmetafield(lua_, index, "__tostring") != LUA_TNIL;
    if (value.has_text) {
      lua_pop(lua_, 1);
      value.text = text_of(index);
    }
    for (lua_Integer i = 1; lua_geti(lua_, index, i) != LUA_TNIL; ++i) {
      add(value, {}, level);
      lua_pop(lua_, 1);
    }
    lua_pop(lua_, 1);
    read_keys(value, index, level);
  }

  // As `for key, value in pairs(table)`, by the metamethod where there is one.
  void read_keys(OutputValue& value, int index, int level) {
    if (luaL_getmetafield(lua_, index, "__pairs") == LUA_TNIL) {
      for (lua_pushnil(lua_); lua_next(lua_, index) != 0; lua_pop(lua_, 1)) add_key(value, level);
      return;
    }
    lua_pushvalue(lua_, index);
    lua_call(lua_, 1, 3);
    const int iterator = lua_gettop(lua_) - 2;
    for (;;) {
      lua_pushvalue(lua_, iterator);
      lua_pushvalue(lua_, iterator + 1);
      lua_pushvalue(lua_, iterator + 2);
      lua_call(lua_, 2, 2);
      if (lua_isnil(lua_, -2)) break;
      add_key(value, level);
      lua_pop(lua_, 1);
      lua_replace(lua_, iterator + 2);
    }
    lua_settop(lua_, iterator - 1);
  }

  // With the key below the value on top of the stack; leaves both.
  void add_key(OutputValue& value, int level) {
    if (lua_type(lua_, -2) != LUA_TSTRING) return;
    std::size_t size = 0;
    const char* key = lua_tolstring(lua_, -2, &size);
    add(value, std::string{key, size}, level);
  }

  void add(OutputValue& value, std::optional<std::string> key, int level) {
    if (++items_ > kMostItems) luaL_error(lua_, "output table too large");
    value.items.push_back({std::move(key), read(-1, level + 1)});
  }

  lua_State* lua_;
  std::size_t items_ = 0;
};

std::string text_of(const OutputValue& value) {
  return value.is_table && !value.has_text ? table_text(value) : value.text;
}

}  // namespace

std::optional<ScriptOutput> output_from_lua(lua_State* lua, int first) {
  const bool has_first = !lua_isnoneornil(lua, first);
  const bool has_second = !lua_isnoneornil(lua, first + 1);
  if (!has_first && !has_second) return {};
  Reader reader{lua};
  ScriptOutput output;
  if (has_first) {
    output.structure = reader.read(first);
    output.text = text_of(*output.structure);
  }
  if (has_second) {
    std::size_t size = 0;
    const char* text = luaL_tolstring(lua, first + 1, &size);
    output.text.assign(text, size);
    lua_pop(lua, 1);
  } else if (lua_type(lua, first) == LUA_TSTRING) {
    output.structure.reset();
  }
  return output;
}

}  // namespace trawl::nse
