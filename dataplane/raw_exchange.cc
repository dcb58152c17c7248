#include "dataplane/raw_exchange.h"

#include <algorithm>
#include <optional>

#include "base/hash.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint16_t kFragmentBits = 0x3fff;  // More fragments, and the offset.
constexpr std::uint8_t kEchoReply = 0;           // RFC 792.
constexpr std::uint8_t kEcho = 8;
constexpr std::uint8_t kUnreachable = 3;
constexpr std::uint8_t kTimeExceeded = 11;
constexpr std::uint8_t kEchoReply6 = 129;  // RFC 4443; its errors are below 128.
constexpr std::uint8_t kEcho6 = 128;
constexpr std::size_t kTransport = 8;  // As much of TCP, UDP and ICMP as errors are sure to quote.
constexpr std::size_t kIcmpId = 4;

// The size of the IPv4 header, 0 for none or one without a transport header behind it.
std::size_t header_of(Bytes packet) noexcept {
  if (packet.size() < wire::kIpSize) return 0;
  const std::uint8_t first = wire::read8(packet.data());
  const std::size_t size = std::size_t{first & 0x0fU} * 4;
  if (first >> 4U != 4 || size < wire::kIpSize || packet.size() < size + kTransport) return 0;
  return size;
}

bool is_v6(Bytes packet) noexcept {
  return packet.size() >= wire::kIpv6Size + kTransport && wire::read8(packet.data()) >> 4U == 6;
}

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == wire::kProtocolTcp || protocol == wire::kProtocolUdp;
}

IpAddress v4_at(const std::byte* at) noexcept { return Ipv4Address{wire::read32(at)}; }

}  // namespace

std::uint64_t PeerSet::key_of(const IpAddress& peer) noexcept {
  const Uint128 value = peer.v6().value();
  const std::uint64_t family = peer.is_v4() ? 4 : 6;
  const std::uint64_t key = mix64(static_cast<std::uint64_t>(value) ^
                                  mix64(static_cast<std::uint64_t>(value >> 64U) + family));
  return key == 0 ? 1 : key;
}

bool PeerSet::add(const IpAddress& peer) noexcept {
  const std::uint64_t key = key_of(peer);
  for (auto& place : bucket_of(key).keys) {
    if (place.load(std::memory_order_relaxed) != 0) continue;
    place.store(key, std::memory_order_release);
    return true;
  }
  return false;
}

void PeerSet::remove(const IpAddress& peer) noexcept {
  const std::uint64_t key = key_of(peer);
  for (auto& place : bucket_of(key).keys) {
    if (place.load(std::memory_order_relaxed) != key) continue;
    place.store(0, std::memory_order_release);
    return;
  }
}

bool PeerSet::has(const IpAddress& peer) const noexcept {
  const std::uint64_t key = key_of(peer);
  const auto& keys = bucket_of(key).keys;
  return std::any_of(keys.begin(), keys.end(), [key](const auto& place) {
    return place.load(std::memory_order_acquire) == key;
  });
}

// Whether a packet, of which the start is enough, is one of ours; where it goes to.
bool RawExchange::is_from_us(Bytes packet, IpAddress& peer) const noexcept {
  if (source_.is_v4()) {
    const std::size_t header = header_of(packet);
    if (header == 0 || v4_at(packet.data() + wire::kIpSource) != source_) return false;
    peer = v4_at(packet.data() + wire::kIpDestination);
    const std::uint8_t protocol = wire::read8(packet.data() + wire::kIpProtocol);
    const std::byte* const transport = packet.data() + header;
    if (has_ports(protocol)) return is_ours(wire::read16(transport));
    return protocol == wire::kProtocolIcmp && wire::read8(transport) == kEcho &&
           is_ours(wire::read16(transport + kIcmpId));
  }
  if (!is_v6(packet)) return false;
  if (IpAddress{wire::read_ipv6(packet.data() + wire::kIpv6Source)} != source_) return false;
  peer = wire::read_ipv6(packet.data() + wire::kIpv6Destination);
  const std::uint8_t protocol = wire::read8(packet.data() + wire::kIpv6NextHeader);
  const std::byte* const transport = packet.data() + wire::kIpv6Size;
  if (has_ports(protocol)) return is_ours(wire::read16(transport));
  return protocol == wire::kProtocolIcmpv6 && wire::read8(transport) == kEcho6 &&
         is_ours(wire::read16(transport + kIcmpId));
}

