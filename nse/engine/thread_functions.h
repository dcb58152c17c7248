#pragma once

#include <lua.hpp>

namespace trawl::nse {

// What the engine adds to stdnse (see the documentation of that library).
int new_thread(lua_State* lua);
int base_coroutine(lua_State* lua);  // base
int thread_name(lua_State* lua);     // gettid
int is_worker(lua_State* lua);       // isworker

}  // namespace trawl::nse
