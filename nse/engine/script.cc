#include "nse/engine/script.h"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>

#include "nse/lua/lua_state.h"

namespace trawl::nse {
namespace {

constexpr std::uintmax_t kMostBytes = 16U << 20U;
char quiet_mark;  // Its address is the error.

Failure trouble(const std::filesystem::path& path, std::string_view what) {
  return fail(ExitCode::BadInput, fmt::format("{}: {}", path.string(), what));
}

Result<std::string> read_source(const std::filesystem::path& path) {
  std::error_code none;
  if (std::filesystem::file_size(path, none) > kMostBytes) {
    return trouble(path, none ? "cannot be read" : "too large for a script");
  }
  std::ifstream file{path, std::ios::binary};
  std::string source{std::istreambuf_iterator<char>{file}, {}};
  if (!file) return trouble(path, "cannot be read");
  if (source.starts_with('#')) source.insert(0, "--");
  return source;
}

// The strings of a table, or of one string; nullopt for anything else.
std::optional<std::vector<std::string>> strings_at(lua_State* lua, int index) {
  std::vector<std::string> strings;
  if (lua_type(lua, index) == LUA_TSTRING)
    return std::vector<std::string>{lua_tostring(lua, index)};
  if (!lua_istable(lua, index)) return {};
  for (lua_Unsigned i = 1; i <= lua_rawlen(lua, index); ++i) {
    const bool is_string = lua_rawgeti(lua, index, static_cast<lua_Integer>(i)) == LUA_TSTRING;
    if (is_string) strings.emplace_back(lua_tostring(lua, -1));
    lua_pop(lua, 1);
    if (!is_string) return {};
  }
  return strings;
}

std::string joined_field(lua_State* lua, const char* name) {
  lua_pushstring(lua, name);
  lua_rawget(lua, -2);
  std::string text;
  if (const auto strings = strings_at(lua, lua_gettop(lua))) {
    for (const std::string& one : *strings) text += (text.empty() ? "" : ", ") + one;
  }
  lua_pop(lua, 1);
  return text;
}

int field_type(lua_State* lua, std::string_view name) {
  lua_pushlstring(lua, name.data(), name.size());
  lua_rawget(lua, -2);
  const int type = lua_type(lua, -1);
  lua_pop(lua, 1);
  return type;
}

// With the environment on top of the stack. "" where all is well.
std::string read_fields(lua_State* lua, Script& script) {
  if (field_type(lua, "action") != LUA_TFUNCTION) return "no function named action";
  bool any = false;
  for (const Rule rule : kRules) {
    const int type = field_type(lua, rule_name(rule));
    if (type != LUA_TFUNCTION && type != LUA_TNIL) {
      return fmt::format("{} is no function", rule_name(rule));
    }
    any = any || type == LUA_TFUNCTION;
    script.rules[static_cast<std::size_t>(rule)] = type == LUA_TFUNCTION;
  }
  if (!any) return "no rule: prerule, hostrule, portrule or postrule";
  for (auto [name, into] : {std::pair{"categories", &script.categories},
                            std::pair{"dependencies", &script.dependencies}}) {
    lua_pushstring(lua, name);
    lua_rawget(lua, -2);
    const auto strings = strings_at(lua, lua_gettop(lua));
    const bool absent = lua_isnil(lua, -1);
    lua_pop(lua, 1);
    if (!strings && !absent) return fmt::format("{} is no table of strings", name);
    if (strings) *into = *strings;
  }
  script.description = joined_field(lua, "description");
  script.author = joined_field(lua, "author");
  script.license = joined_field(lua, "license");
  return {};
}

}  // namespace

std::string_view rule_name(Rule rule) {
  switch (rule) {
    case Rule::Pre: return "prerule";
    case Rule::Host: return "hostrule";
    case Rule::Port: return "portrule";
    case Rule::Post: break;
  }
  return "postrule";
}

Result<Loading> load_script(lua_State* lua, const ChosenScript& chosen, int globals,
                            Script& script) {
  const int top = lua_gettop(lua);
  globals = lua_absindex(lua, globals);
  script.path = chosen.path;
  script.id = chosen.path.stem().string();
  script.named = chosen.named;
  script.forced = chosen.forced;
  auto source = read_source(chosen.path);
  if (!source) return Failure{source.error()};
  const std::string name = '@' + chosen.path.string();
  // First as it is, for the sake of the messages; then as a function of its environment, on the
  // same lines, which every instance calls.
  if (luaL_loadbufferx(lua, source->data(), source->size(), name.c_str(), "t") != LUA_OK) {
    std::string message = lua_tostring(lua, -1);
    lua_settop(lua, top);
    return fail(ExitCode::BadInput, message);
  }
  lua_settop(lua, top);
  const std::string made = "return function(_ENV) " + *source + "\nend";
  if (luaL_loadbufferx(lua, made.data(), made.size(), name.c_str(), "t") != LUA_OK ||
      lua_pcall(lua, 0, 1, 0) != LUA_OK) {
    std::string message = lua_tostring(lua, -1);
    lua_settop(lua, top);
    return fail(ExitCode::BadInput, message);
  }
  lua_createtable(lua, 2, 0);
  lua_pushvalue(lua, -2);
  lua_rawseti(lua, -2, 1);
  lua_pushvalue(lua, globals);
  lua_rawseti(lua, -2, 2);
  script.factory = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_settop(lua, top);

  lua_pushcfunction(lua, [](lua_State* on) {
    push_instance(on, *static_cast<const Script*>(lua_touserdata(on, 1)), Rule::Pre);
    return 1;
  });
  lua_pushlightuserdata(lua, &script);
  const auto error = call_protected(lua, 1, 1);
  std::string wrong;
  Loading loading = Loading::Loaded;
  if (error && is_quiet_error(lua, -1)) {
    loading = Loading::Skipped;
  } else if (error) {
    wrong = *error;
  } else {
    wrong = read_fields(lua, script);
    if (!wrong.empty()) wrong = fmt::format("{}: {}", chosen.path.string(), wrong);
  }
  lua_settop(lua, top);
  if (!wrong.empty()) return fail(ExitCode::BadInput, wrong);
  return loading;
}

void push_instance(lua_State* lua, const Script& script, Rule rule) {
  luaL_checkstack(lua, 8, "script");
  lua_rawgeti(lua, LUA_REGISTRYINDEX, script.factory);
  const int parts = lua_gettop(lua);
  lua_createtable(lua, 0, 16);
  lua_pushlstring(lua, script.id.data(), script.id.size());
  lua_setfield(lua, -2, "SCRIPT_NAME");
  lua_pushstring(lua, script.path.c_str());
  lua_setfield(lua, -2, "SCRIPT_PATH");
  lua_pushlstring(lua, rule_name(rule).data(), rule_name(rule).size());
  lua_setfield(lua, -2, "SCRIPT_TYPE");
  lua_createtable(lua, 0, 1);
  lua_rawgeti(lua, parts, 2);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
  lua_rawgeti(lua, parts, 1);
  lua_pushvalue(lua, -2);
  lua_call(lua, 1, 0);
  lua_remove(lua, parts);
}

bool is_quiet_error(lua_State* lua, int index) { return lua_touserdata(lua, index) == &quiet_mark; }

int raise_quietly(lua_State* lua) {
  lua_pushlightuserdata(lua, &quiet_mark);
  return lua_error(lua);
}

}  // namespace trawl::nse
