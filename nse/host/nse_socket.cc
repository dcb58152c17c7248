#include "nse/host/nse_socket.h"

#include <array>
#include <new>
#include <utility>

#include "nse/host/capture.h"
#include "nse/host/certificate.h"

namespace trawl::nse {
namespace {

constexpr const char* kSocketType = "nsock";

int collect_socket(lua_State* lua) {
  static_cast<NseSocket*>(luaL_checkudata(lua, 1, kSocketType))->~NseSocket();
  return 0;
}

int new_socket(lua_State* lua) {
  static const char* const protocols[] = {"tcp", "udp", nullptr};
  static const char* const families[] = {"inet", "inet6", "unspec", nullptr};
  const int protocol = luaL_checkoption(lua, 1, "tcp", protocols);
  HostModule& module = module_of(lua);
  const bool six = module.context.address_family() == AddressFamily::V6;
  const int family = luaL_checkoption(lua, 2, six ? "inet6" : "inet", families);
  auto* const socket = new (lua_newuserdatauv(lua, sizeof(NseSocket), 1)) NseSocket{module};
  socket->protocol = protocol == 0 ? NseSocket::Protocol::Tcp : NseSocket::Protocol::Udp;
  socket->family = family == 1 ? AddressFamily::V6 : AddressFamily::V4;
  luaL_setmetatable(lua, kSocketType);
  return 1;
}

int close_socket(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  if (!socket.is_open()) return fail_with(lua, "socket already closed");
  socket.shut(true);
  lua_pushboolean(lua, 1);
  return 1;
}

int bind_socket(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  const char* const address = luaL_optstring(lua, 2, nullptr);
  const lua_Integer port = luaL_optinteger(lua, 3, 0);
  luaL_argcheck(lua, port >= 0 && port <= 65'535, 3, "not a port");
  std::optional<IpAddress> ip;
  if (address != nullptr) {
    ip = IpAddress::parse(address);
    if (!ip) return fail_with(lua, "getaddrinfo: Name or service not known");
  }
  socket.bind_ip = ip;
  socket.bind_port = static_cast<std::uint16_t>(port);
  lua_pushboolean(lua, 1);
  return 1;
}

int set_timeout(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  const lua_Number milliseconds = luaL_checknumber(lua, 2);
  constexpr lua_Number kMost = 1e12;
  socket.timeout = milliseconds >= 0 && milliseconds < kMost
                       ? service::Wait{static_cast<std::int64_t>(milliseconds * 1000)}
                       : service::kForever;
  lua_pushboolean(lua, 1);
  return 1;
}

int get_info(lua_State* lua) {
  const NseSocket& socket = check_connected(lua);
  const service::Endpoint local = socket.module.loop.local_endpoint(socket.id);
  lua_pushboolean(lua, 1);
  lua_pushstring(lua, local.ip.to_string().c_str());
  lua_pushinteger(lua, local.port);
  lua_pushstring(lua, socket.peer.ip.to_string().c_str());
  lua_pushinteger(lua, socket.peer.port);
  return 5;
}

int get_certificate(lua_State* lua) {
  const NseSocket& socket = check_socket(lua);
  const auto details = socket.module.loop.tls_details(socket.id);
  luaL_argcheck(lua, details.has_value(), 1, "not a SSL socket");
  if (!push_certificate(lua, details->certificate)) lua_pushnil(lua);
  return 1;
}

int parse_certificate(lua_State* lua) {
  std::size_t size = 0;
  const char* const der = luaL_checklstring(lua, 1, &size);
  if (!push_certificate(lua, {der, size})) lua_pushnil(lua);
  return 1;
}

int get_stats(lua_State* lua) {
  lua_createtable(lua, 0, 1);
  lua_pushinteger(lua, static_cast<lua_Integer>(module_of(lua).slots.waiting()));
  lua_setfield(lua, -2, "connect_waiting");
  return 1;
}

// nmap.socket.loop(milliseconds): the engine turns the loop; here it is turned once more.
int turn_loop(lua_State* lua) {
  const lua_Integer milliseconds = luaL_checkinteger(lua, 1);
  static_cast<void>(milliseconds);
  luaL_argcheck(lua, running_thread(lua) == nullptr, 1, "a script is running");
  static_cast<void>(module_of(lua).loop.turn(service::Wait{0}));
  return 0;
}

constexpr std::array kMethods{
    luaL_Reg{"connect", connect_socket},
    luaL_Reg{"send", send_bytes},
    luaL_Reg{"sendto", send_datagram},
    luaL_Reg{"receive", receive_some},
    luaL_Reg{"receive_lines", receive_lines},
    luaL_Reg{"receive_bytes", receive_bytes},
    luaL_Reg{"receive_buf", receive_buffered},
    luaL_Reg{"close", close_socket},
    luaL_Reg{"get_info", get_info},
    luaL_Reg{"set_timeout", set_timeout},
    luaL_Reg{"bind", bind_socket},
    luaL_Reg{"reconnect_ssl", reconnect_tls},
    luaL_Reg{"get_ssl_certificate", get_certificate},
    luaL_Reg{"pcap_open", open_capture},
    luaL_Reg{"pcap_register", register_capture},
    luaL_Reg{"pcap_receive", receive_packet},
    luaL_Reg{"pcap_close", close_capture},
    luaL_Reg{nullptr, nullptr},
};

}  // namespace

void NseSocket::shut(bool tells) {
  if (id != service::SocketId{}) module.loop.close(std::exchange(id, {}), tells);
  if (reader != nullptr) std::exchange(reader, nullptr)->close();
  rest.clear();
  wanted_hash.reset();
  if (const auto given = std::exchange(place, std::nullopt)) module.slots.give_back(*given);
}

NseSocket& check_socket(lua_State* lua) {
  return *static_cast<NseSocket*>(luaL_checkudata(lua, 1, kSocketType));
}

NseSocket& check_connected(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  if (socket.id == service::SocketId{}) luaL_error(lua, "socket must be connected");
  return socket;
}

int push_outcome(lua_State* lua, service::EventStatus status) {
  using service::EventStatus;
  if (status == EventStatus::Success) {
    lua_pushboolean(lua, 1);
    return 1;
  }
  lua_pushnil(lua);
  lua_pushstring(lua, status == EventStatus::Timeout     ? "TIMEOUT"
                      : status == EventStatus::Eof       ? "EOF"
                      : status == EventStatus::Cancelled ? "CANCELLED"
                                                         : "ERROR");
  return 2;
}

int fail_with(lua_State* lua, const char* message) {
  lua_pushboolean(lua, 0);
  lua_pushstring(lua, message);
  return 2;
}

void set_socket_functions(lua_State* lua) {
  luaL_newmetatable(lua, kSocketType);
  lua_pushcfunction(lua, collect_socket);
  lua_setfield(lua, -2, "__gc");
  lua_newtable(lua);  // Scripts see an empty one.
  lua_setfield(lua, -2, "__metatable");
  lua_createtable(lua, 0, kMethods.size());
  luaL_setfuncs(lua, kMethods.data(), 0);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
  make_certificate_type(lua);

  for (const char* name :
       {"new_socket", "newsocket"}) {  // The latter as once in its documentation.
    lua_pushcfunction(lua, new_socket);
    lua_setfield(lua, -2, name);
  }
  lua_pushcfunction(lua, resolve_name);
  lua_setfield(lua, -2, "resolve");
  luaL_getsubtable(lua, -1, "socket");
  constexpr luaL_Reg kFunctions[] = {{"new", new_socket},
                                     {"loop", turn_loop},
                                     {"get_stats", get_stats},
                                     {"parse_ssl_certificate", parse_certificate},
                                     {nullptr, nullptr}};
  luaL_setfuncs(lua, kFunctions, 0);
  lua_pop(lua, 1);
}

}  // namespace trawl::nse
