#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nse/host/nse_socket.h"

namespace trawl::nse {
namespace {

using service::Event;

int push_addresses(lua_State* lua, const std::vector<IpAddress>& addresses) {
  if (addresses.empty()) return fail_with(lua, "Failed to resolve");
  lua_pushboolean(lua, 1);
  lua_createtable(lua, static_cast<int>(addresses.size()), 0);
  lua_Integer index = 0;
  for (const IpAddress& address : addresses) {
    lua_pushstring(lua, address.to_string().c_str());
    lua_rawseti(lua, -2, ++index);
  }
  return 2;
}

// Asks for one family after the other, then resumes with all.
struct Search : std::enable_shared_from_this<Search> {
  service::Loop& loop;
  std::string name;
  std::vector<AddressFamily> left;
  Suspension thread;
  std::vector<IpAddress> found{};

  Search(service::Loop& around, std::string wanted, std::vector<AddressFamily> families,
         Suspension waiting)
      : loop{around},
        name{std::move(wanted)},
        left{std::move(families)},
        thread{std::move(waiting)} {}

  void go_on() {
    if (left.empty()) {
      thread.resume([found = found](lua_State* on) { return push_addresses(on, found); });
      return;
    }
    const AddressFamily family = left.back();
    left.pop_back();
    loop.resolve(
        name, family, std::chrono::seconds{30}, [self = shared_from_this()](const Event& event) {
          self->found.insert(self->found.end(), event.addresses.begin(), event.addresses.end());
          self->go_on();
        });
  }
};

}  // namespace

int resolve_name(lua_State* lua) {
  static const char* const families[] = {"unspec", "inet", "inet6", nullptr};
  const std::string name = luaL_checkstring(lua, 1);
  const int family = luaL_checkoption(lua, 2, "unspec", families);
  if (const auto ip = IpAddress::parse(name)) {
    const bool fits = family == 0 || ip->is_v4() == (family == 1);
    return push_addresses(lua, fits ? std::vector{*ip} : std::vector<IpAddress>{});
  }
  std::vector<AddressFamily> wanted;
  if (family != 1) wanted.push_back(AddressFamily::V6);
  if (family != 2) wanted.push_back(AddressFamily::V4);  // Asked first.
  service::Loop& loop = module_of(lua).loop;
  return suspend(lua, [&](Suspension it) {
    std::make_shared<Search>(loop, name, wanted, std::move(it))->go_on();
  });
}

}  // namespace trawl::nse
