#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/result.h"

namespace trawl::control {

// The interfaces and routes of this machine as --iflist tells of them.
struct ListedInterface {
  enum class Kind { Other, Loopback, Ethernet, PointToPoint };
  struct Address {
    IpAddress ip;
    unsigned prefix = 0;
  };

  std::string name;
  std::vector<Address> v4;  // In the kernel's order.
  std::vector<Address> v6;
  Kind kind = Kind::Other;
  bool is_up = false;
  unsigned mtu = 0;
  std::optional<MacAddress> mac;  // Of an Ethernet.
};

struct ListedRoute {
  bool is_v4 = true;  // IPv4-mapped addresses are not, though IpAddress takes them for IPv4.
  IpAddress destination;
  unsigned prefix = 0;
  std::string device;  // "*" where the kernel names none.
  int metric = 0;      // What does not fit wraps, as in Nmap.
  std::optional<IpAddress> gateway;
};

// The routes in use of /proc/net/route and /proc/net/ipv6_route, and the addresses of
// /proc/net/if_inet6 with the names of their interfaces. Lines that cannot be read are left out.
[[nodiscard]] std::vector<ListedRoute> parse_ipv4_routes(std::string_view text);
[[nodiscard]] std::vector<ListedRoute> parse_ipv6_routes(std::string_view text);
struct NamedAddress {
  std::string device;
  ListedInterface::Address address;
};
[[nodiscard]] std::vector<NamedAddress> parse_ipv6_addresses(std::string_view text);

// Gives routes whose device has no address of their family another one, as Nmap does: with a
// gateway that on whose link the gateway is, without one that of the last default route. Those that
// remain without are left out. Sorted: IPv4 before IPv6, longest prefix first, then by metric.
[[nodiscard]] std::vector<ListedRoute> listed_routes(std::span<const ListedInterface> interfaces,
                                                     std::vector<ListedRoute> v4,
                                                     std::vector<ListedRoute> v6);

// Both tables, laid out as Nmap 7.93 does.
[[nodiscard]] std::string interface_list_text(std::span<const ListedInterface> interfaces,
                                              std::span<const ListedRoute> routes);

// Those of this machine, or of the network namespace of this thread. Fails with Runtime when the
// kernel does not tell.
[[nodiscard]] Result<std::vector<ListedInterface>> read_interfaces();

// The same tables of this machine, or of the network namespace of this thread. Needs no privilege;
// fails with Runtime when the kernel does not tell.
[[nodiscard]] Result<std::string> interface_list();

}  // namespace trawl::control
