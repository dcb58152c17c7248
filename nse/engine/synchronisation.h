#pragma once

#include <lua.hpp>

namespace trawl::nse {

// nmap.mutex(object): a function of "lock", "trylock", "done" and "running", the same for the same
// object as long as somebody has it. Goes to the next that waits when its holder ends.
int make_mutex(lua_State* lua);
// nmap.condvar(object): a function of "wait", "signal" and "broadcast". When a thread ends that
// asked for it, all that wait are woken.
int make_condvar(lua_State* lua);
// nmap.socket.sleep(seconds), which is also stdnse.sleep.
int sleep_script(lua_State* lua);

}  // namespace trawl::nse
