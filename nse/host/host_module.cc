#include "nse/host/host_module.h"

#include <fmt/format.h>

#include <new>

#include "nse/lua/lua_state.h"

namespace trawl::nse {
namespace {

const char kModuleKey = 0;  // Its address is where the module is in Lua's registry.

int collect_module(lua_State* lua) {
  static_cast<HostModule*>(lua_touserdata(lua, 1))->~HostModule();
  return 0;
}

}  // namespace

Result<void> install_host_module(Engine& engine, HostContext& context) {
  const auto error = run_protected(engine.lua(), [&](lua_State* lua) {
    new (lua_newuserdatauv(lua, sizeof(HostModule), 0)) HostModule{
        .context = context, .loop = engine.loop(), .slots = SocketSlots{context.socket_limits()}};
    // Collected after all sockets: those are made later.
    lua_newtable(lua);
    lua_pushcfunction(lua, collect_module);
    lua_setfield(lua, -2, "__gc");
    lua_setmetatable(lua, -2);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &kModuleKey);

    luaL_getsubtable(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    luaL_getsubtable(lua, -1, "nmap");
    set_scan_functions(lua);
    set_port_functions(lua);
    set_socket_functions(lua);
    set_dnet_functions(lua);
  });
  if (error) return fail(ExitCode::Runtime, fmt::format("the module nmap: {}", *error));
  return {};
}

HostModule& module_of(lua_State* lua) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &kModuleKey);
  auto* const module = static_cast<HostModule*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  if (module == nullptr) luaL_error(lua, "the module nmap is not there");
  return *module;
}

HostArgument check_host(lua_State* lua, int index) {
  HostArgument host;
  if (lua_istable(lua, index) == 0) {
    host.address = luaL_checkstring(lua, index);
    host.name = host.address;
    return host;
  }
  if (lua_getfield(lua, index, "targetname") == LUA_TSTRING) host.name = lua_tostring(lua, -1);
  if (lua_getfield(lua, index, "ip") == LUA_TSTRING) host.address = lua_tostring(lua, -1);
  lua_pop(lua, 2);
  if (host.address.empty()) host.address = host.name;
  if (host.address.empty()) {
    luaL_argerror(lua, index, "host table lacks 'ip' or 'targetname' fields");
  }
  return host;
}

}  // namespace trawl::nse
