#include "bench/simnet/frame6.h"

#include <cstring>

#include "base/hash.h"

namespace trawl::simnet {
namespace {

constexpr std::uint8_t kSolicitation = 135;
constexpr std::uint8_t kAdvertisement = 136;
constexpr std::uint8_t kNeighbourHops = 255;
constexpr std::size_t kSolicitationSize = 24;
constexpr std::size_t kAdvertisementSize = 32;

Ipv6Address read_address(const std::byte* at) noexcept {
  Uint128 value = 0;
  for (std::size_t i = 0; i < 16; i += 4) value = (value << 32U) | wire::read32(at + i);
  return Ipv6Address{value};
}

void write_address(std::byte* at, Ipv6Address address) noexcept {
  for (std::size_t i = 0; i < 4; ++i) {
    wire::write32(at + 4 * i, static_cast<std::uint32_t>(address.value() >> (96 - 32 * i)));
  }
}

struct Header {
  std::uint64_t eth_to;
  std::uint64_t eth_from;
  Ipv6Address from;
  Ipv6Address to;
  std::uint8_t protocol;
  std::uint8_t hop_limit;
  std::uint32_t flow_label = 0;
};

// Writes the headers around a payload that is in place, and its checksum at `checksum_at` in it.
std::size_t seal(std::byte* frame, const Header& header, std::size_t size,
                 std::size_t checksum_at) noexcept {
  wire::write_mac(frame, header.eth_to);
  wire::write_mac(frame + wire::kEthernetSource, header.eth_from);
  wire::write16(frame + wire::kEthernetType, wire::kTypeIpv6);
  std::byte* const ip = frame + wire::kEthernetSize;
  constexpr std::uint32_t kVersion = 0x60000000;
  wire::write32(ip, kVersion | header.flow_label);
  wire::write16(ip + wire::kIpv6Length, static_cast<std::uint16_t>(size));
  wire::write8(ip + wire::kIpv6NextHeader, header.protocol);
  wire::write8(ip + wire::kIpv6HopLimit, header.hop_limit);
  write_address(ip + wire::kIpv6Source, header.from);
  write_address(ip + wire::kIpv6Destination, header.to);
  std::byte* const payload = ip + wire::kIpv6Size;
  wire::write16(payload + checksum_at, 0);
  wire::write16(payload + checksum_at,
                checksum6(header.protocol, header.from, header.to, payload, size));
  return kIpv6Payload + size;
}

std::size_t seal_reply(std::byte* frame, const Ipv6Frame& probe, const HostStyle& style,
                       std::size_t size, std::size_t checksum_at) noexcept {
  return seal(frame,
              {probe.eth_from, probe.eth_to, probe.to, probe.from, probe.protocol, style.ttl,
               style.flow_label},
              size, checksum_at);
}

}  // namespace

std::optional<Ipv6Frame> parse_ipv6(std::span<const std::byte> frame) noexcept {
  if (frame.size() < kIpv6Payload) return std::nullopt;
  const std::byte* const ip = frame.data() + wire::kEthernetSize;
  const std::size_t size = wire::read16(ip + wire::kIpv6Length);
  if (wire::read8(ip) >> 4U != 6 || size > frame.size() - kIpv6Payload) return std::nullopt;
  return Ipv6Frame{wire::read_mac(frame.data()),
                   wire::read_mac(frame.data() + wire::kEthernetSource),
                   read_address(ip + wire::kIpv6Source),
                   read_address(ip + wire::kIpv6Destination),
                   wire::read8(ip + wire::kIpv6NextHeader),
                   wire::read8(ip + wire::kIpv6HopLimit),
                   size};
}

std::uint16_t checksum6(std::uint8_t protocol, Ipv6Address from, Ipv6Address to,
                        const std::byte* payload, std::size_t size) noexcept {
  auto sum = wire::ChecksumPart::over(payload, size);
  for (const Ipv6Address address : {from, to}) {
    for (unsigned shift = 0; shift < 128; shift += 32) {
      sum.add(wire::swap32(static_cast<std::uint32_t>(address.value() >> shift)));
    }
  }
  sum.add(wire::swap32(static_cast<std::uint32_t>(size)));
  sum.add(wire::swap16(protocol));
  return wire::swap16(sum.finish());
}

std::optional<Ipv6Address> parse_solicitation(std::span<const std::byte> frame,
                                              const Ipv6Frame& packet) noexcept {
  // Duplicate address detection (from ::) is not for simulated hosts.
  if (packet.protocol != wire::kProtocolIcmpv6 || packet.hop_limit != kNeighbourHops ||
      packet.payload_size < kSolicitationSize || packet.from.value() == 0) {
    return std::nullopt;
  }
  const std::byte* const icmp = frame.data() + kIpv6Payload;
  const auto type_and_code = wire::read16(icmp);
  if (type_and_code != kSolicitation << 8U ||
      checksum6(packet.protocol, packet.from, packet.to, icmp, packet.payload_size) != 0) {
    return std::nullopt;
  }
  return read_address(icmp + 8);
}

std::size_t write_advertisement(std::span<std::byte> buffer, const Ipv6Frame& request,
                                Ipv6Address target, std::uint64_t mac, bool is_router) noexcept {
  if (buffer.size() < kIpv6Payload + kAdvertisementSize) return 0;
  constexpr std::uint32_t kRouter = 0x80000000;
  constexpr std::uint32_t kSolicitedOverride = 0x60000000;
  constexpr std::uint16_t kTargetLinkAddress = 0x0201;
  std::byte* const icmp = buffer.data() + kIpv6Payload;
  wire::write16(icmp, kAdvertisement << 8U);
  wire::write32(icmp + 4, kSolicitedOverride | (is_router ? kRouter : 0));
  write_address(icmp + 8, target);
  wire::write16(icmp + 24, kTargetLinkAddress);
  wire::write_mac(icmp + 26, mac);
  return seal(buffer.data(),
              {request.eth_from, mac, target, request.from, wire::kProtocolIcmpv6, kNeighbourHops},
              kAdvertisementSize, 2);
}

std::size_t write_echo_reply6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                              const HostStyle& style) noexcept {
  constexpr std::uint16_t kEchoReply = 129 << 8U;
  wire::write16(buffer.data() + kIpv6Payload, kEchoReply);
  return seal_reply(buffer.data(), probe, style, probe.payload_size, 2);
}

