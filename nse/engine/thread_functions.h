#pragma once

#include <lua.hpp>

namespace trawl::nse {

// What the engine adds to stdnse (see the documentation of that library).
int new_thread(lua_State* lua);
int base_coroutine(lua_State* lua);  // base
int thread_name(lua_State* lua);     // gettid
int is_worker(lua_State* lua);       // isworker
int script_name(lua_State* lua);     // getid: "http-title"
int script_details(lua_State* lua);  // getinfo: "http-title M:5581a8"; W of a worker
int host_and_port(lua_State* lua);   // gethostport: the tables the script has, or nil

}  // namespace trawl::nse
