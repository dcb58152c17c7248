#pragma once

#include <lua.hpp>

namespace trawl::nse {

// Has a state with Lua's libraries act as Lua 5.3 where scripts written for that could tell, and
// where their output would differ:
//
// - Arithmetic on strings gives floats ("10" + 1 is 11.0), and bitwise operations take strings.
// - string.format takes any flag with any conversion ("%02s"; one without meaning changes nothing).
// - string.unpack has "z" take what is left where no zero byte follows.
// - math.randomseed takes any number.
void act_as_lua53(lua_State* lua);

}  // namespace trawl::nse
