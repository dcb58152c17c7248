#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"

namespace trawl::simnet {

struct ArpPacket {
  std::uint16_t operation = 0;  // 1 request, 2 reply.
  std::uint64_t sender_mac = 0;
  Ipv4Address sender;
  Ipv4Address target;
};

// Nullopt when it is not ARP for IPv4 over Ethernet. `frame` includes the Ethernet header.
[[nodiscard]] std::optional<ArpPacket> parse_arp(std::span<const std::byte> frame) noexcept;
// Tells `request.sender` that `request.target` is at `mac`.
[[nodiscard]] std::size_t write_arp_reply(std::span<std::byte> buffer, const ArpPacket& request,
                                          std::uint64_t mac) noexcept;
[[nodiscard]] std::size_t write_arp_request(std::span<std::byte> buffer, std::uint64_t sender_mac,
                                            Ipv4Address sender, Ipv4Address target) noexcept;

}  // namespace trawl::simnet
