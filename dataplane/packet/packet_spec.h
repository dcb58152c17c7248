#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <variant>

#include "base/ip.h"

namespace trawl::dataplane {

// What a packet shall say, beyond its addresses. Values in host order.
struct TcpSegment {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 1024;
  bool has_mss = false;  // One option: a maximum segment size of 1460.
  std::span<const std::byte> data;
};

struct UdpDatagram {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::span<const std::byte> data;
};

// ICMP or ICMPv6, by the family of the packet.
struct IcmpMessage {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t rest = 0;  // The second half of the header: identifier and sequence number.
  std::span<const std::byte> data;
};

// SCTP with one chunk (RFC 9260 section 3).
struct SctpPacket {
  static constexpr std::uint8_t kInit = 1;
  static constexpr std::uint8_t kInitAck = 2;
  static constexpr std::uint8_t kAbort = 6;
  static constexpr std::uint8_t kCookieEcho = 10;

  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t tag = 0;  // Verification tag: 0 of an INIT.
  std::uint8_t chunk = kInit;
  std::uint32_t initiate_tag = 0;
  bool adler32 = false;  // The checksum of RFC 2960 in place of CRC32c.
  std::span<const std::byte> data;
};

// Any protocol by its number, with the bytes that follow the IP header.
struct RawPayload {
  std::uint8_t protocol = 0;
  std::span<const std::byte> data;
};

struct PacketSpec {
  IpAddress source;
  IpAddress destination;
  std::uint8_t ttl = 64;
  std::uint16_t id = 0;                // Of IPv4.
  bool may_fragment = true;            // False sets DF.
  bool bad_checksum = false;           // Of TCP, UDP and SCTP.
  std::span<const std::byte> options;  // Of IPv4; a multiple of four bytes, at most 40.
  std::variant<TcpSegment, UdpDatagram, IcmpMessage, SctpPacket, RawPayload> what;
};

}  // namespace trawl::dataplane
