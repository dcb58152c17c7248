#include <net/if.h>

#include <array>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "nse/host/host_module.h"
#include "nse/host/raw_destinations.h"

namespace trawl::nse {
namespace {

constexpr const char* kDnetType = "dnet";

struct Dnet {
  std::unique_ptr<RawSender> ethernet{};
  std::unique_ptr<RawSender> ip{};
};

Dnet& check_dnet(lua_State* lua) { return *static_cast<Dnet*>(luaL_checkudata(lua, 1, kDnetType)); }

int collect_dnet(lua_State* lua) {
  check_dnet(lua).~Dnet();
  return 0;
}

int new_dnet(lua_State* lua) {
  new (lua_newuserdatauv(lua, sizeof(Dnet), 0)) Dnet{};
  luaL_setmetatable(lua, kDnetType);
  return 1;
}

int push_true(lua_State* lua) {
  lua_pushboolean(lua, 1);
  return 1;
}

int push_failure(lua_State* lua, const std::string& message) {
  lua_pushboolean(lua, 0);
  lua_pushlstring(lua, message.data(), message.size());
  return 2;
}

// "" when the guard lets all of them pass.
std::string blocked_by_guard(lua_State* lua, const RawDestinations& to) {
  for (const IpAddress& address : to.addresses) {
    if (!module_of(lua).context.may_send(address)) return address.to_string() + " is blocked";
  }
  return {};
}

int open_ethernet(lua_State* lua) {
  Dnet& dnet = check_dnet(lua);
  const std::string device = luaL_checkstring(lua, 2);
  auto sender = module_of(lua).context.open_ethernet(device);
  luaL_argcheck(lua, sender.has_value(), 2, "device is not valid ethernet interface");
  dnet.ethernet = std::move(*sender);
  return push_true(lua);
}

int send_ethernet(lua_State* lua) {
  const Dnet& dnet = check_dnet(lua);
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, 2, &size);
  if (dnet.ethernet == nullptr) return luaL_error(lua, "dnet ethernet interface is not open");
  const RawDestinations to = frame_destinations({bytes, size});
  if (!to.readable) return push_failure(lua, "can't parse ethernet frame");
  if (const std::string wrong = blocked_by_guard(lua, to); !wrong.empty()) {
    return push_failure(lua, wrong);
  }
  if (const auto sent = dnet.ethernet->send({bytes, size}, {}); !sent) {
    return push_failure(lua, sent.error().message);
  }
  return push_true(lua);
}

int close_ethernet(lua_State* lua) {
  check_dnet(lua).ethernet.reset();
  return push_true(lua);
}

int open_ip(lua_State* lua) {
  Dnet& dnet = check_dnet(lua);
  auto sender = module_of(lua).context.open_raw_ip();
  if (!sender) return push_failure(lua, sender.error().message);
  dnet.ip = std::move(*sender);
  return push_true(lua);
}

int send_ip(lua_State* lua) {
  const Dnet& dnet = check_dnet(lua);
  std::size_t size = 0;
  const char* const bytes = luaL_checklstring(lua, 2, &size);
  if (dnet.ip == nullptr) return luaL_error(lua, "raw socket not open to send");
  RawDestinations to = packet_destinations({bytes, size});
  if (!to.readable || to.addresses.empty()) return luaL_error(lua, "can't parse ip packet");
  service::Endpoint endpoint{.ip = to.addresses.front()};
  if (!lua_isnoneornil(lua, 3)) {
    std::string text = check_host(lua, 3).address;
    const std::size_t percent = text.find('%');
    if (percent != std::string::npos) {
      endpoint.zone = if_nametoindex(text.c_str() + percent + 1);
      text.resize(percent);
    }
    const auto ip = IpAddress::parse(text);
    if (!ip) return push_failure(lua, "not an address: " + text);
    luaL_argcheck(lua, ip->is_v4() == endpoint.ip.is_v4(), 3, "address of another family");
    endpoint.ip = *ip;
    to.addresses.push_back(*ip);
  }
  if (const std::string wrong = blocked_by_guard(lua, to); !wrong.empty()) {
    return push_failure(lua, wrong);
  }
  if (const auto sent = dnet.ip->send({bytes, size}, endpoint); !sent) {
    return push_failure(lua, sent.error().message);
  }
  return push_true(lua);
}

int close_ip(lua_State* lua) {
  Dnet& dnet = check_dnet(lua);
  if (dnet.ip == nullptr) return push_failure(lua, "raw socket already closed");
  dnet.ip.reset();
  return push_true(lua);
}

constexpr std::array kMethods{luaL_Reg{"ethernet_open", open_ethernet},
                              luaL_Reg{"ethernet_send", send_ethernet},
                              luaL_Reg{"ethernet_close", close_ethernet},
                              luaL_Reg{"ip_open", open_ip},
                              luaL_Reg{"ip_send", send_ip},
                              luaL_Reg{"ip_close", close_ip},
                              luaL_Reg{nullptr, nullptr}};

}  // namespace

void set_dnet_functions(lua_State* lua) {
  luaL_newmetatable(lua, kDnetType);
  lua_pushcfunction(lua, collect_dnet);
  lua_setfield(lua, -2, "__gc");
  lua_newtable(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_createtable(lua, 0, kMethods.size());
  luaL_setfuncs(lua, kMethods.data(), 0);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 1);
  lua_pushcfunction(lua, new_dnet);
  lua_setfield(lua, -2, "new_dnet");
  luaL_getsubtable(lua, -1, "dnet");
  lua_pushcfunction(lua, new_dnet);
  lua_setfield(lua, -2, "new");
  lua_pop(lua, 1);
}

}  // namespace trawl::nse