std::size_t write_syn_ack6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                           const TcpSegment& syn, std::uint32_t isn,
                           const HostStyle& style) noexcept {
  constexpr std::size_t kMostOptions = 40;
  if (buffer.size() < kIpv6Payload + wire::kTcpSize + kMostOptions) return 0;
  const std::size_t size = write_syn_ack_segment(buffer.data() + kIpv6Payload, syn, isn, style);
  return seal_reply(buffer.data(), probe, style, size, wire::kTcpChecksum);
}

std::size_t write_reset6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                         const TcpSegment& segment, bool with_ack,
                         const HostStyle& style) noexcept {
  if (buffer.size() < kIpv6Payload + wire::kTcpSize) return 0;
  const std::size_t size = write_reset_segment(buffer.data() + kIpv6Payload, segment, with_ack);
  return seal_reply(buffer.data(), probe, style, size, wire::kTcpChecksum);
}

std::size_t write_tcp6(std::span<std::byte> buffer, const Ipv6Frame& probe, std::size_t size,
                       const HostStyle& style) noexcept {
  Ipv6Frame asked = probe;
  asked.protocol = wire::kProtocolTcp;
  return seal_reply(buffer.data(), asked, style, size, wire::kTcpChecksum);
}

std::uint64_t host_mac6(Ipv6Address address) noexcept {
  const std::uint64_t mixed = mix64(static_cast<std::uint64_t>(address.value() >> 64U) ^
                                    mix64(static_cast<std::uint64_t>(address.value())));
  return 0x025600000000ULL | (mixed & 0xffffffffU);
}

}  // namespace trawl::simnet
