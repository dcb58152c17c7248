#include "nse/module/ssh_session.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace trawl::nse {
namespace {

constexpr const char* kSessionType = "ssh2";
// What a server may send for one call: libssh2 keeps packets that it did not ask for.
constexpr std::size_t kMostBytes = std::size_t{16} << 20U;

SshSession& session_of(void** abstract) { return *static_cast<SshSession*>(*abstract); }

ssize_t take_received(libssh2_socket_t /*socket*/, void* buffer, std::size_t length, int /*flags*/,
                      void** abstract) {
  SshSession& session = session_of(abstract);
  const std::size_t left = session.received.size() - session.taken;
  if (left == 0) return session.is_closing ? 0 : -EAGAIN;
  const std::size_t size = std::min(length, left);
  std::memcpy(buffer, session.received.data() + session.taken, size);
  session.taken += size;
  return static_cast<ssize_t>(size);
}

ssize_t keep_to_send(libssh2_socket_t /*socket*/, const void* buffer, std::size_t length,
                     int /*flags*/, void** abstract) {
  SshSession& session = session_of(abstract);
  if (session.is_closing) return -EPIPE;
  session.to_send.append(static_cast<const char*>(buffer), length);
  return static_cast<ssize_t>(length);
}

// Frees a session from its call, whatever ends that.
class Call {
 public:
  explicit Call(SshSession& session) : session_{session} { session.is_busy = true; }
  ~Call() {
    if (!goes_on_) session_.is_busy = false;
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  void goes_on() noexcept { goes_on_ = true; }

 private:
  SshSession& session_;
  bool goes_on_ = false;
};

void take_event(SshSession& session, const service::Event& event) {
  using service::EventStatus;
  session.received.erase(0, std::exchange(session.taken, 0));
  session.received.append(event.bytes);
  session.bytes += event.bytes.size();
  if (event.status == EventStatus::Timeout) session.trouble = "TIMEOUT";
  if (event.eof || event.status == EventStatus::Eof || event.status == EventStatus::Error) {
    session.is_over = true;
  }
  if (session.bytes > kMostBytes) session.trouble = "the server sends too much";
}

void wait_for_bytes(const std::shared_ptr<SshSession>& session, Suspension thread) {
  service::Loop& loop = session->module.loop;
  const auto left = std::chrono::duration_cast<service::Wait>(session->deadline - loop.now());
  loop.read(session->socket, std::max(left, service::Wait{1}),
            [thread = std::move(thread),
             to = std::weak_ptr<SshSession>{session}](const service::Event& event) {
              if (const auto there = to.lock()) take_event(*there, event);
              thread.resume([](lua_State* /*lua*/) { return 0; });
            });
}

int go_on_with(lua_State* lua, int /*status*/, lua_KContext step) {
  const std::shared_ptr<SshSession> session = check_ssh_session(lua, 1);
  Call call{*session};
  if (session->handle == nullptr) return luaL_error(lua, "the session is closed");
  if (session->trouble != nullptr) {
    return raise_plainly(lua, std::exchange(session->trouble, nullptr));
  }
  const int results = reinterpret_cast<SshStep>(step)(lua, *session);
  session->flush();
  if (results != kAgain) {
    session->is_void = false;
    return results;
  }
  session->is_void = !session->may_end_early;
  if (session->is_over) return raise_plainly(lua, "ERROR");
  const auto start = [&](Suspension thread) {
    call.goes_on();
    wait_for_bytes(session, std::move(thread));
  };
  return suspend(lua, start, go_on_with, step);
}

int close_userdata(lua_State* lua) {
  auto& session = *static_cast<std::shared_ptr<SshSession>*>(luaL_checkudata(lua, 1, kSessionType));
  if (session != nullptr) session->close();
  session.reset();
  return 0;
}

}  // namespace

int SshSession::descriptor() {
  static const int idle = open("/dev/null", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  return idle;
}

bool SshSession::start() {
  static const int ready = libssh2_init(0);
  if (ready != 0 || descriptor() < 0) return false;
  handle = libssh2_session_init_ex(nullptr, nullptr, nullptr, this);
  if (handle == nullptr) return false;
  libssh2_session_set_blocking(handle, 0);
  libssh2_session_callback_set(handle, LIBSSH2_CALLBACK_RECV,
                               reinterpret_cast<void*>(take_received));
  libssh2_session_callback_set(handle, LIBSSH2_CALLBACK_SEND,
                               reinterpret_cast<void*>(keep_to_send));
  return true;
}

void SshSession::close() {
  is_closing = true;
  received.clear();
  taken = 0;
  if (handle != nullptr) {
    constexpr int kMostTries = 1000;
    for (int i = 0; i < kMostTries && libssh2_session_free(handle) == LIBSSH2_ERROR_EAGAIN; ++i) {
      continue;
    }
    handle = nullptr;
  }
  to_send.clear();
  if (socket != service::SocketId{}) module.loop.close(std::exchange(socket, {}), true);
}

void SshSession::flush() {
  if (to_send.empty() || socket == service::SocketId{}) return;
  // A write that fails is followed by a read that does.
  module.loop.write(socket, std::exchange(to_send, {}), timeout, [](const service::Event&) {});
}

int run_step(lua_State* lua, SshStep step, bool may_end_early) {
  SshSession& session = check_open_session(lua, 1);
  if (session.is_busy) return luaL_error(lua, "another call waits for this session");
  if (session.is_void) return raise_plainly(lua, "TIMEOUT");
  session.may_end_early = may_end_early;
  session.deadline = session.module.loop.now() + session.timeout;
  session.bytes = 0;
  session.trouble = nullptr;
  return go_on_with(lua, LUA_OK, reinterpret_cast<lua_KContext>(step));
}

std::shared_ptr<SshSession>& push_ssh_session(lua_State* lua) {
  HostModule& module = module_of(lua);
  auto* const session = new (lua_newuserdatauv(lua, sizeof(std::shared_ptr<SshSession>), 0))
      std::shared_ptr<SshSession>{};
  luaL_setmetatable(lua, kSessionType);
  *session = std::make_shared<SshSession>(module);
  if (!(*session)->start()) luaL_error(lua, "not enough memory");
  return *session;
}

std::shared_ptr<SshSession> check_ssh_session(lua_State* lua, int index) {
  auto session =
      *static_cast<std::shared_ptr<SshSession>*>(luaL_checkudata(lua, index, kSessionType));
  luaL_argcheck(lua, session != nullptr, index, "the session is closed");
  return session;
}

SshSession& check_open_session(lua_State* lua, int index) {
  auto& session =
      *static_cast<std::shared_ptr<SshSession>*>(luaL_checkudata(lua, index, kSessionType));
  luaL_argcheck(lua, session != nullptr && session->handle != nullptr, index,
                "the session is closed");
  return *session;
}

int raise_plainly(lua_State* lua, const char* text) {
  lua_pushstring(lua, text);
  return lua_error(lua);
}

void make_ssh_session_type(lua_State* lua) {
  luaL_newmetatable(lua, kSessionType);
  lua_pushcfunction(lua, close_userdata);
  lua_setfield(lua, -2, "__gc");
  lua_newtable(lua);  // Scripts see an empty one.
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
}

}  // namespace trawl::nse
