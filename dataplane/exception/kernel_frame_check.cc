#include "dataplane/exception/kernel_frame_check.h"

#include "dataplane/exception/scan_filter.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using Bytes = std::span<const std::byte>;
using Verdict = KernelFrameCheck::Verdict;

// RFC 8200 section 4; in units of eight bytes behind the first eight.
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kDestinationOptions = 60;

// Goes over options of IPv6 to what they are followed by; false when that is a header that leads
// elsewhere, or none that can be reached.
bool skip_options(Bytes& rest, std::uint8_t& next) noexcept {
  constexpr unsigned kMost = 8;
  for (unsigned i = 0; i < kMost; ++i) {
    if (next == kRouting) return false;
    if (next != kHopByHop && next != kDestinationOptions) return true;
    if (rest.size() < 8) return false;
    const std::size_t size = 8 + std::size_t{8} * wire::read8(rest.data() + 1);
    if (rest.size() < size) return false;
    next = wire::read8(rest.data());
    rest = rest.subspan(size);
  }
  return false;
}

}  // namespace

KernelFrameCheck::KernelFrameCheck(const ScanTraffic& traffic, std::optional<IpAddress> gateway)
    : scan_{scan_filter_config(traffic)}, gateway_{gateway} {}

Verdict KernelFrameCheck::judge(Bytes frame, const PacketGuard& guard) const noexcept {
  if (frame.size() < wire::kEthernetSize) return Verdict::Blocked;
  const Bytes packet = frame.subspan(wire::kEthernetSize);
  switch (wire::read16(frame.data() + wire::kEthernetType)) {
    case wire::kTypeArp:
      return packet.size() < wire::kArpSize ? Verdict::Blocked : Verdict::Allowed;
    case wire::kTypeIpv4: return judge_v4(packet, guard);
    case wire::kTypeIpv6: return judge_v6(packet, guard);
    default: return Verdict::Blocked;
  }
}

Verdict KernelFrameCheck::judge_v4(Bytes packet, const PacketGuard& guard) const noexcept {
  constexpr unsigned kOffset = 0x1fff;
  if (packet.size() < wire::kIpSize) return Verdict::Blocked;
  const std::uint8_t first = wire::read8(packet.data());
  const std::size_t header = std::size_t{first & 0x0fU} * 4;
  if (first >> 4U != 4 || header < wire::kIpSize || packet.size() < header) return Verdict::Blocked;
  const Ipv4Address to{wire::read32(packet.data() + wire::kIpDestination)};
  if (!guard.allows(to)) return Verdict::Blocked;
  if (!guard.allows_options(packet.subspan(wire::kIpSize, header - wire::kIpSize))) {
    return Verdict::Blocked;
  }
  if ((wire::read16(packet.data() + wire::kIpFragment) & kOffset) != 0) return Verdict::Allowed;
  const Ipv4Address from{wire::read32(packet.data() + wire::kIpSource)};
  const std::uint8_t protocol = wire::read8(packet.data() + wire::kIpProtocol);
  return is_scan_port(from, protocol, packet.subspan(header)) ? Verdict::ScanPort
                                                              : Verdict::Allowed;
}

Verdict KernelFrameCheck::judge_v6(Bytes packet, const PacketGuard& guard) const noexcept {
  if (packet.size() < wire::kIpv6Size || wire::read8(packet.data()) >> 4U != 6) {
    return Verdict::Blocked;
  }
  if (is_neighbour_discovery(packet)) return Verdict::Allowed;
  if (!guard.allows(wire::read_ipv6(packet.data() + wire::kIpv6Destination))) {
    return Verdict::Blocked;
  }
  std::uint8_t next = wire::read8(packet.data() + wire::kIpv6NextHeader);
  Bytes rest = packet.subspan(wire::kIpv6Size);
  if (!skip_options(rest, next)) return Verdict::Blocked;
  const Ipv6Address from = wire::read_ipv6(packet.data() + wire::kIpv6Source);
  return is_scan_port(from, next, rest) ? Verdict::ScanPort : Verdict::Allowed;
}

// A router passes none of it on: it is only valid with a hop limit that no router has lowered.
bool KernelFrameCheck::is_neighbour_discovery(Bytes packet) const noexcept {
  constexpr std::uint8_t kRouterSolicitation = 133;
  if (wire::read8(packet.data() + wire::kIpv6NextHeader) != wire::kProtocolIcmpv6) return false;
  if (wire::read8(packet.data() + wire::kIpv6HopLimit) != wire::kNeighbourHopLimit) return false;
  if (packet.size() < wire::kIpv6Size + wire::kIcmpSize) return false;
  const std::uint8_t type = wire::read8(packet.data() + wire::kIpv6Size);
  if (type < kRouterSolicitation || type > wire::kNeighbourAdvertisement) return false;
  const Ipv6Address to = wire::read_ipv6(packet.data() + wire::kIpv6Destination);
  const std::uint16_t top = wire::read16(packet.data() + wire::kIpv6Destination);
  const bool is_link_group = top == 0xff02;
  const bool is_link_local = (top & 0xffc0U) == 0xfe80;
  return is_link_group || is_link_local || (gateway_ && *gateway_ == IpAddress{to});
}

bool KernelFrameCheck::is_scan_port(const IpAddress& source, std::uint8_t protocol,
                                    Bytes transport) const noexcept {
  if (scan_.has_ports == 0) return false;
  if (source.is_v4() != (scan_.ether_type == wire::kTypeIpv4)) return false;
  if (protocol != wire::kProtocolTcp && protocol != wire::kProtocolUdp) return false;
  if (transport.size() < 2) return false;
  const Uint128 value = source.is_v4() ? Uint128{source.v4().value()} : source.v6().value();
  if (scan_filter_is_ours(&scan_, static_cast<__u64>(value >> 64U), static_cast<__u64>(value)) ==
      0) {
    return false;
  }
  return scan_filter_is_port(&scan_, wire::read16(transport.data() + wire::kTcpSourcePort)) != 0;
}

}  // namespace trawl::dataplane
