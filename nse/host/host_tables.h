#pragma once

#include <lua.hpp>

#include "nse/host/host_facts.h"

namespace trawl::nse {

// Push new tables in the form that rules and actions get them in.
void push_host_table(lua_State* lua, const HostFacts& host);
void push_port_table(lua_State* lua, const PortFacts& port);
void push_interface_table(lua_State* lua, const InterfaceFacts& facts);

// An address as its 4 or 16 bytes.
void push_address_bytes(lua_State* lua, const IpAddress& address);

// Helpers: fields of the table on top. Nothing is set for "".
void set_text(lua_State* lua, const char* key, const std::string& text);

}  // namespace trawl::nse
