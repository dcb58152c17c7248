#include <sys/random.h>

#include <array>
#include <chrono>
#include <cmath>
#include <string>

#include "nse/engine/script.h"
#include "nse/host/host_module.h"
#include "nse/host/host_tables.h"

namespace trawl::nse {
namespace {

HostContext& context_in(lua_State* lua) { return module_of(lua).context; }

template <int (HostContext::*Get)() const>
int get_number(lua_State* lua) {
  lua_pushinteger(lua, (context_in(lua).*Get)());
  return 1;
}

// A script that was asked for by name is told one level more, and the full intensity.
bool is_named(lua_State* lua) {
  const ScriptThread* const thread = running_thread(lua);
  return thread != nullptr && thread->script != nullptr && thread->script->named;
}

int verbosity(lua_State* lua) {
  lua_pushinteger(lua, context_in(lua).verbosity() + (is_named(lua) ? 1 : 0));
  return 1;
}

int version_intensity(lua_State* lua) {
  constexpr lua_Integer kFull = 9;
  lua_pushinteger(lua, is_named(lua) ? kFull : context_in(lua).version_intensity());
  return 1;
}

int is_privileged(lua_State* lua) {
  lua_pushboolean(lua, context_in(lua).is_privileged() ? 1 : 0);
  return 1;
}

int have_ssl(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int address_family(lua_State* lua) {
  const bool six = context_in(lua).address_family() == AddressFamily::V6;
  lua_pushstring(lua, six ? "inet6" : "inet");
  return 1;
}

int push_optional(lua_State* lua, const std::optional<std::string>& text) {
  if (text) {
    lua_pushlstring(lua, text->data(), text->size());
  } else {
    lua_pushnil(lua);
  }
  return 1;
}

int get_interface(lua_State* lua) { return push_optional(lua, context_in(lua).interface()); }

int get_interface_info(lua_State* lua) {
  const std::string name = luaL_checkstring(lua, 1);
  for (const InterfaceFacts& facts : context_in(lua).interfaces()) {
    if (facts.device != name) continue;
    push_interface_table(lua, facts);
    return 1;
  }
  lua_pushboolean(lua, 0);
  lua_pushstring(lua, "failed to find interface");
  return 2;
}

// Of an older API: what get_interface_info() has as `link`, nil for another kind.
int get_interface_link(lua_State* lua) {
  const std::string name = luaL_checkstring(lua, 1);
  for (const InterfaceFacts& facts : context_in(lua).interfaces()) {
    if (facts.device != name || facts.link == "other") continue;
    lua_pushstring(lua, facts.link.c_str());
    return 1;
  }
  lua_pushnil(lua);
  return 1;
}

int list_interfaces(lua_State* lua) {
  lua_newtable(lua);
  lua_Integer index = 0;
  for (const InterfaceFacts& facts : context_in(lua).interfaces()) {
    push_interface_table(lua, facts);
    lua_rawseti(lua, -2, ++index);
  }
  return 1;
}

int fetch_file(lua_State* lua) {
  return push_optional(lua, context_in(lua).fetch_file(luaL_checkstring(lua, 1)));
}

int get_dns_servers(lua_State* lua) {
  lua_newtable(lua);
  lua_Integer index = 0;
  for (const std::string& server : context_in(lua).dns_servers()) {
    lua_pushstring(lua, server.c_str());
    lua_rawseti(lua, -2, ++index);
  }
  return 1;
}

int add_targets(lua_State* lua) {
  lua_Integer added = 0;
  for (int i = 1; i <= lua_gettop(lua); ++i) {
    added += context_in(lua).add_target(luaL_checkstring(lua, i)) ? 1 : 0;
  }
  lua_pushinteger(lua, added);
  return 1;
}

int new_targets_num(lua_State* lua) {
  lua_pushinteger(lua, static_cast<lua_Integer>(context_in(lua).new_targets()));
  return 1;
}

int port_is_excluded(lua_State* lua) {
  static const char* const protocols[] = {"tcp", "udp", "sctp", nullptr};
  const lua_Integer number = luaL_checkinteger(lua, 1);
  const char* const protocol = protocols[luaL_checkoption(lua, 2, nullptr, protocols)];
  lua_pushboolean(lua,
                  number >= 0 && number <= 65'535 &&
                      context_in(lua).is_excluded(protocol, static_cast<std::uint16_t>(number)));
  return 1;
}

int log_write(lua_State* lua) {
  static const char* const streams[] = {"stdout", "stderr", nullptr};
  const int stream = luaL_checkoption(lua, 1, nullptr, streams);
  std::size_t size = 0;
  const char* const text = luaL_checklstring(lua, 2, &size);
  context_in(lua).log(stream == 0 ? HostContext::Stream::Output : HostContext::Stream::Errors,
                      {text, size});
  lua_pushboolean(lua, 1);
  return 1;
}

double seconds_since_epoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

int clock_seconds(lua_State* lua) {
  lua_pushnumber(lua, seconds_since_epoch());
  return 1;
}

int clock_milliseconds(lua_State* lua) {
  lua_pushnumber(lua, std::floor(seconds_since_epoch() * 1000));
  return 1;
}

int get_random_bytes(lua_State* lua) {
  constexpr lua_Integer kMost = 1 << 20U;
  const lua_Integer count = luaL_checkinteger(lua, 1);
  luaL_argcheck(lua, count >= 0 && count <= kMost, 1, "0 to 1048576 bytes");
  std::string bytes(static_cast<std::size_t>(count), '\0');
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t got = getrandom(bytes.data() + at, bytes.size() - at, 0);
    if (got < 0) return luaL_error(lua, "no random bytes");
    at += static_cast<std::size_t>(got);
  }
  lua_pushlstring(lua, bytes.data(), bytes.size());
  return 1;
}

// The script ends without output, and at -d says why. Stack: what the function was given.
int end_by_exception(lua_State* lua, int /*status*/, lua_KContext /*context*/) {
  HostContext& context = context_in(lua);
  if (context.debugging() > 0) {
    const ScriptThread* const thread = running_thread(lua);
    const char* const reason = lua_tostring(lua, 2);
    context.log(HostContext::Stream::Output,
                (thread == nullptr ? std::string{"a script"} : thread->title()) +
                    " ended by an exception: " + (reason == nullptr ? "no reason" : reason));
  }
  return raise_quietly(lua);
}

int try_values(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (lua_toboolean(lua, 1) != 0) return lua_gettop(lua) - 1;
  if (lua_isfunction(lua, lua_upvalueindex(1))) {
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_callk(lua, 0, 0, 0, end_by_exception);
  }
  return end_by_exception(lua, LUA_OK, 0);
}

int new_try(lua_State* lua) {
  lua_settop(lua, 1);
  lua_pushcclosure(lua, try_values, 1);
  return 1;
}

constexpr std::array kFunctions{
    luaL_Reg{"verbosity", verbosity},
    luaL_Reg{"debugging", get_number<&HostContext::debugging>},
    luaL_Reg{"timing_level", get_number<&HostContext::timing_level>},
    luaL_Reg{"get_ttl", get_number<&HostContext::ttl>},
    luaL_Reg{"get_payload_length", get_number<&HostContext::payload_length>},
    luaL_Reg{"version_intensity", version_intensity},
    luaL_Reg{"is_privileged", is_privileged},
    luaL_Reg{"have_ssl", have_ssl},
    luaL_Reg{"address_family", address_family},
    luaL_Reg{"get_interface", get_interface},
    luaL_Reg{"get_interface_info", get_interface_info},
    luaL_Reg{"get_interface_link", get_interface_link},
    luaL_Reg{"list_interfaces", list_interfaces},
    luaL_Reg{"fetchfile", fetch_file},
    luaL_Reg{"get_dns_servers", get_dns_servers},
    luaL_Reg{"add_targets", add_targets},
    luaL_Reg{"new_targets_num", new_targets_num},
    luaL_Reg{"port_is_excluded", port_is_excluded},
    luaL_Reg{"log_write", log_write},
    luaL_Reg{"clock", clock_seconds},
    luaL_Reg{"clock_ms", clock_milliseconds},
    luaL_Reg{"get_random_bytes", get_random_bytes},
    luaL_Reg{"new_try", new_try},
    luaL_Reg{nullptr, nullptr},
};

}  // namespace

void set_scan_functions(lua_State* lua) { luaL_setfuncs(lua, kFunctions.data(), 0); }

}  // namespace trawl::nse
