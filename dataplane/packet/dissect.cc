#include "dataplane/packet/dissect.h"

#include <algorithm>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using namespace wire;
using Bytes = std::span<const std::byte>;

constexpr std::uint8_t kProtocolSctp = 132;

// The header of IP: fills in what it says, and returns what follows it.
std::optional<Bytes> read_v4(Bytes bytes, PacketFacts& facts, bool is_quoted) noexcept {
  constexpr std::uint16_t kOffsetMask = 0x1fff;
  if (bytes.size() < kIpSize) return std::nullopt;
  const std::byte* const at = bytes.data();
  const std::size_t header = (read8(at) & 0xfU) * 4U;
  if (header < kIpSize || bytes.size() < header) return std::nullopt;
  if ((read16(at + kIpFragment) & kOffsetMask) != 0) return std::nullopt;
  facts.source = Ipv4Address{read32(at + kIpSource)};
  facts.destination = Ipv4Address{read32(at + kIpDestination)};
  facts.protocol = read8(at + kIpProtocol);
  facts.ttl = read8(at + kIpTtl);
  facts.id = read16(at + kIpId);
  facts.length = read16(at + kIpLength);
  // A frame may be padded behind the packet. A quoted packet is longer than what is quoted, and
  // some hosts write its length anew.
  const std::size_t size =
      is_quoted ? bytes.size() : std::clamp<std::size_t>(facts.length, header, bytes.size());
  return bytes.first(size).subspan(header);
}

std::optional<Bytes> read_v6(Bytes bytes, PacketFacts& facts) noexcept {
  if (bytes.size() < kIpv6Size) return std::nullopt;
  const std::byte* const at = bytes.data();
  facts.source = read_ipv6(at + kIpv6Source);
  facts.destination = read_ipv6(at + kIpv6Destination);
  // IPv4-mapped addresses are on no wire (RFC 4291 section 2.5.5.2), and would pass for IPv4 here.
  if (facts.source.is_v4() || facts.destination.is_v4()) return std::nullopt;
  facts.ttl = read8(at + kIpv6HopLimit);
  const std::size_t length = kIpv6Size + read16(at + kIpv6Length);
  facts.length = static_cast<std::uint16_t>(std::min<std::size_t>(length, 0xffff));
  Bytes rest = bytes.first(std::min(bytes.size(), length)).subspan(kIpv6Size);
  std::uint8_t next = read8(at + kIpv6NextHeader);
  // Extension headers: RFC 8200 section 4. More than a few are nobody's honest packet.
  for (int i = 0; i < 8; ++i) {
    constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kOptions = 60;
    const bool fragment = next == kProtocolFragment;
    if (next != kHopByHop && next != kRouting && next != kOptions && !fragment) break;
    if (rest.size() < 8) return std::nullopt;
    if (fragment && (read16(rest.data() + 2) & 0xfff8U) != 0) return std::nullopt;
    const std::size_t size = fragment ? 8 : (read8(rest.data() + 1) + std::size_t{1}) * 8;
    if (rest.size() < size) return std::nullopt;
    next = read8(rest.data());
    rest = rest.subspan(size);
  }
  facts.protocol = next;
  return rest;
}

std::optional<Bytes> read_ip(Bytes bytes, PacketFacts& facts, bool is_quoted) noexcept {
  if (bytes.empty()) return std::nullopt;
  switch (read8(bytes.data()) >> 4U) {
    case 4: return read_v4(bytes, facts, is_quoted);
    case 6: return read_v6(bytes, facts);
    default: return std::nullopt;
  }
}

void read_ports(Bytes rest, PacketFacts& facts) noexcept {
  facts.source_port = read16(rest.data());
  facts.destination_port = read16(rest.data() + 2);
}

// What is left of a quoted packet: eight bytes at least (RFC 792).
void read_quoted(Bytes rest, PacketFacts& facts) noexcept {
  if (rest.size() < 8) return;
  switch (facts.protocol) {
    case kProtocolTcp:
      read_ports(rest, facts);
      facts.sequence = read32(rest.data() + kTcpSequence);
      break;
    case kProtocolUdp: read_ports(rest, facts); break;
    case kProtocolSctp:
      read_ports(rest, facts);
      facts.tag = read32(rest.data() + 4);
      break;
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      facts.icmp_type = read8(rest.data());
      facts.icmp_code = read8(rest.data() + 1);
      facts.icmp_rest = read32(rest.data() + kIcmpId);
      break;
    default: break;
  }
}

