#include "nse/host/host_tables.h"

#include <string>

#include "nse/host/host_context.h"

namespace trawl::nse {
namespace {

void set_number(lua_State* lua, const char* key, lua_Number number) {
  lua_pushnumber(lua, number);
  lua_setfield(lua, -2, key);
}

void set_integer(lua_State* lua, const char* key, lua_Integer number) {
  lua_pushinteger(lua, number);
  lua_setfield(lua, -2, key);
}

void set_bool(lua_State* lua, const char* key, bool value) {
  lua_pushboolean(lua, value ? 1 : 0);
  lua_setfield(lua, -2, key);
}

// What is there even when it is "".
void set_string(lua_State* lua, const char* key, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
  lua_setfield(lua, -2, key);
}

void set_list(lua_State* lua, const char* key, const std::vector<std::string>& texts) {
  lua_createtable(lua, static_cast<int>(texts.size()), 0);
  lua_Integer index = 0;
  for (const std::string& text : texts) {
    lua_pushlstring(lua, text.data(), text.size());
    lua_rawseti(lua, -2, ++index);
  }
  lua_setfield(lua, -2, key);
}

void set_times(lua_State* lua, const HostFacts& host) {
  if (!host.timeout) return;
  lua_newtable(lua);
  if (host.srtt) set_number(lua, "srtt", *host.srtt);
  if (host.rttvar) set_number(lua, "rttvar", *host.rttvar);
  set_number(lua, "timeout", *host.timeout);
  lua_setfield(lua, -2, "times");
}

void set_os(lua_State* lua, const HostFacts& host) {
  if (host.os.empty()) return;
  lua_newtable(lua);
  lua_Integer index = 0;
  for (const HostFacts::OsMatch& match : host.os) {
    lua_newtable(lua);
    set_string(lua, "name", match.name);
    lua_newtable(lua);
    lua_Integer number = 0;
    for (const HostFacts::OsClass& one : match.classes) {
      lua_newtable(lua);
      set_text(lua, "vendor", one.vendor);
      set_text(lua, "osfamily", one.family);
      set_text(lua, "osgen", one.generation);
      set_text(lua, "type", one.type);
      set_list(lua, "cpe", one.cpe);
      lua_rawseti(lua, -2, ++number);
    }
    lua_setfield(lua, -2, "classes");
    lua_rawseti(lua, -2, ++index);
  }
  lua_setfield(lua, -2, "os");
}

void set_hops(lua_State* lua, const HostFacts& host) {
  if (host.hops.empty()) return;
  lua_newtable(lua);
  lua_Integer index = 0;
  for (const HostFacts::Hop& hop : host.hops) {
    lua_newtable(lua);
    if (hop.ip) {
      set_string(lua, "ip", hop.ip->to_string());
      set_text(lua, "name", hop.name);
      lua_newtable(lua);
      set_number(lua, "srtt", hop.srtt);
      lua_setfield(lua, -2, "times");
    }
    lua_rawseti(lua, -2, ++index);
  }
  lua_setfield(lua, -2, "traceroute");
}

void set_version(lua_State* lua, const PortVersion& version) {
  lua_newtable(lua);
  set_text(lua, "name", version.name);
  set_number(lua, "name_confidence", version.confidence);
  set_text(lua, "product", version.product);
  set_text(lua, "version", version.version);
  set_text(lua, "extrainfo", version.extra_info);
  set_text(lua, "hostname", version.host_name);
  set_text(lua, "ostype", version.os_type);
  set_text(lua, "devicetype", version.device_type);
  set_text(lua, "service_fp", version.fingerprint);
  set_string(lua, "service_tunnel", version.tunnelled ? "ssl" : "none");
  set_string(lua, "service_dtype", version.probed ? "probed" : "table");
  set_list(lua, "cpe", version.cpe);
  lua_setfield(lua, -2, "version");
}

}  // namespace

void set_text(lua_State* lua, const char* key, const std::string& text) {
  if (!text.empty()) set_string(lua, key, text);
}

void push_address_bytes(lua_State* lua, const IpAddress& address) {
  std::string bytes;
  const Uint128 value = address.is_v4() ? address.v4().value() : address.v6().value();
  for (int shift = address.is_v4() ? 24 : 120; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(static_cast<unsigned char>(value >> static_cast<unsigned>(shift)));
  }
  lua_pushlstring(lua, bytes.data(), bytes.size());
}

void push_host_table(lua_State* lua, const HostFacts& host) {
  luaL_checkstack(lua, 8, "host");
  lua_newtable(lua);
  set_string(lua, "ip", host.ip.to_string());
  set_string(lua, "name", host.name);
  set_text(lua, "targetname", host.target_name);
  push_address_bytes(lua, host.ip);
  lua_setfield(lua, -2, "bin_ip");
  if (host.source) {
    push_address_bytes(lua, *host.source);
    lua_setfield(lua, -2, "bin_ip_src");
  }
  if (host.directly_connected) set_bool(lua, "directly_connected", *host.directly_connected);
  set_text(lua, "mac_addr", host.mac);
  set_text(lua, "mac_addr_src", host.mac_source);
  set_text(lua, "mac_addr_next_hop", host.mac_next_hop);
  set_text(lua, "interface", host.interface);
  if (host.interface_mtu > 0) set_integer(lua, "interface_mtu", host.interface_mtu);
  set_text(lua, "reason", host.reason);
  set_integer(lua, "reason_ttl", host.reason_ttl);
  set_text(lua, "os_fp", host.os_fingerprint);
  set_times(lua, host);
  set_os(lua, host);
  set_hops(lua, host);
}

void push_port_table(lua_State* lua, const PortFacts& port) {
  luaL_checkstack(lua, 8, "port");
  lua_newtable(lua);
  set_integer(lua, "number", port.number);
  set_string(lua, "protocol", port.protocol);
  set_string(lua, "state", port.state);
  set_string(lua, "reason", port.reason);
  set_integer(lua, "reason_ttl", port.reason_ttl);
  set_text(lua, "service", port.version.name);
  set_version(lua, port.version);
}

void push_interface_table(lua_State* lua, const InterfaceFacts& facts) {
  luaL_checkstack(lua, 4, "interface");
  lua_newtable(lua);
  set_string(lua, "device", facts.device);
  set_string(lua, "shortname", facts.short_name);
  set_integer(lua, "netmask", facts.prefix_length);
  set_string(lua, "address", facts.address.to_string());
  set_string(lua, "link", facts.link);
  set_text(lua, "mac", facts.mac);
  if (facts.broadcast) set_string(lua, "broadcast", facts.broadcast->to_string());
  set_string(lua, "up", facts.up ? "up" : "down");
  set_integer(lua, "mtu", facts.mtu);
}

void ScannedHost::push_host(lua_State* lua) {
  const HostFacts host = facts();
  push_host_table(lua, host);
  static const char key = 0;  // Of the registries of all hosts, by address.
  if (lua_rawgetp(lua, LUA_REGISTRYINDEX, &key) != LUA_TTABLE) {
    lua_pop(lua, 1);
    lua_newtable(lua);
    lua_pushvalue(lua, -1);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &key);
  }
  luaL_getsubtable(lua, -1, host.ip.to_string().c_str());
  lua_setfield(lua, -3, "registry");
  lua_pop(lua, 1);
}

void ScannedHost::push_port(lua_State* lua, const ScriptPort& which) {
  const auto known = port(which.protocol, which.number);
  push_port_table(lua,
                  known ? *known : PortFacts{.number = which.number, .protocol = which.protocol});
}

}  // namespace trawl::nse