RawExchange::Sending RawExchange::send(Bytes packet, Ticks not_before, std::uint64_t tag) noexcept {
  IpAddress peer;
  if (packet.size() > RawPacket::kMostBytes || !is_from_us(packet, peer)) return Sending::Refused;
  // Options could lead it past the guard.
  const bool is_plain =
      source_.is_v4()
          ? header_of(packet) == wire::kIpSize &&
                wire::read16(packet.data() + wire::kIpLength) == packet.size()
          : wire::read16(packet.data() + wire::kIpv6Length) + wire::kIpv6Size == packet.size();
  if (!is_plain) return Sending::Refused;
  RawPacket copy;
  copy.not_before = not_before;
  copy.tag = tag;
  copy.size = static_cast<std::uint16_t>(packet.size());
  std::copy(packet.begin(), packet.end(), copy.bytes.begin());
  return outgoing_.put(copy) ? Sending::Queued : Sending::Full;
}

bool RawExchange::wants_v4(Bytes packet) const noexcept {
  const std::size_t header = header_of(packet);
  if (header == 0 || v4_at(packet.data() + wire::kIpDestination) != source_) return false;
  if ((wire::read16(packet.data() + wire::kIpFragment) & kFragmentBits) != 0) return false;
  const std::uint8_t protocol = wire::read8(packet.data() + wire::kIpProtocol);
  const Bytes transport = packet.subspan(header);
  const IpAddress from = v4_at(packet.data() + wire::kIpSource);
  if (has_ports(protocol)) {
    return is_ours(wire::read16(transport.data() + wire::kTcpDestinationPort)) && peers_.has(from);
  }
  if (protocol != wire::kProtocolIcmp) return false;
  const std::uint8_t type = wire::read8(transport.data());
  if (type == kEchoReply) {
    return is_ours(wire::read16(transport.data() + kIcmpId)) && peers_.has(from);
  }
  IpAddress peer;
  return (type == kUnreachable || type == kTimeExceeded) &&
         is_from_us(transport.subspan(kTransport), peer) && peers_.has(peer);
}

bool RawExchange::wants_v6(Bytes packet) const noexcept {
  if (!is_v6(packet)) return false;
  if (IpAddress{wire::read_ipv6(packet.data() + wire::kIpv6Destination)} != source_) return false;
  const std::uint8_t protocol = wire::read8(packet.data() + wire::kIpv6NextHeader);
  const Bytes transport = packet.subspan(wire::kIpv6Size);
  const IpAddress from = wire::read_ipv6(packet.data() + wire::kIpv6Source);
  if (has_ports(protocol)) {
    return is_ours(wire::read16(transport.data() + wire::kTcpDestinationPort)) && peers_.has(from);
  }
  if (protocol != wire::kProtocolIcmpv6) return false;
  const std::uint8_t type = wire::read8(transport.data());
  if (type == kEchoReply6) {
    return is_ours(wire::read16(transport.data() + kIcmpId)) && peers_.has(from);
  }
  IpAddress peer;
  return type < kEcho6 && is_from_us(transport.subspan(kTransport), peer) && peers_.has(peer);
}

bool RawExchange::wants(Bytes frame) const noexcept {
  const std::size_t size = wire::kEthernetSize + vlan_.tag_size();
  if (frame.size() < size) return false;
  std::size_t type = wire::kEthernetType;
  if (vlan_.tagged()) {
    constexpr std::uint16_t kIdBits = 0xfff;
    if (wire::read16(frame.data() + type) != wire::kTypeVlan) return false;
    if ((wire::read16(frame.data() + wire::kVlanTag) & kIdBits) != vlan_.id()) return false;
    type += wire::kVlanTagSize;
  }
  switch (wire::read16(frame.data() + type)) {
    case wire::kTypeIpv4: return source_.is_v4() && wants_v4(frame.subspan(size));
    case wire::kTypeIpv6: return !source_.is_v4() && wants_v6(frame.subspan(size));
    default: return false;
  }
}

bool RawExchange::pass(Bytes frame, Ticks now) noexcept {
  const Bytes rest = frame.subspan(wire::kEthernetSize + vlan_.tag_size());
  // Without what Ethernet padded it with.
  const std::size_t told = source_.is_v4()
                               ? wire::read16(rest.data() + wire::kIpLength)
                               : wire::read16(rest.data() + wire::kIpv6Length) + wire::kIpv6Size;
  return config_.received->offer(rest.first(std::min(told, rest.size())), {.at = now});
}

}  // namespace trawl::dataplane