bool is_error(const PacketFacts& facts) noexcept {
  if (facts.protocol == kProtocolIcmpv6) return facts.icmp_type < 128;
  constexpr std::uint8_t kSourceQuench = 4, kRedirect = 5, kParameterProblem = 12;
  const std::uint8_t type = facts.icmp_type;
  return type == kIcmpUnreachable || type == kIcmpTimeExceeded || type == kSourceQuench ||
         type == kRedirect || type == kParameterProblem;
}

bool read_transport(Bytes rest, PacketFacts& facts) noexcept {
  const std::byte* const at = rest.data();
  switch (facts.protocol) {
    case kProtocolTcp:
      if (rest.size() < kTcpSize || read8(at + kTcpOffset) >> 4U < kTcpSize / 4) return false;
      read_ports(rest, facts);
      facts.sequence = read32(at + kTcpSequence);
      facts.ack = read32(at + kTcpAck);
      facts.flags = read8(at + kTcpFlags);
      facts.window = read16(at + kTcpWindow);
      return true;
    case kProtocolUdp:
      if (rest.size() < kUdpSize) return false;
      read_ports(rest, facts);
      return true;
    case kProtocolSctp:
      if (rest.size() < 16) return false;
      read_ports(rest, facts);
      facts.tag = read32(at + 4);
      facts.chunk = read8(at + 12);
      return true;
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      if (rest.size() < kIcmpSize) return false;
      facts.icmp_type = read8(at);
      facts.icmp_code = read8(at + 1);
      facts.icmp_rest = read32(at + kIcmpId);
      return true;
    default: return true;
  }
}

}  // namespace

std::optional<Dissection> dissect_packet(Bytes packet) noexcept {
  Dissection found;
  const auto rest = read_ip(packet, found.packet, false);
  if (!rest || !read_transport(*rest, found.packet)) return std::nullopt;
  const std::uint8_t protocol = found.packet.protocol;
  if ((protocol == kProtocolIcmp || protocol == kProtocolIcmpv6) && is_error(found.packet)) {
    PacketFacts quoted;
    if (const auto inner = read_ip(rest->subspan(kIcmpSize), quoted, true)) {
      read_quoted(*inner, quoted);
      found.quoted = quoted;
    }
  }
  return found;
}

std::optional<NeighbourAnswer> dissect_neighbour_answer(Bytes frame) noexcept {
  if (frame.size() < kEthernetSize) return std::nullopt;
  const std::byte* const body = frame.data() + kEthernetSize;
  const std::uint16_t type = read16(frame.data() + kEthernetType);
  if (type == kTypeArp) {
    if (frame.size() < kEthernetSize + kArpSize || read16(body + kArpOperation) != kArpReply) {
      return std::nullopt;
    }
    return NeighbourAnswer{Ipv4Address{read32(body + kArpSenderIp)},
                           MacAddress::from_integer(read_mac(body + kArpSenderMac))};
  }
  constexpr std::size_t kSmallest = kEthernetSize + kIpv6Size + kNeighbourSize;
  if (type != kTypeIpv6 || frame.size() < kSmallest ||
      read8(body + kIpv6NextHeader) != kProtocolIcmpv6 ||
      read8(body + kIpv6HopLimit) != kNeighbourHopLimit) {
    return std::nullopt;
  }
  const std::byte* const icmp = body + kIpv6Size;
  if (read8(icmp) != kNeighbourAdvertisement) return std::nullopt;
  NeighbourAnswer answer{read_ipv6(icmp + kNeighbourTarget),
                         MacAddress::from_integer(read_mac(frame.data() + kEthernetSource))};
  const std::byte* const option = icmp + kNeighbourSize;
  if (frame.size() >= kSmallest + kLinkAddressOption && read8(option) == kTargetLinkAddress &&
      read8(option + 1) == 1) {
    answer.mac = MacAddress::from_integer(read_mac(option + 2));
  }
  return answer;
}

}  // namespace trawl::dataplane
