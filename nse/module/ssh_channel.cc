#include <algorithm>
#include <array>
#include <new>
#include <string_view>

#include "nse/module/ssh_session.h"

// Of most functions argument 1 is the session and 2 the channel.
namespace trawl::nse {
namespace {

constexpr const char* kChannelType = "ssh2.channel";
constexpr std::size_t kMostRead = 32'768;  // Bytes a call reads.

SshChannel& channel_at(lua_State* lua, int index) {
  return *static_cast<SshChannel*>(luaL_checkudata(lua, index, kChannelType));
}

// One of a session that is not closed.
LIBSSH2_CHANNEL* check_channel(lua_State* lua, int index) {
  const SshChannel& channel = channel_at(lua, index);
  const bool is_open = channel.session != nullptr && channel.session->handle != nullptr;
  luaL_argcheck(lua, is_open && channel.handle != nullptr, index, "the channel is closed");
  return channel.handle;
}

// The same, of the session in argument 1.
LIBSSH2_CHANNEL* own_channel(lua_State* lua) {
  LIBSSH2_CHANNEL* const channel = check_channel(lua, 2);
  luaL_argcheck(lua, channel_at(lua, 2).session.get() == &check_open_session(lua, 1), 2,
                "the channel is of another session");
  return channel;
}

// The session is followed by the channel once there is one.
int open_step(lua_State* lua, SshSession& session) {
  if (lua_gettop(lua) == 1) {
    LIBSSH2_CHANNEL* const handle = libssh2_channel_open_session(session.handle);
    if (handle == nullptr) {
      const bool again = libssh2_session_last_errno(session.handle) == LIBSSH2_ERROR_EAGAIN;
      return again ? kAgain : luaL_error(lua, "Opening channel");
    }
    auto* const channel = new (lua_newuserdatauv(lua, sizeof(SshChannel), 0)) SshChannel{};
    luaL_setmetatable(lua, kChannelType);
    channel->session = check_ssh_session(lua, 1);
    channel->handle = handle;
  }
  const int outcome = libssh2_channel_request_pty(own_channel(lua), "vanilla");
  if (outcome == LIBSSH2_ERROR_EAGAIN) return kAgain;
  return outcome == 0 ? 1 : luaL_error(lua, "Requesting pty");
}

int open_channel(lua_State* lua) {
  lua_settop(lua, 1);
  return run_step(lua, open_step);
}

int exec_step(lua_State* lua, SshSession& /*session*/) {
  const int outcome = libssh2_channel_exec(own_channel(lua), luaL_checkstring(lua, 3));
  if (outcome == LIBSSH2_ERROR_EAGAIN) return kAgain;
  return outcome == 0 ? 0 : luaL_error(lua, "Error executing command");
}

int channel_exec(lua_State* lua) {
  luaL_checkstring(lua, 3);
  own_channel(lua);
  return run_step(lua, exec_step);
}

template <int Stream>
int read_step(lua_State* lua, SshSession& /*session*/) {
  std::array<char, kMostRead> bytes;
  const auto size = libssh2_channel_read_ex(own_channel(lua), Stream, bytes.data(), bytes.size());
  if (size == LIBSSH2_ERROR_EAGAIN) return kAgain;
  if (size < 0) return luaL_error(lua, "Reading channel");
  if (size == 0) {
    lua_pushnil(lua);
  } else {
    lua_pushlstring(lua, bytes.data(), static_cast<std::size_t>(size));
  }
  return 1;
}

template <int Stream>
int channel_read(lua_State* lua) {
  own_channel(lua);
  return run_step(lua, read_step<Stream>, true);
}

int write_step(lua_State* lua, SshSession& /*session*/) {
  std::size_t size = 0;
  const char* bytes = lua_tolstring(lua, 3, &size);
  const auto written = libssh2_channel_write(own_channel(lua), bytes, size);
  if (written == LIBSSH2_ERROR_EAGAIN) return kAgain;
  if (written < 0) return luaL_error(lua, "Writing to channel");
  lua_pushinteger(lua, static_cast<lua_Integer>(written));
  return 1;
}

int channel_write(lua_State* lua) {
  own_channel(lua);
  if (lua_isstring(lua, 3) == 0) return luaL_error(lua, "Invalid buffer");
  return run_step(lua, write_step);
}

int send_eof_step(lua_State* lua, SshSession& /*session*/) {
  const int outcome = libssh2_channel_send_eof(own_channel(lua));
  if (outcome == LIBSSH2_ERROR_EAGAIN) return kAgain;
  return outcome == 0 ? 0 : luaL_error(lua, "Sending EOF");
}

int channel_send_eof(lua_State* lua) {
  own_channel(lua);
  return run_step(lua, send_eof_step);
}

int channel_eof(lua_State* lua) {
  lua_pushboolean(lua, libssh2_channel_eof(check_channel(lua, 1)) != 0 ? 1 : 0);
  return 1;
}

int close_step(lua_State* lua, SshSession& /*session*/) {
  return libssh2_channel_close(own_channel(lua)) == LIBSSH2_ERROR_EAGAIN ? kAgain : 0;
}

int channel_close(lua_State* lua) {
  own_channel(lua);
  return run_step(lua, close_step);
}

// Its part in libssh2 is freed with the session's: before, that would have to wait.
int collect_channel(lua_State* lua) {
  SshChannel& channel = channel_at(lua, 1);
  channel.handle = nullptr;
  channel.session.reset();
  return 0;
}

constexpr luaL_Reg kFunctions[] = {{"open_channel", open_channel},
                                   {"channel_exec", channel_exec},
                                   {"channel_read", channel_read<0>},
                                   {"channel_read_stderr", channel_read<SSH_EXTENDED_DATA_STDERR>},
                                   {"channel_write", channel_write},
                                   {"channel_send_eof", channel_send_eof},
                                   {"channel_eof", channel_eof},
                                   {"channel_close", channel_close},
                                   {nullptr, nullptr}};

}  // namespace

void set_ssh_channel_functions(lua_State* lua) {
  luaL_newmetatable(lua, kChannelType);
  lua_pushcfunction(lua, collect_channel);
  lua_setfield(lua, -2, "__gc");
  lua_newtable(lua);  // Scripts see an empty one.
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
  luaL_setfuncs(lua, kFunctions, 0);
}

}  // namespace trawl::nse
