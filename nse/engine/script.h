#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <lua.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "nse/engine/selection.h"

namespace trawl::nse {

// When a script runs.
enum class Rule : std::uint8_t { Pre, Host, Port, Post };
inline constexpr std::array kRules{Rule::Pre, Rule::Host, Rule::Port, Rule::Post};
[[nodiscard]] std::string_view rule_name(Rule rule);  // "portrule": the global, and SCRIPT_TYPE.

// What one .nse file says of itself, and how to make an instance of it.
struct Script {
  std::string id;  // "http-title"
  std::filesystem::path path;
  std::string description{};
  std::vector<std::string> categories{};
  std::vector<std::string> dependencies{};
  std::string author{};
  std::string license{};
  std::array<bool, kRules.size()> rules{};
  bool named = false;      // See ChosenScript.
  bool forced = false;     //
  bool sandboxed = false;  // Without files and programs.
  int level = 1;           // See run_levels.h.
  int factory = LUA_NOREF;

  [[nodiscard]] bool has(Rule rule) const { return rules[static_cast<std::size_t>(rule)]; }
};

enum class Loading : std::uint8_t {
  Loaded,
  Skipped,  // The script ended itself quietly: a library it needs is not there (silent_require).
};

// Runs the file once and reads its fields. Fails with "FILE:LINE: ..." for an error in it, and for
// fields that are missing or of the wrong type. Needs `globals` at that index: what the script
// sees.
[[nodiscard]] Result<Loading> load_script(lua_State* lua, const ChosenScript& chosen, int globals,
                                          Script& into);

// Pushes the environment of a new instance of the script, whose code has run: no two share a
// variable. May raise an error. Needs a loaded script.
void push_instance(lua_State* lua, const Script& script, Rule rule);

// The value of an error that ends a script without a word; raise_quietly() raises it.
[[nodiscard]] bool is_quiet_error(lua_State* lua, int index);
int raise_quietly(lua_State* lua);

}  // namespace trawl::nse
