#pragma once

#include <cstdint>
#include <unordered_map>

#include "control/audit/address_hash.h"

namespace trawl::control {

// How often a report has a host, for targets may be named twice, and how often as up.
struct SeenHost {
  std::uint32_t count = 0;
  std::uint32_t up = 0;

  friend bool operator==(const SeenHost&, const SeenHost&) = default;
};
using SeenHosts = std::unordered_map<IpAddress, SeenHost, AddressHash>;

// Takes one of `address` out. False when there is none.
[[nodiscard]] inline bool take_seen(SeenHosts& hosts, const IpAddress& address) {
  const auto found = hosts.find(address);
  if (found == hosts.end()) return false;
  if (--found->second.count == 0) hosts.erase(found);
  return true;
}

}  // namespace trawl::control
