#pragma once

#include <lua.hpp>

namespace trawl::nse {

// Replaces coroutine.resume and coroutine.wrap by functions that pass a suspension of the script
// through: a coroutine of the script that waits has the whole script wait, and goes on where it
// was; whoever resumed it sees nothing. All else of the table is Lua's own.
void replace_coroutine_functions(lua_State* lua);

}  // namespace trawl::nse
