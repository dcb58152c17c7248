#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"

namespace trawl::dataplane {

// What the kernel knows of one of its interfaces, in the calling thread's network namespace.
struct KernelInterface {
  struct Assigned {
    Ipv4Address address;
    Ipv4Prefix prefix;  // The subnet it makes on-link.
  };
  std::vector<Assigned> addresses;
  std::optional<Ipv4Address> gateway;     // Of the widest route through the interface.
  std::optional<MacAddress> gateway_mac;  // As the kernel's own ARP has it.
  bool has_default_route = false;

  struct Assigned6 {
    Ipv6Address address;
    Ipv6Prefix prefix;
  };
  std::vector<Assigned6> addresses6;    // Usable ones beyond the link (not fe80::/10).
  std::optional<Ipv6Address> gateway6;  // As `gateway`; mostly a link-local address.

  // An interface that is not there has no addresses and no gateway.
  [[nodiscard]] static KernelInterface look_up(const std::string& name);

  // Read /proc/net/route and /proc/net/arp (proc(5)); lines that make no sense are skipped.
  void read_routes(std::string_view text, std::string_view name);
  void read_arp(std::string_view text, std::string_view name);
  // The same of IPv6: /proc/net/if_inet6 and /proc/net/ipv6_route.
  void read_addresses6(std::string_view text, std::string_view name);
  void read_routes6(std::string_view text, std::string_view name);
};

}  // namespace trawl::dataplane
