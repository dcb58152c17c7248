#pragma once

#include <string_view>
#include <vector>

#include "base/ip.h"

namespace trawl::nse {

// Where a raw packet would go, for the egress guard. `readable` is false for what is cut off before
// its addresses: such a packet must not be sent.
struct RawDestinations {
  std::vector<IpAddress> addresses{};  // None for protocols without addresses.
  bool readable = true;
};

// Of an IPv4 or IPv6 packet: its destination, and every address of a source route in it.
[[nodiscard]] RawDestinations packet_destinations(std::string_view packet);
// Of an Ethernet frame: of the packet in it, below VLAN tags and PPPoE, or the target of ARP.
[[nodiscard]] RawDestinations frame_destinations(std::string_view frame);

}  // namespace trawl::nse
