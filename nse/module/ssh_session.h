#pragma once

#include <libssh2.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <lua.hpp>
#include <memory>
#include <optional>
#include <string>

#include "nse/host/host_module.h"
#include "nse/lua/suspension.h"
#include "service/nsock/event.h"

namespace trawl::nse {

struct SshSession;

// A part of a call that libssh2 can do now: pushes results and returns their number, or kAgain.
// Arguments are on the stack as the script gave them. May raise errors.
using SshStep = int (*)(lua_State* lua, SshSession& session);
constexpr int kAgain = -1;

// An SSH connection of a script: libssh2 without waiting, over a socket of the engine's loop.
//
// libssh2 takes what has come from `received` and adds what it sends to `to_send`; where it lacks
// bytes its functions return LIBSSH2_ERROR_EAGAIN, and are called again when there are more.
struct SshSession {
  explicit SshSession(HostModule& its_module) : module{its_module} {}
  ~SshSession() { close(); }
  SshSession(const SshSession&) = delete;
  SshSession& operator=(const SshSession&) = delete;

  // Makes `handle`; false for want of memory.
  [[nodiscard]] bool start();
  // Frees all of it without telling the server; channels are void then.
  void close();
  // What libssh2 takes for the socket: it sets and restores flags, and nothing goes through it.
  [[nodiscard]] static int descriptor();
  // Hands what there is to send to the loop.
  void flush();

  HostModule& module;
  LIBSSH2_SESSION* handle = nullptr;
  service::SocketId socket{};
  std::string received{};
  std::size_t taken = 0;  // Of it, by libssh2, which takes banners byte by byte.
  std::string to_send{};
  bool is_over = false;     // Nothing more comes.
  bool is_closing = false;  // So that libssh2 waits for nothing.

  service::Wait timeout = kDefaultTimeout;  // Of one call.
  static constexpr service::Wait kDefaultTimeout = std::chrono::seconds{30};

  // The call under way, if any.
  bool is_busy = false;
  service::SteadyTime deadline{};
  std::size_t bytes = 0;  // That came for it.
  const char* trouble = nullptr;
  // libssh2 is in the midst of a call that ended before it did, and may not begin another.
  bool is_void = false;
  bool may_end_early = false;  // The call leaves nothing behind in libssh2: a read.

  bool signature_asked = false;  // By publickey_canauth().
};

// The contents of a channel's userdata.
struct SshChannel {
  std::shared_ptr<SshSession> session;
  LIBSSH2_CHANNEL* handle = nullptr;
};

// Does a step, as often as it takes, for the session in argument 1. Raises "ERROR" when the server
// ends the connection meanwhile, and "TIMEOUT" after the session's time: after that of a call that
// may not end early no other is possible.
int run_step(lua_State* lua, SshStep step, bool may_end_early = false);

// A session in a userdata, pushed; argument checks raise errors.
std::shared_ptr<SshSession>& push_ssh_session(lua_State* lua);
[[nodiscard]] std::shared_ptr<SshSession> check_ssh_session(lua_State* lua, int index);
// One that is not closed.
[[nodiscard]] SshSession& check_open_session(lua_State* lua, int index);
// As an error of a socket: without file and line.
int raise_plainly(lua_State* lua, const char* text);

// libssh2.session_open (ssh_connect.cc).
int open_ssh_session(lua_State* lua);
// Sets the functions on channels in the table on top (ssh_channel.cc).
void set_ssh_channel_functions(lua_State* lua);
// Makes the type of sessions.
void make_ssh_session_type(lua_State* lua);

}  // namespace trawl::nse
