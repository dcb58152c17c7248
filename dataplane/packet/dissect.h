#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "base/mac.h"

namespace trawl::dataplane {

// What of a packet matters to a scanner; fields that its protocol does not have are 0. For a packet
// that an ICMP error quotes, what it was when it arrived where the error comes from.
struct PacketFacts {
  IpAddress source;
  IpAddress destination;
  std::uint8_t protocol = 0;  // Behind IPv6 extension headers.
  std::uint8_t ttl = 0;
  std::uint16_t id = 0;           // Of IPv4.
  std::uint16_t length = 0;       // Of the whole packet, as its header says.
  std::uint16_t source_port = 0;  // Of TCP, UDP and SCTP.
  std::uint16_t destination_port = 0;
  // TCP; of a quoted packet only the sequence number.
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  // ICMP and ICMPv6.
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  std::uint32_t icmp_rest = 0;  // Identifier and sequence number of echoes and timestamps.
  // SCTP.
  std::uint32_t tag = 0;
  std::uint8_t chunk = 0;
};

// A received packet, and the one it quotes when it is an ICMP error.
struct Dissection {
  PacketFacts packet;
  std::optional<PacketFacts> quoted;
};

// Takes an IP packet apart. nullopt when it is none, cut off, or a later fragment. Wrong checksums
// are let pass: a scanner hears what others discard, and its replies are validated by their tokens.
[[nodiscard]] std::optional<Dissection> dissect_packet(std::span<const std::byte> packet) noexcept;

// What a neighbour says of itself: an ARP reply, or a neighbour advertisement of RFC 4861 section
// 4.4. nullopt for any other frame.
struct NeighbourAnswer {
  IpAddress ip;
  MacAddress mac;
};
[[nodiscard]] std::optional<NeighbourAnswer> dissect_neighbour_answer(
    std::span<const std::byte> frame) noexcept;

}  // namespace trawl::dataplane
