#include <array>
#include <string>

#include "nse/host/host_module.h"
#include "nse/host/host_tables.h"

namespace trawl::nse {
namespace {

ScannedHost& check_scanned(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  for (const char* const key : {"ip", "targetname"}) {
    const int type = lua_getfield(lua, 1, key);
    const std::string text = type == LUA_TSTRING ? lua_tostring(lua, -1) : "";
    lua_pop(lua, 1);
    if (type != LUA_TSTRING) continue;
    ScannedHost* const host = module_of(lua).context.find_host(text);
    if (host == nullptr) luaL_argerror(lua, 1, "host is not being processed right now");
    return *host;
  }
  luaL_error(lua, "host table does not have a 'ip' or 'targetname' field");
  std::abort();  // luaL_error() does not return.
}

struct PortArgument {
  lua_Integer number = 0;
  std::string protocol{};
};

PortArgument check_port(lua_State* lua) {
  luaL_checktype(lua, 2, LUA_TTABLE);
  PortArgument port;
  lua_getfield(lua, 2, "number");
  if (lua_isinteger(lua, -1) == 0) luaL_error(lua, "port 'number' field must be an integer");
  port.number = lua_tointeger(lua, -1);
  if (lua_getfield(lua, 2, "protocol") != LUA_TSTRING) {
    luaL_error(lua, "port 'protocol' field must be a string");
  }
  port.protocol = lua_tostring(lua, -1);
  lua_pop(lua, 2);
  if (port.protocol != "tcp" && port.protocol != "udp" && port.protocol != "sctp") {
    luaL_error(lua, "port 'protocol' field must be \"udp\", \"sctp\" or \"tcp\"");
  }
  return port;
}

std::optional<PortFacts> find_port(const ScannedHost& host, const PortArgument& port) {
  if (port.number < 0 || port.number > 65'535) return {};
  return host.port(port.protocol, static_cast<std::uint16_t>(port.number));
}

int push_port_or_nil(lua_State* lua, const std::optional<PortFacts>& port) {
  if (port) {
    push_port_table(lua, *port);
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

int get_port_state(lua_State* lua) {
  const ScannedHost& host = check_scanned(lua);
  return push_port_or_nil(lua, find_port(host, check_port(lua)));
}

int get_ports(lua_State* lua) {
  static const char* const protocols[] = {"tcp", "udp", "sctp", nullptr};
  static const char* const states[] = {"open",          "filtered",        "unfiltered", "closed",
                                       "open|filtered", "closed|filtered", nullptr};
  const ScannedHost& host = check_scanned(lua);
  const char* const protocol = protocols[luaL_checkoption(lua, 3, nullptr, protocols)];
  const char* const state = states[luaL_checkoption(lua, 4, nullptr, states)];
  lua_Integer after = -1;
  if (!lua_isnoneornil(lua, 2)) {
    luaL_checktype(lua, 2, LUA_TTABLE);
    lua_getfield(lua, 2, "number");
    if (lua_isinteger(lua, -1) == 0) luaL_error(lua, "port 'number' field must be an integer");
    after = lua_tointeger(lua, -1);
    lua_pop(lua, 1);
  }
  if (after < -1 || after > 65'535) return push_port_or_nil(lua, {});
  return push_port_or_nil(lua, host.next_port(protocol, state, static_cast<int>(after)));
}

int set_port_state(lua_State* lua) {
  static const char* const states[] = {"open", "closed", nullptr};
  ScannedHost& host = check_scanned(lua);
  const PortArgument port = check_port(lua);
  const bool open = luaL_checkoption(lua, 3, nullptr, states) == 0;
  if (find_port(host, port)) {
    host.set_state(port.protocol, static_cast<std::uint16_t>(port.number), open);
  }
  return 0;
}

std::string version_field(lua_State* lua, const char* key) {
  std::size_t size = 0;
  std::string text;
  if (lua_getfield(lua, -1, key) == LUA_TSTRING) {
    const char* const bytes = lua_tolstring(lua, -1, &size);
    text.assign(bytes, size);
  }
  lua_pop(lua, 1);
  return text;
}

// port.version is on top.
PortVersion read_version(lua_State* lua) {
  PortVersion version;
  version.name = version_field(lua, "name");
  version.product = version_field(lua, "product");
  version.version = version_field(lua, "version");
  version.extra_info = version_field(lua, "extrainfo");
  version.host_name = version_field(lua, "hostname");
  version.os_type = version_field(lua, "ostype");
  version.device_type = version_field(lua, "devicetype");
  const std::string tunnel = version_field(lua, "service_tunnel");
  if (!tunnel.empty() && tunnel != "none" && tunnel != "ssl") {
    luaL_argerror(lua, 2, "invalid value for port.version.service_tunnel");
  }
  version.tunnelled = tunnel == "ssl";
  constexpr lua_Integer kMostCpe = 64;
  if (lua_getfield(lua, -1, "cpe") == LUA_TTABLE) {
    for (lua_Integer i = 1; i <= kMostCpe && lua_geti(lua, -1, i) == LUA_TSTRING; ++i) {
      version.cpe.emplace_back(lua_tostring(lua, -1));
      lua_pop(lua, 1);
    }
  }
  return version;
}

int set_port_version(lua_State* lua) {
  static const char* const results[] = {"hardmatched", "softmatched", "nomatch",
                                        "tcpwrapped",  "incomplete",  nullptr};
  constexpr std::array kMatches{ScannedHost::Match::Hard, ScannedHost::Match::Soft,
                                ScannedHost::Match::None, ScannedHost::Match::TcpWrapped,
                                ScannedHost::Match::Incomplete};
  ScannedHost& host = check_scanned(lua);
  const PortArgument port = check_port(lua);
  const auto match =
      kMatches.at(static_cast<std::size_t>(luaL_checkoption(lua, 3, "hardmatched", results)));
  if (lua_getfield(lua, 2, "version") != LUA_TTABLE) {
    return luaL_error(lua, "port 'version' field must be a table");
  }
  PortVersion version = read_version(lua);
  version.probed = match != ScannedHost::Match::Incomplete;
  constexpr double kSure = 10;
  constexpr double kWrapped = 8;
  constexpr double kTable = 3;
  version.confidence = match == ScannedHost::Match::TcpWrapped ? kWrapped
                       : version.probed                        ? kSure
                                                               : kTable;
  if (find_port(host, port)) {
    host.set_version(port.protocol, static_cast<std::uint16_t>(port.number), version, match);
  }
  return 0;
}

}  // namespace

void set_port_functions(lua_State* lua) {
  constexpr luaL_Reg kFunctions[] = {{"get_port_state", get_port_state},
                                     {"get_ports", get_ports},
                                     {"set_port_state", set_port_state},
                                     {"set_port_version", set_port_version},
                                     {nullptr, nullptr}};
  luaL_setfuncs(lua, kFunctions, 0);
}

}  // namespace trawl::nse
