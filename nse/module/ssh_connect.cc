#include <net/if.h>

#include <string>
#include <utility>

#include "nse/module/ssh_session.h"

namespace trawl::nse {
namespace {

using service::Event;
using service::EventStatus;

// Of session_open(): argument 1 is the session, 2 the name or address, 3 the port.

int handshake(lua_State* lua, SshSession& session) {
  const int outcome = libssh2_session_handshake(session.handle, session.descriptor());
  if (outcome == LIBSSH2_ERROR_EAGAIN) return kAgain;
  if (outcome != 0) {
    session.close();
    return luaL_error(lua, "Unable to complete libssh2 handshake.");
  }
  lua_pushvalue(lua, 1);
  return 1;
}

// The session is followed by how connecting ended, "" for well.
int shake_hands(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  const std::string trouble = lua_tostring(lua, -1);
  lua_settop(lua, 1);
  if (!trouble.empty()) {
    check_open_session(lua, 1).close();
    return raise_plainly(lua, trouble.c_str());
  }
  return run_step(lua, handshake);
}

int connect_to(lua_State* lua, const IpAddress& ip, std::uint32_t zone) {
  SshSession& session = check_open_session(lua, 1);
  const lua_Integer port = lua_tointeger(lua, 3);
  if (port < 0 || port > 65'535 || !session.module.context.may_send(ip))
    return raise_plainly(lua, "ERROR");
  service::SocketSettings settings = session.module.context.socket_settings();
  if (settings.from && settings.from->is_v4() != ip.is_v4()) settings.from.reset();
  session.socket = session.module.loop.new_socket(std::move(settings));
  const service::Endpoint to{.ip = ip, .port = static_cast<std::uint16_t>(port), .zone = zone};
  return suspend(
      lua,
      [&](Suspension thread) {
        session.module.loop.connect_tcp(
            session.socket, to, session.timeout, [thread = std::move(thread)](const Event& event) {
              thread.resume([status = event.status](lua_State* on) {
                lua_pushstring(on, status == EventStatus::Success   ? ""
                                   : status == EventStatus::Timeout ? "TIMEOUT"
                                                                    : "ERROR");
                return 1;
              });
            });
      },
      shake_hands);
}

// The address on top, "" when there is none.
int connect_to_found(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  const auto ip = IpAddress::parse(lua_tostring(lua, -1));
  if (!ip) return raise_plainly(lua, "Temporary failure in name resolution");
  return connect_to(lua, *ip, 0);
}

int resolve_and_connect(lua_State* lua, const std::string& name) {
  SshSession& session = check_open_session(lua, 1);
  return suspend(
      lua,
      [&](Suspension thread) {
        session.module.loop.resolve(
            name, session.module.context.address_family(), session.timeout,
            [thread = std::move(thread)](const Event& event) {
              std::string address =
                  event.addresses.empty() ? "" : event.addresses.front().to_string();
              thread.resume([address = std::move(address)](lua_State* on) {
                lua_pushstring(on, address.c_str());
                return 1;
              });
            });
      },
      connect_to_found);
}

}  // namespace

int open_ssh_session(lua_State* lua) {
  luaL_checkinteger(lua, 2);
  const HostArgument host = check_host(lua, 1);
  lua_settop(lua, 2);
  push_ssh_session(lua);
  lua_insert(lua, 1);
  // The zone of a link-local address: "fe80::1%eth0".
  const std::size_t percent = host.address.find('%');
  const std::string address = host.address.substr(0, percent);
  const std::uint32_t zone =
      percent == std::string::npos ? 0 : if_nametoindex(host.address.c_str() + percent + 1);
  const auto ip = IpAddress::parse(address);
  return ip ? connect_to(lua, *ip, zone) : resolve_and_connect(lua, host.address);
}

}  // namespace trawl::nse
