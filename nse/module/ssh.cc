#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "nse/module/native_modules.h"
#include "nse/module/ssh_session.h"

// Nmap's libssh2, by its documentation and by what 7.93 answers.
namespace trawl::nse {
namespace {

constexpr std::size_t kMostKeyFile = 65'536;  // Bytes.

std::string_view check_text(lua_State* lua, int index) {
  std::size_t size = 0;
  const char* text = luaL_checklstring(lua, index, &size);
  return {text, size};
}

unsigned length_of(std::string_view text) { return static_cast<unsigned>(text.size()); }

int push_boolean(lua_State* lua, bool value) {
  lua_pushboolean(lua, value ? 1 : 0);
  return 1;
}

int hostkey_hash(lua_State* lua) {
  static const char* const names[] = {"sha1", "md5", nullptr};
  SshSession& session = check_open_session(lua, 1);
  const bool is_md5 = luaL_checkoption(lua, 2, "sha1", names) == 1;
  const char* const hash = libssh2_hostkey_hash(
      session.handle, is_md5 ? LIBSSH2_HOSTKEY_HASH_MD5 : LIBSSH2_HOSTKEY_HASH_SHA1);
  if (hash == nullptr) return luaL_error(lua, "no host key");
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  for (const char c : std::string_view{hash, is_md5 ? 16U : 20U}) {
    const auto byte = static_cast<unsigned char>(c);
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xFU];
  }
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

int set_timeout(lua_State* lua) {
  SshSession& session = check_open_session(lua, 1);
  const lua_Integer milliseconds = luaL_checkinteger(lua, 2);
  constexpr lua_Integer kDay = 24 * 3'600'000;
  session.timeout = milliseconds > 0 ? std::chrono::milliseconds{std::min(milliseconds, kDay)}
                                     : SshSession::kDefaultTimeout;
  return 0;
}

// The words between commas, as an array.
void push_list(lua_State* lua, std::string_view words) {
  lua_newtable(lua);
  for (lua_Integer count = 1; !words.empty(); ++count) {
    const std::size_t comma = std::min(words.find(','), words.size());
    lua_pushlstring(lua, words.data(), comma);
    lua_rawseti(lua, -2, count);
    words.remove_prefix(std::min(comma + 1, words.size()));
  }
}

int list_step(lua_State* lua, SshSession& session) {
  const std::string_view user = check_text(lua, 2);
  const char* const methods = libssh2_userauth_list(session.handle, user.data(), length_of(user));
  if (methods != nullptr) {
    push_list(lua, methods);
    return 1;
  }
  if (libssh2_session_last_errno(session.handle) == LIBSSH2_ERROR_EAGAIN) return kAgain;
  if (libssh2_userauth_authenticated(session.handle) != 0) {  // It asks for nothing.
    push_list(lua, "none_auth");
    return 1;
  }
  lua_pushboolean(lua, 0);
  lua_pushliteral(lua, "userauth_list: Failed getting response");
  return 2;
}

int userauth_list(lua_State* lua) {
  luaL_checkstring(lua, 2);
  return run_step(lua, list_step);
}

int password_step(lua_State* lua, SshSession& session) {
  const std::string_view user = check_text(lua, 2);
  const std::string_view password = check_text(lua, 3);
  const int outcome = libssh2_userauth_password_ex(session.handle, user.data(), length_of(user),
                                                   password.data(), length_of(password), nullptr);
  return outcome == LIBSSH2_ERROR_EAGAIN ? kAgain : push_boolean(lua, outcome == 0);
}

int userauth_password(lua_State* lua) {
  luaL_checkstring(lua, 2);
  luaL_checkstring(lua, 3);
  return run_step(lua, password_step);
}

// libssh2 reads a file to the end of its first line, wherever that is.
bool is_key_file(const char* path) {
  std::error_code none;
  return std::filesystem::is_regular_file(path, none) &&
         std::filesystem::file_size(path, none) <= kMostKeyFile;
}

int key_file_step(lua_State* lua, SshSession& session) {
  const std::string_view user = check_text(lua, 2);
  const int outcome = libssh2_userauth_publickey_fromfile_ex(
      session.handle, user.data(), length_of(user), luaL_optstring(lua, 5, nullptr),
      luaL_checkstring(lua, 3), luaL_optstring(lua, 4, ""));
  return outcome == LIBSSH2_ERROR_EAGAIN ? kAgain : push_boolean(lua, outcome == 0);
}

int userauth_publickey(lua_State* lua) {
  luaL_checkstring(lua, 2);
  const char* const key = luaL_checkstring(lua, 3);
  luaL_optstring(lua, 4, "");
  const char* const public_key = luaL_optstring(lua, 5, nullptr);
  static_cast<void>(check_open_session(lua, 1));
  if (!is_key_file(key) || (public_key != nullptr && !is_key_file(public_key))) {
    return push_boolean(lua, false);
  }
  return run_step(lua, key_file_step);
}

// libssh2 asks for a signature when the server would accept one by that key.
int note_signature(LIBSSH2_SESSION* /*session*/, unsigned char** /*signature*/,
                   std::size_t* /*length*/, const unsigned char* /*data*/,
                   std::size_t /*data_length*/, void** abstract) {
  static_cast<SshSession*>(*abstract)->signature_asked = true;
  return -1;
}

int ask_key_step(lua_State* lua, SshSession& session) {
  const char* const user = luaL_checkstring(lua, 2);
  const std::string_view key = check_text(lua, 3);
  void* self = &session;
  const int outcome = libssh2_userauth_publickey(session.handle, user,
                                                 reinterpret_cast<const unsigned char*>(key.data()),
                                                 key.size(), note_signature, &self);
  return outcome == LIBSSH2_ERROR_EAGAIN ? kAgain : push_boolean(lua, session.signature_asked);
}

// Whether a key begins with the name of its kind, as RFC 4253, section 6.6 has it.
bool is_key(std::string_view key) {
  if (key.size() < 4) return false;
  std::size_t length = 0;
  for (const char c : key.substr(0, 4)) length = length << 8U | static_cast<unsigned char>(c);
  return length > 0 && length <= key.size() - 4;
}

int publickey_canauth(lua_State* lua) {
  luaL_checkstring(lua, 2);
  const std::string_view key = check_text(lua, 3);
  SshSession& session = check_open_session(lua, 1);
  if (!is_key(key)) return push_boolean(lua, false);
  session.signature_asked = false;
  return run_step(lua, ask_key_step);
}

// nullopt for what is no Base64.
std::optional<std::string> decode(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return {};
  const std::size_t end = text.find_last_not_of('=');
  const std::size_t padding = end == std::string_view::npos ? 0 : text.size() - 1 - end;
  if (padding > 2) return {};
  bytes.resize(bytes.size() - padding);
  return bytes;
}

int read_publickey(lua_State* lua) {
  std::ifstream file{luaL_checkstring(lua, 1), std::ios::binary};
  if (!file) return luaL_error(lua, "Error reading file");
  std::string text(kMostKeyFile + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad() || text.size() > kMostKeyFile) return luaL_error(lua, "Error reading file");
  // "ssh-rsa AAAA... comment": what is between the first two spaces.
  std::string_view key;
  if (const std::size_t space = text.find(' '); space != std::string::npos) {
    key = std::string_view{text}.substr(space + 1);
    key = key.substr(0, key.find_first_of(" \r\n"));
  }
  const auto bytes = decode(key);
  if (!bytes) return luaL_error(lua, "invalid encoding: the key is not Base64");
  lua_pushlstring(lua, bytes->data(), bytes->size());
  return 1;
}

// Tells the server, then closes.
int close_step(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  check_ssh_session(lua, 1)->close();
  return 0;
}

int session_close(lua_State* lua) {
  const std::shared_ptr<SshSession> session = check_ssh_session(lua, 1);
  if (session->handle == nullptr) return 0;
  if (!session->is_busy && !session->is_over) {
    libssh2_session_disconnect(session->handle, "Normal Shutdown");
  }
  if (session->to_send.empty()) return close_step(lua, LUA_OK, 0);
  return suspend(
      lua,
      [&](Suspension thread) {
        session->module.loop.write(session->socket, std::exchange(session->to_send, {}),
                                   session->timeout,
                                   [thread = std::move(thread)](const service::Event& /*event*/) {
                                     thread.resume([](lua_State* /*on*/) { return 0; });
                                   });
      },
      close_step);
}

constexpr luaL_Reg kFunctions[] = {{"session_open", open_ssh_session},
                                   {"session_close", session_close},
                                   {"hostkey_hash", hostkey_hash},
                                   {"set_timeout", set_timeout},
                                   {"userauth_list", userauth_list},
                                   {"userauth_password", userauth_password},
                                   {"userauth_publickey", userauth_publickey},
                                   {"read_publickey", read_publickey},
                                   {"publickey_canauth", publickey_canauth},
                                   {nullptr, nullptr}};

}  // namespace

int open_libssh2(lua_State* lua) {
  make_ssh_session_type(lua);
  luaL_newlib(lua, kFunctions);
  set_ssh_channel_functions(lua);
  return 1;
}

}  // namespace trawl::nse
