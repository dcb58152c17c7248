#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ip.h"
#include "base/mac.h"
#include "bench/simnet/frame.h"

// Frames as a scanner sends them, and readers of what comes back, for the tests of the simulated
// network.
namespace trawl::simnet {

inline constexpr std::uint64_t kScannerMac = 0x020000000001;
inline constexpr std::uint64_t kRouterMac = 0x020000000002;
inline constexpr Ipv4Address kScanner{0xc6120001};  // 198.18.0.1

struct Ipv4Fields {
  Ipv4Address from = kScanner;
  Ipv4Address to;
  std::uint8_t protocol = wire::kProtocolTcp;
  std::uint8_t ttl = 64;
  std::uint64_t eth_to = kRouterMac;
  std::uint64_t eth_from = kScannerMac;
};

// A frame around `payload`, with room for a reply behind it.
struct TestFrame {
  std::array<std::byte, 2048> bytes{};
  std::size_t length = 0;

  [[nodiscard]] std::span<std::byte> buffer() { return bytes; }
  [[nodiscard]] std::span<std::byte> frame() { return std::span{bytes}.first(length); }
  [[nodiscard]] std::byte* ip() { return bytes.data() + wire::kEthernetSize; }
  [[nodiscard]] std::byte* l4() { return ip() + wire::kIpSize; }
};

inline void seal_ipv4(std::byte* ip) {
  wire::write16(ip + 10, 0);
  wire::write16(ip + 10, wire::checksum(ip, wire::kIpSize));
}

inline TestFrame ipv4_frame(const Ipv4Fields& fields, std::span<const std::byte> payload) {
  TestFrame out;
  wire::write_mac(out.bytes.data(), fields.eth_to);
  wire::write_mac(out.bytes.data() + 6, fields.eth_from);
  wire::write16(out.bytes.data() + 12, wire::kTypeIpv4);
  wire::write16(out.ip(), 0x4500);
  wire::write16(out.ip() + 2, static_cast<std::uint16_t>(wire::kIpSize + payload.size()));
  wire::write8(out.ip() + 8, fields.ttl);
  wire::write8(out.ip() + 9, fields.protocol);
  wire::write32(out.ip() + 12, fields.from.value());
  wire::write32(out.ip() + 16, fields.to.value());
  seal_ipv4(out.ip());
  std::copy(payload.begin(), payload.end(), out.l4());
  out.length = wire::kEthernetSize + wire::kIpSize + payload.size();
  return out;
}

struct TcpFields {
  std::uint16_t from_port = 40000;
  std::uint16_t to_port = 80;
  std::uint32_t seq = 0x01020304;
  std::uint32_t ack = 0;
  std::uint8_t flags = wire::kSyn;
  std::vector<std::uint8_t> options = {};  // Its size a multiple of four.
  std::size_t data_size = 0;
};

// The options of a Linux SYN: MSS, SACK, timestamps (value 0x0a0b0c0d), NOP, window scale.
inline std::vector<std::uint8_t> linux_options() {
  return {2, 4, 5, 0xb4, 4, 2, 8, 10, 0x0a, 0x0b, 0x0c, 0x0d, 0, 0, 0, 0, 1, 3, 3, 7};
}

inline void seal_tcp(TestFrame& frame) {
  const std::size_t size = frame.length - wire::kEthernetSize - wire::kIpSize;
  wire::write16(frame.l4() + 16, 0);
  wire::write16(frame.l4() + 16,
                tcp_checksum(Ipv4Address{wire::read32(frame.ip() + 12)},
                             Ipv4Address{wire::read32(frame.ip() + 16)}, frame.l4(), size));
}

inline TestFrame tcp_frame(const Ipv4Fields& ip, const TcpFields& tcp) {
  const std::size_t header = wire::kTcpSize + tcp.options.size();
  std::vector<std::byte> segment(header + tcp.data_size);
  wire::write16(segment.data(), tcp.from_port);
  wire::write16(segment.data() + 2, tcp.to_port);
  wire::write32(segment.data() + 4, tcp.seq);
  wire::write32(segment.data() + 8, tcp.ack);
  wire::write8(segment.data() + 12, static_cast<std::uint8_t>(header / 4 << 4U));
  wire::write8(segment.data() + 13, tcp.flags);
  wire::write16(segment.data() + 14, 64240);
  for (std::size_t i = 0; i < tcp.options.size(); ++i) {
    segment[wire::kTcpSize + i] = std::byte{tcp.options[i]};
  }
  TestFrame frame = ipv4_frame(ip, segment);
  seal_tcp(frame);
  return frame;
}

inline TestFrame echo_request(const Ipv4Fields& fields, std::size_t data_size) {
  std::vector<std::byte> icmp(wire::kIcmpSize + data_size, std::byte{0x5a});
  wire::write16(icmp.data(), 0x0800);
  wire::write16(icmp.data() + 2, 0);
  wire::write16(icmp.data() + 2, wire::checksum(icmp.data(), icmp.size()));
  Ipv4Fields ip = fields;
  ip.protocol = wire::kProtocolIcmp;
  return ipv4_frame(ip, icmp);
}

inline TestFrame udp_frame(const Ipv4Fields& fields, std::uint16_t to_port,
                           std::string_view payload) {
  std::vector<std::byte> udp(8 + payload.size());
  wire::write16(udp.data(), 40000);
  wire::write16(udp.data() + 2, to_port);
  wire::write16(udp.data() + 4, static_cast<std::uint16_t>(udp.size()));
  std::memcpy(udp.data() + 8, payload.data(), payload.size());
  Ipv4Fields ip = fields;
  ip.protocol = 17;
  TestFrame frame = ipv4_frame(ip, udp);
  wire::write16(frame.l4() + 6,
                transport_checksum(17, fields.from, fields.to, frame.l4(), udp.size()));
  return frame;
}

inline TestFrame timestamp_request(const Ipv4Fields& fields, std::uint32_t originate) {
  std::vector<std::byte> icmp(20);
  wire::write32(icmp.data(), 0x0d000000);
  wire::write32(icmp.data() + 4, 0x12345678);
  wire::write32(icmp.data() + 8, originate);
  wire::write16(icmp.data() + 2, wire::checksum(icmp.data(), icmp.size()));
  Ipv4Fields ip = fields;
  ip.protocol = wire::kProtocolIcmp;
  return ipv4_frame(ip, icmp);
}

inline TestFrame arp_request(Ipv4Address target) {
  TestFrame out;
  wire::write_mac(out.bytes.data(), MacAddress::broadcast().to_integer());
  wire::write_mac(out.bytes.data() + 6, kScannerMac);
  wire::write16(out.bytes.data() + 12, wire::kTypeArp);
  std::byte* const arp = out.ip();
  wire::write32(arp, 0x00010800);
  wire::write16(arp + 4, 0x0604);
  wire::write16(arp + 6, 1);
  wire::write_mac(arp + 8, kScannerMac);
  wire::write32(arp + 14, kScanner.value());
  wire::write32(arp + 24, target.value());
  out.length = wire::kEthernetSize + wire::kArpSize;
  return out;
}

// Whether the checksums of a reply are right and its lengths add up.
inline bool is_sound_reply(TestFrame& frame) {
  const std::size_t total = wire::read16(frame.ip() + 2);
  if (wire::read8(frame.ip()) != 0x45 || total + wire::kEthernetSize != frame.length) return false;
  if (wire::checksum(frame.ip(), wire::kIpSize) != 0) return false;
  const std::size_t size = total - wire::kIpSize;
  const std::uint8_t protocol = wire::read8(frame.ip() + 9);
  if (protocol == wire::kProtocolIcmp) return wire::checksum(frame.l4(), size) == 0;
  return transport_checksum(protocol, Ipv4Address{wire::read32(frame.ip() + 12)},
                            Ipv4Address{wire::read32(frame.ip() + 16)}, frame.l4(), size) == 0;
}

}  // namespace trawl::simnet
