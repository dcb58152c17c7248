#include <net/if.h>

#include <string>
#include <utility>

#include "nse/host/nse_socket.h"

namespace trawl::nse {
namespace {

using service::Event;

// The number before the zone of a link-local address: "fe80::1%eth0".
void read_address(NseSocket::Request& request) {
  std::string text = request.host.address;
  const std::size_t percent = text.find('%');
  request.zone = 0;
  if (percent != std::string::npos) {
    request.zone = if_nametoindex(text.c_str() + percent + 1);
    text.resize(percent);
  }
  request.ip = IpAddress::parse(text);
}

void start_connect(NseSocket& socket, Suspension thread) {
  service::Loop& loop = socket.module.loop;
  const auto done = [thread = std::move(thread)](const Event& event) {
    thread.resume([status = event.status](lua_State* on) { return push_outcome(on, status); });
  };
  switch (socket.used) {
    case NseSocket::Protocol::Tcp:
      loop.connect_tcp(socket.id, socket.peer, socket.timeout, done);
      return;
    case NseSocket::Protocol::Udp: loop.connect_udp(socket.id, socket.peer, done); return;
    case NseSocket::Protocol::Tls:
      loop.connect_tls(socket.id, socket.peer, socket.timeout, done);
      return;
  }
}

// The socket is followed by what connect() returns.
int note_connection(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  check_socket(lua).is_connected = lua_toboolean(lua, 2) != 0;
  return lua_gettop(lua) - 1;
}

int open_request(lua_State* lua, NseSocket& socket) {
  const NseSocket::Request& request = socket.request;
  if (!request.is_port || !socket.module.context.may_send(*request.ip)) {
    return push_outcome(lua, service::EventStatus::Error);
  }
  if (request.sends) return finish_datagram(lua);
  if (socket.id != service::SocketId{}) {
    if (socket.is_connected && socket.used == request.protocol &&
        socket.used != NseSocket::Protocol::Udp) {
      return fail_with(lua, "Nsock connect failed immediately");
    }
    socket.module.loop.close(socket.id, true);
  }
  socket.rest.clear();
  socket.used = request.protocol;
  socket.peer = {.ip = *request.ip, .port = request.port, .zone = request.zone};
  socket.id = socket.module.loop.new_socket(settings_of(socket));
  socket.is_connected = false;
  lua_settop(lua, 1);
  return suspend(
      lua, [&](Suspension it) { start_connect(socket, std::move(it)); }, note_connection);
}

// The values on top: an address, or nil and why there is none.
int take_address(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  NseSocket& socket = check_socket(lua);
  if (lua_isnil(lua, -2)) {
    lua_pushboolean(lua, 0);
    lua_replace(lua, -3);
    return 2;
  }
  socket.request.ip = IpAddress::parse(lua_tostring(lua, -2));
  lua_pop(lua, 2);
  return open_request(lua, socket);
}

int find_address(lua_State* lua, NseSocket& socket) {
  return suspend(
      lua,
      [&](Suspension it) {
        const auto done = [it = std::move(it)](const Event& event) {
          const std::string address =
              event.addresses.empty() ? "" : event.addresses.front().to_string();
          const bool known = event.status == service::EventStatus::Success;
          it.resume([address, known](lua_State* on) {
            if (address.empty()) {
              lua_pushnil(on);
            } else {
              lua_pushstring(on, address.c_str());
            }
            lua_pushstring(
                on, known ? "Name or service not known" : "Temporary failure in name resolution");
            return 2;
          });
        };
        socket.module.loop.resolve(socket.request.host.address, socket.family, socket.timeout,
                                   done);
      },
      take_address);
}

}  // namespace

service::SocketSettings settings_of(const NseSocket& socket) {
  service::SocketSettings settings = socket.module.context.socket_settings();
  if (socket.bind_ip) settings.from = socket.bind_ip;
  if (socket.bind_port != 0) settings.from_port = socket.bind_port;
  if (settings.from && socket.request.ip && settings.from->is_v4() != socket.request.ip->is_v4()) {
    settings.from.reset();
  }
  settings.broadcasts = true;
  settings.tls.server_name = socket.request.host.name;
  return settings;
}

void check_host_and_port(lua_State* lua, NseSocket& socket, bool has_protocol) {
  static const char* const protocols[] = {"tcp", "udp", "ssl", nullptr};
  NseSocket::Request request;
  request.host = check_host(lua, 2);
  const char* protocol = socket.protocol == NseSocket::Protocol::Tcp ? "tcp" : "udp";
  lua_Integer number = 0;
  if (lua_istable(lua, 3)) {
    lua_getfield(lua, 3, "number");
    luaL_argcheck(lua, lua_isinteger(lua, -1) != 0, 3, "port table lacks integer 'number' field");
    number = lua_tointeger(lua, -1);
    lua_pop(lua, 1);
    if (lua_getfield(lua, 3, "protocol") == LUA_TSTRING) protocol = lua_tostring(lua, -1);
    lua_pop(lua, 1);  // The table keeps it.
  } else {
    number = luaL_checkinteger(lua, 3);
  }
  request.port = static_cast<std::uint16_t>(number);
  request.is_port = number >= 0 && number <= 65'535;
  if (has_protocol) {
    switch (luaL_checkoption(lua, 4, protocol, protocols)) {
      case 1: request.protocol = NseSocket::Protocol::Udp; break;
      case 2: request.protocol = NseSocket::Protocol::Tls; break;
      default: break;
    }
  }
  request.sends = !has_protocol;
  read_address(request);
  socket.request = std::move(request);
}

int prepare_request(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  NseSocket& socket = check_socket(lua);
  if (!socket.place) {
    ScriptThread* const thread = running_thread(lua);
    if (thread == nullptr) return luaL_error(lua, "only a running script can use sockets");
    SocketSlots& slots = socket.module.slots;
    socket.place = slots.take(*thread);
    if (!socket.place) {
      return suspend(
          lua, [&](Suspension it) { slots.wait(*thread, std::move(it)); }, prepare_request);
    }
  }
  return socket.request.ip ? open_request(lua, socket) : find_address(lua, socket);
}

int connect_socket(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  luaL_argcheck(lua, socket.reader == nullptr, 1, "socket is already open");
  check_host_and_port(lua, socket, true);
  return prepare_request(lua, LUA_OK, 0);
}

int reconnect_tls(lua_State* lua) {
  NseSocket& socket = check_connected(lua);
  socket.rest.clear();
  socket.used = NseSocket::Protocol::Tls;
  return suspend(lua, [&](Suspension it) {
    socket.module.loop.start_tls(socket.id, socket.timeout, [it](const Event& event) {
      it.resume([status = event.status](lua_State* on) { return push_outcome(on, status); });
    });
  });
}

}  // namespace trawl::nse
