#include <string>
#include <utility>

#include "nse/host/nse_socket.h"

namespace trawl::nse {
namespace {

using service::Event;
using service::EventStatus;

// What a read returns: some bytes are a success however it ended.
int push_read(lua_State* lua, EventStatus status, const std::string& bytes) {
  const bool got = status == EventStatus::Success || status == EventStatus::Timeout ||
                   status == EventStatus::Eof;
  if (!got || bytes.empty()) {
    return push_outcome(lua, status == EventStatus::Success ? EventStatus::Eof : status);
  }
  lua_pushboolean(lua, 1);
  lua_pushlstring(lua, bytes.data(), bytes.size());
  return 2;
}

enum class Goal : std::uint8_t { Any, Lines, Bytes };

int read(lua_State* lua, NseSocket& socket, Goal goal, lua_Integer amount,
         lua_KFunction then = nullptr) {
  return suspend(
      lua,
      [&](Suspension it) {
        const auto done = [it = std::move(it)](const Event& event) {
          it.resume([status = event.status, bytes = std::string{event.bytes}](lua_State* on) {
            return push_read(on, status, bytes);
          });
        };
        service::Loop& loop = socket.module.loop;
        const auto count = static_cast<std::size_t>(amount);
        if (goal == Goal::Any || amount <= 0 || socket.used == NseSocket::Protocol::Udp) {
          loop.read(socket.id, socket.timeout, done);
        } else if (goal == Goal::Lines) {
          loop.read_lines(socket.id, count, socket.timeout, done);
        } else {
          loop.read_bytes(socket.id, count, socket.timeout, done);
        }
      },
      then);
}

int search(lua_State* lua);

// The delimiter's function has returned two values.
int take_match(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  NseSocket& socket = check_connected(lua);
  std::size_t size = 0;
  const char* const text = lua_tolstring(lua, 4, &size);
  if (lua_isnumber(lua, -1) == 0 || lua_isnumber(lua, -2) == 0) {
    lua_settop(lua, 4);
    return read(lua, socket, Goal::Any, 0, [](lua_State* on, int, lua_KContext) {
      if (lua_toboolean(on, 5) == 0) return 2;
      lua_remove(on, 5);
      lua_concat(on, 2);
      return search(on);
    });
  }
  const lua_Integer first = lua_tointeger(lua, -2);
  const lua_Integer last = lua_tointeger(lua, -1);
  if (first < 1 || last < first || static_cast<std::size_t>(last) > size) {
    return luaL_error(lua, "invalid indices for match");
  }
  const auto end = static_cast<std::size_t>(last);
  const bool keeps = lua_toboolean(lua, 3) != 0;
  socket.rest.assign(text + end, size - end);
  lua_pushboolean(lua, 1);
  lua_pushlstring(lua, text, keeps ? end : static_cast<std::size_t>(first - 1));
  return 2;
}

// Stack: socket, delimiter, whether to keep it, what there is.
int search(lua_State* lua) {
  luaL_checkstack(lua, 8, "receive_buf");
  if (lua_type(lua, 2) == LUA_TFUNCTION) {
    lua_pushvalue(lua, 2);
    lua_pushvalue(lua, 4);
    lua_callk(lua, 1, 2, 0, take_match);
  } else {
    luaL_requiref(lua, LUA_STRLIBNAME, luaopen_string, 0);
    lua_getfield(lua, -1, "find");
    lua_remove(lua, -2);
    lua_pushvalue(lua, 4);
    lua_pushvalue(lua, 2);
    lua_callk(lua, 2, 2, 0, take_match);
  }
  return take_match(lua, LUA_OK, 0);
}

// Sends the string at `index` over the connection.
int write(lua_State* lua, NseSocket& socket, int index) {
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, index, &size);
  return suspend(lua, [&](Suspension it) {
    socket.module.loop.write(
        socket.id, std::string{bytes, size}, socket.timeout, [it](const Event& event) {
          it.resume([status = event.status](lua_State* on) { return push_outcome(on, status); });
        });
  });
}

}  // namespace

int send_bytes(lua_State* lua) { return write(lua, check_connected(lua), 2); }

// On a connection of TCP the address does not count.
int send_datagram(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  if (socket.protocol != NseSocket::Protocol::Udp) return write(lua, check_connected(lua), 4);
  luaL_argcheck(lua, socket.reader == nullptr, 1, "socket is already open");
  check_host_and_port(lua, socket, false);
  luaL_checkstring(lua, 4);
  return prepare_request(lua, LUA_OK, 0);
}

int finish_datagram(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  const NseSocket::Request& request = socket.request;
  service::Loop& loop = socket.module.loop;
  if (socket.id == service::SocketId{}) {
    socket.id = loop.new_socket(settings_of(socket));
    socket.used = NseSocket::Protocol::Udp;
    const auto family = request.ip->is_v4() ? AddressFamily::V4 : AddressFamily::V6;
    if (!loop.open_udp(socket.id, family)) {
      loop.close(std::exchange(socket.id, {}));
      return push_outcome(lua, EventStatus::Error);
    }
  }
  socket.peer = {.ip = *request.ip, .port = request.port, .zone = request.zone};
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, 4, &size);
  return suspend(lua, [&](Suspension it) {
    loop.send_to(socket.id, socket.peer, std::string{bytes, size}, [it](const Event& event) {
      it.resume([status = event.status](lua_State* on) { return push_outcome(on, status); });
    });
  });
}

int receive_some(lua_State* lua) { return read(lua, check_connected(lua), Goal::Any, 0); }

int receive_lines(lua_State* lua) {
  NseSocket& socket = check_connected(lua);
  return read(lua, socket, Goal::Lines, luaL_checkinteger(lua, 2));
}

int receive_bytes(lua_State* lua) {
  NseSocket& socket = check_connected(lua);
  return read(lua, socket, Goal::Bytes, luaL_checkinteger(lua, 2));
}

// What was read before it fails is lost, but for what an earlier call had left.
int receive_buffered(lua_State* lua) {
  const NseSocket& socket = check_connected(lua);
  const int type = lua_type(lua, 2);
  if (type != LUA_TFUNCTION && type != LUA_TSTRING) {
    return luaL_typeerror(lua, 2, "function/string");
  }
  luaL_checktype(lua, 3, LUA_TBOOLEAN);
  lua_settop(lua, 3);
  lua_pushlstring(lua, socket.rest.data(), socket.rest.size());
  return search(lua);
}

}  // namespace trawl::nse
