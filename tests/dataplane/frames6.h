#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/dataplane/frames.h"

// IPv6 frames as they come back to a scanner, written as frames.h writes those of IPv4.
namespace trawl::dataplane {

inline constexpr Uint128 kDocumentation = Uint128{0x20010db8} << 96U;
inline constexpr Ipv6Address kOurs6{kDocumentation + 1};            // 2001:db8::1
inline constexpr Ipv6Address kPeer6{kDocumentation + 0x1234'5678};  // 2001:db8::1234:5678

inline void append128(Frame& frame, Ipv6Address address) {
  for (unsigned shift = 128; shift > 0; shift -= 32) {
    append32(frame, static_cast<std::uint32_t>(address.value() >> (shift - 32U)));
  }
}

// The sum of a pseudo-header (RFC 8200 section 8.1) and what follows it; 0xffff when the checksum
// in there is right. `packet` begins with the IPv6 header.
[[nodiscard]] inline unsigned sum6_of(std::span<const std::byte> packet) {
  const unsigned length = get16(packet, 4);
  unsigned sum = sum_of(packet.subspan(8, 32));
  for (const unsigned word : {get8(packet, 6), length}) {
    sum += word;
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum_of(packet.subspan(40, length), sum);
}

struct Ip6Fields {
  Ipv6Address from = kPeer6;
  Ipv6Address to = kOurs6;
  unsigned protocol = 6;
  unsigned hop_limit = 57;
  unsigned label = 0;
};

// Ethernet and IPv6 around `payload`, whose checksum is at `checksum_at`.
inline Frame ip6_frame(const Ip6Fields& ip, std::span<const std::byte> payload,
                       std::size_t checksum_at) {
  Frame frame;
  append_mac(frame, kOurMac);
  append_mac(frame, kPeerMac);
  append16(frame, 0x86dd);
  append16(frame, 0x6000);
  append16(frame, ip.label);
  append16(frame, static_cast<unsigned>(payload.size()));
  append16(frame, ip.protocol << 8U | ip.hop_limit);
  append128(frame, ip.from);
  append128(frame, ip.to);
  frame.insert(frame.end(), payload.begin(), payload.end());
  set16(frame, 54 + checksum_at, 0);
  set16(frame, 54 + checksum_at, 0xffffU - sum6_of(std::span{frame}.subspan(14)));
  return frame;
}

inline Frame tcp6_frame(const TcpFields& tcp, const Ip6Fields& ip = {}) {
  return ip6_frame(ip, tcp_segment(tcp), 16);
}

inline Frame udp6_frame(unsigned from_port, unsigned to_port, std::span<const std::byte> payload,
                        const Ip6Fields& ip = {.protocol = 17}) {
  Frame datagram;
  append16(datagram, from_port);
  append16(datagram, to_port);
  append16(datagram, static_cast<unsigned>(8 + payload.size()));
  append16(datagram, 0);
  datagram.insert(datagram.end(), payload.begin(), payload.end());
  return ip6_frame(ip, datagram, 6);
}

// An ICMPv6 message: type, code, the four bytes behind the checksum, and `data`.
inline Frame icmp6_frame(unsigned type, unsigned code, std::uint32_t rest,
                         std::span<const std::byte> data, Ip6Fields ip = {}) {
  ip.protocol = 58;
  Frame message;
  append16(message, type << 8U | code);
  append16(message, 0);
  append32(message, rest);
  message.insert(message.end(), data.begin(), data.end());
  return ip6_frame(ip, message, 2);
}

// An ICMPv6 error of `from` that quotes the packet in `probe`.
inline Frame icmp6_error(unsigned type, unsigned code, const Frame& probe,
                         Ipv6Address from = Ipv6Address{kDocumentation + 2}) {
  return icmp6_frame(type, code, 0, std::span{probe}.subspan(14), {.from = from});
}

// The group that listens to solicitations for an address (RFC 4291 section 2.7.1).
[[nodiscard]] constexpr Ipv6Address solicited_group(Ipv6Address address) {
  return Ipv6Address{(Uint128{0xff02} << 112U) | (Uint128{0x1ff} << 24U) |
                     (address.value() & 0xffffffU)};
}

struct NeighbourFields {
  unsigned type = 135;  // Solicitation; 136 is an advertisement.
  Ipv6Address about = kOurs6;
  Ipv6Address from = kPeer6;
  Ipv6Address to = solicited_group(kOurs6);
  MacAddress mac = kPeerMac;
  bool option = true;
  unsigned hop_limit = 255;
  unsigned code = 0;
};

inline Frame neighbour_frame(const NeighbourFields& fields) {
  Frame data;
  append128(data, fields.about);
  if (fields.option) {
    append16(data, (fields.type == 135 ? 1U : 2U) << 8U | 1U);
    append_mac(data, fields.mac);
  }
  const std::uint32_t flags = fields.type == 136 ? 0x60000000 : 0;
  return icmp6_frame(fields.type, fields.code, flags, data,
                     {.from = fields.from, .to = fields.to, .hop_limit = fields.hop_limit});
}

}  // namespace trawl::dataplane
