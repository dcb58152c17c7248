#pragma once

#include <cstddef>
#include <span>

#include "base/interval_set.h"
#include "base/ip.h"
#include "dataplane/egress_guard.h"
#include "dataplane/egress_guard6.h"

namespace trawl::dataplane {

// The last check before a packet of either family leaves: the tables of surveys' guards, made from
// what must not be reached and from no list of targets.
//
// Thread: immutable once made.
class PacketGuard {
 public:
  PacketGuard(const Ipv4Set& blocked, const Ipv6Set& blocked6) : v4_{blocked}, v6_{blocked6} {}

  [[nodiscard]] bool allows(const IpAddress& address) const noexcept {
    return address.is_v4() ? v4_.allows(address.v4()) : v6_.allows(address.v6());
  }
  // Whether source routes among IPv4 options (RFC 791 section 3.1) lead through allowed addresses
  // only. Options that cannot be read are not allowed.
  [[nodiscard]] bool allows_options(std::span<const std::byte> options) const noexcept;

 private:
  EgressGuard v4_;
  EgressGuard6 v6_;
};

}  // namespace trawl::dataplane
