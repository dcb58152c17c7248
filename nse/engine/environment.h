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

// Pushes the globals of a script that may not touch files or start programs: without os.execute and
// its like, and with io.open for reading alone.
void push_sandbox(lua_State* lua);

}  // namespace trawl::nse
