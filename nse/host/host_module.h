#pragma once

#include <lua.hpp>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "base/result.h"
#include "nse/engine/engine.h"
#include "nse/host/host_context.h"
#include "nse/host/socket_slots.h"

namespace trawl::nse {

class Capture;

// What the functions of the module "nmap" share; one of each Lua state.
struct HostModule {
  HostContext& context;
  service::Loop& loop;
  SocketSlots slots;
  // Captures that are open, by device, filter, snap length and whether promiscuous.
  std::map<std::tuple<std::string, std::string, int, bool>, std::weak_ptr<Capture>> captures{};
};

// Completes the engine's module "nmap". Engine, context and its loop are to outlive each other's
// use: the context and the loop live longer than the engine.
[[nodiscard]] Result<void> install_host_module(Engine& engine, HostContext& context);

// Raises an error in a state without the module.
[[nodiscard]] HostModule& module_of(lua_State* lua);

// Each sets its functions in the table on top: nmap.
void set_scan_functions(lua_State* lua);
void set_port_functions(lua_State* lua);
void set_socket_functions(lua_State* lua);
void set_dnet_functions(lua_State* lua);

// The address in a host table (`ip`, else `targetname`) or a string, and the name for TLS.
struct HostArgument {
  std::string address;
  std::string name;
};
[[nodiscard]] HostArgument check_host(lua_State* lua, int index);

}  // namespace trawl::nse
