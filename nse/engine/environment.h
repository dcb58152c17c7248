#pragma once

#include <filesystem>
#include <functional>
#include <lua.hpp>
#include <string>
#include <vector>

namespace trawl::nse {

// Where require() finds libraries. Lives as long as the state.
struct LibrarySettings {
  std::vector<std::filesystem::path> folders{};  // "nselib": the first that has a library counts.
  std::vector<luaL_Reg> stdnse{};  // What the engine adds to the library stdnse; no end mark.
};

// Has require() look in package.preload and in the folders, and nowhere else: "a.b" is a/b.lua.
void install_libraries(lua_State* lua, const LibrarySettings* settings);

// stdnse.silent_require: a library that is not there ends the script without a word.
int silent_require(lua_State* lua);

// Has reads and writes of globals that nobody declared raise an error; the main code of a file
// declares by writing. To be called when all modules are there.
void make_globals_strict(lua_State* lua);

// Has functions of Lua that may run for long in one call count as many instructions as they have to
// do, has only text loaded as code, and gives scripts no standard input. To be called before
// install_guards().
void install_bounds(lua_State* lua);

// Has functions that write files or start programs ask first whether the script that runs is in the
// sandbox, whoever calls them for it, and takes away those that end the program, set its locale or
// show the insides of Lua. To be called when all modules are there.
void install_guards(lua_State* lua);

}  // namespace trawl::nse
