#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"

namespace trawl::service {

// The resolver of this system, by getaddrinfo(3) and getnameinfo(3): /etc/hosts, name servers, and
// whatever else nsswitch.conf(5) names.
//
// Thread: any number.

// Those of one family; none where there is no answer. Waits for the answer.
[[nodiscard]] std::vector<IpAddress> system_addresses_of(const std::string& name,
                                                         AddressFamily family);
// "" for those without a name; kSystemAskers threads ask. Waits for the last answer.
inline constexpr unsigned kSystemAskers = 16;
[[nodiscard]] std::vector<std::string> system_names_of(std::span<const IpAddress> addresses);

}  // namespace trawl::service
