#include <string>
#include <utility>

#include "nse/host/capture.h"
#include "nse/host/nse_socket.h"

namespace trawl::nse {
namespace {

// The packet that the socket looks at while its script's own function is asked about it, and when
// waiting for packets ends, are in the socket's user value: a table.
NseSocket& check_capture(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  if (socket.reader == nullptr) luaL_error(lua, "not a pcap socket");
  return socket;
}

double seconds_of(service::SteadyTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

// Leaves only the socket and the deadline, at 1 and 2, and then what receive_packet() returns.
int push_packet(lua_State* lua, const CapturedPacket& packet) {
  lua_pushboolean(lua, 1);
  lua_pushinteger(lua, static_cast<lua_Integer>(packet.bytes.size()));
  lua_pushlstring(lua, packet.bytes.data(), packet.network_offset);
  lua_pushlstring(lua, packet.bytes.data() + packet.network_offset,
                  packet.bytes.size() - packet.network_offset);
  lua_pushnumber(lua, packet.time);
  return 5;
}

int next_packet(lua_State* lua, int status, lua_KContext context);

// The values of the packet are at 3 to 7, and what the script's function made of it on top.
int compare_hash(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  const NseSocket& socket = check_capture(lua);
  std::size_t size = 0;
  const char* const hash = lua_tolstring(lua, -1, &size);
  const bool fits = !socket.wanted_hash || socket.wanted_hash->empty() ||
                    (hash != nullptr && std::string_view{hash, size} == *socket.wanted_hash);
  if (!fits) return next_packet(lua, LUA_OK, 0);
  lua_settop(lua, 7);
  return 5;
}

int next_packet(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  NseSocket& socket = check_socket(lua);
  lua_settop(lua, 2);
  luaL_checkstack(lua, 12, "pcap_receive");
  if (socket.reader == nullptr) return push_outcome(lua, service::EventStatus::Cancelled);
  CapturedPacket packet;
  if (socket.reader->take(packet)) {
    const int values = push_packet(lua, packet);
    if (lua_getiuservalue(lua, 1, 1) != LUA_TFUNCTION) {
      lua_pop(lua, 1);
      return values;
    }
    for (const int value : {4, 5, 6}) lua_pushvalue(lua, value);  // Length, layers 2 and 3.
    lua_callk(lua, 3, 1, 0, compare_hash);
    return compare_hash(lua, LUA_OK, 0);
  }
  if (socket.reader->ended()) return push_outcome(lua, service::EventStatus::Error);
  service::Wait left = service::kForever;
  if (lua_isnumber(lua, 2) != 0) {
    const double seconds = lua_tonumber(lua, 2) - seconds_of(std::chrono::steady_clock::now());
    if (seconds <= 0) return push_outcome(lua, service::EventStatus::Timeout);
    left = service::Wait{static_cast<std::int64_t>(seconds * 1e6) + 1};
  }
  return suspend(
      lua, [&](Suspension it) { socket.reader->wait(left, std::move(it)); }, next_packet);
}

}  // namespace

int open_capture(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  Capture::Settings settings;
  settings.device = luaL_checkstring(lua, 2);
  const lua_Integer length = luaL_checkinteger(lua, 3);
  settings.snap_length = length < 1 || length > 65'535 ? 65'535 : static_cast<int>(length);
  // As it was once: 0 is false.
  settings.promiscuous =
      lua_isinteger(lua, 4) != 0 ? lua_tointeger(lua, 4) != 0 : lua_toboolean(lua, 4) != 0;
  const bool hashes = lua_isfunction(lua, 5);  // And had a function before the filter.
  settings.filter = luaL_checkstring(lua, hashes ? 6 : 5);
  luaL_argcheck(lua, !socket.is_open(), 1, "socket is already open");

  auto& shared =
      socket.module
          .captures[{settings.device, settings.filter, settings.snap_length, settings.promiscuous}];
  std::shared_ptr<Capture> capture = shared.lock();
  if (capture == nullptr) {
    auto opened = Capture::open(socket.module.loop, settings);
    if (!opened) return luaL_error(lua, "can't open pcap reader on %s", settings.device.c_str());
    capture = std::move(*opened);
    shared = capture;
  }
  socket.reader = capture->add_reader();
  if (hashes) {
    lua_pushvalue(lua, 5);
  } else {
    lua_pushnil(lua);
  }
  lua_setiuservalue(lua, 1, 1);
  return 0;
}

int register_capture(lua_State* lua) {
  NseSocket& socket = check_capture(lua);
  std::size_t size = 0;
  const char* const hash = luaL_checklstring(lua, 2, &size);
  socket.wanted_hash = std::string{hash, size};
  return 0;
}

int receive_packet(lua_State* lua) {
  const NseSocket& socket = check_capture(lua);
  const bool hashes = lua_getiuservalue(lua, 1, 1) == LUA_TFUNCTION;
  if (hashes && !socket.wanted_hash) return luaL_error(lua, "pcap_register must be called before");
  lua_settop(lua, 1);
  if (socket.timeout == service::kForever) {
    lua_pushnil(lua);
  } else {
    lua_pushnumber(lua, seconds_of(std::chrono::steady_clock::now()) +
                            std::chrono::duration<double>(socket.timeout).count());
  }
  return next_packet(lua, LUA_OK, 0);
}

int close_capture(lua_State* lua) {
  NseSocket& socket = check_socket(lua);
  if (socket.reader == nullptr) return fail_with(lua, "socket already closed");
  socket.shut(true);
  lua_pushboolean(lua, 1);
  return 1;
}

}  // namespace trawl::nse
