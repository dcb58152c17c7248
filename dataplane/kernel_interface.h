#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "base/ranked_set.h"

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

  // The best comes first. A deprecated address is one whose preferred lifetime is over, a tentative
  // one may yet turn out to be somebody else's (RFC 4862).
  enum class Standing : std::uint8_t { Preferred, Deprecated, Tentative };
  struct Assigned6 {
    Ipv6Address address;
    Ipv6Prefix prefix;
    Standing standing = Standing::Preferred;
  };
  std::vector<Assigned6> addresses6;    // Those beyond the link (not fe80::/10) that are ours.
  std::optional<Ipv6Address> gateway6;  // As `gateway`; mostly a link-local address.

  // An interface that is not there has no addresses and no gateway.
  [[nodiscard]] static KernelInterface look_up(const std::string& name);

  // The address to probe `targets` from: of the best standing (RFC 6724 section 5, rule 3); among
  // those one in fc00::/7 when all targets are in it, and one outside it otherwise (rule 6); among
  // those the first. Needs one.
  [[nodiscard]] Ipv6Address source_for(const RankedSet<Ipv6Address>& targets) const;

  // Read /proc/net/route and /proc/net/arp (proc(5)); lines that make no sense are skipped.
  void read_routes(std::string_view text, std::string_view name);
  void read_arp(std::string_view text, std::string_view name);
  // The same of IPv6: /proc/net/if_inet6 and /proc/net/ipv6_route.
  void read_addresses6(std::string_view text, std::string_view name);
  void read_routes6(std::string_view text, std::string_view name);
};

}  // namespace trawl::dataplane
