#pragma once

#include <lua.hpp>

namespace trawl::nse {

// Replaces coroutine.resume and coroutine.wrap by functions that pass a suspension of the script
// through: a coroutine of the script that waits has the whole script wait, and goes on where it
// was; whoever resumed it sees nothing. Of coroutine.close and xpcall those that do not run code of
// a script in the hook that ends it.
void replace_coroutine_functions(lua_State* lua);

}  // namespace trawl::nse
