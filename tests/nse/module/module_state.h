#pragma once

#include <stdexcept>
#include <string>

#include "nse/lua/lua_state.h"
#include "nse/module/native_modules.h"

namespace trawl::nse {

// A state with all native modules, whose answers are read as text.
class ModuleState {
 public:
  explicit ModuleState(std::size_t most_bytes = std::size_t{256} << 20U) : state_{most_bytes} {
    const auto error = run_protected(state_.get(), [](lua_State* lua) {
      for (const NativeModule& module : native_modules()) {
        luaL_requiref(lua, module.name, module.open, module.is_global ? 1 : 0);
        lua_pop(lua, 1);
      }
      luaL_dostring(lua, kPrelude);
    });
    if (error) throw std::runtime_error{*error};
  }

  // What `expression` gives, or the error it raises: "1 | nil | {a=1}"; bytes that do not print as
  // "<0a>", floats as "1.0".
  std::string text(const std::string& expression) { return run("return " + expression); }
  std::string run(const std::string& code) {
    std::string text;
    const auto error = run_protected(state_.get(), [&](lua_State* lua) {
      lua_getglobal(lua, "shown");
      if (luaL_loadstring(lua, code.c_str()) != LUA_OK) lua_error(lua);
      lua_call(lua, 1, 1);
      text = lua_tostring(lua, -1);
    });
    return error ? "test: " + *error : text;
  }

 private:
  static constexpr const char* kPrelude = R"(
    local function readable(value)
      if type(value) == "string" then
        return (value:gsub("[^ -~]", function(c) return ("<%02x>"):format(c:byte()) end))
      end
      if type(value) ~= "table" then return tostring(value) end
      local all = {}
      for k, v in pairs(value) do all[#all + 1] = tostring(k) .. "=" .. readable(v) end
      table.sort(all)
      return "{" .. table.concat(all, ",") .. "}"
    end
    function shown(code)
      local results = table.pack(pcall(code))
      for i = 1, results.n do results[i] = readable(results[i]) end
      local text = table.concat(results, " | ", 2, results.n)
      if results[1] == "true" then return text end
      return "error: " .. text:gsub("^%[string .*%]:%d+: ", "")
    end)";
  LuaState state_;
};

}  // namespace trawl::nse
