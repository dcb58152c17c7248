#include "dataplane/conversation/segment.h"

#include <type_traits>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

constexpr std::uint8_t kEndOfOptions = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kWindowScale = 3;
constexpr std::uint8_t kTimestamps = 8;
constexpr std::uint8_t kTimestampsSize = 10;

template <typename Address>
void read_options(std::span<const std::byte> options, BasicSegment<Address>& segment) noexcept {
  std::size_t at = 0;
  while (at < options.size()) {
    const std::uint8_t kind = wire::read8(options.data() + at);
    if (kind == kEndOfOptions) return;
    if (kind == kNoOperation) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size()) return;
    const std::uint8_t size = wire::read8(options.data() + at + 1);
    if (size < 2 || at + size > options.size()) return;
    if (kind == kTimestamps && size == kTimestampsSize) {
      segment.has_stamps = true;
      segment.stamp = wire::read32(options.data() + at + 2);
      segment.echo = wire::read32(options.data() + at + 6);
    }
    segment.scales |= kind == kWindowScale;
    at += size;
  }
}

template <typename Address>
bool read_tcp(std::span<const std::byte> tcp, BasicSegment<Address>& segment) noexcept {
  if (tcp.size() < wire::kTcpSize) return false;
  const std::byte* const at = tcp.data();
  const std::size_t header = std::size_t{wire::read8(at + wire::kTcpOffset)} / 16 * 4;
  if (header < wire::kTcpSize || header > tcp.size()) return false;
  segment.target.port = wire::read16(at + wire::kTcpSourcePort);
  segment.source_port = wire::read16(at + wire::kTcpDestinationPort);
  segment.sequence = wire::read32(at + wire::kTcpSequence);
  segment.ack = wire::read32(at + wire::kTcpAck);
  segment.flags = wire::read8(at + wire::kTcpFlags);
  segment.window = wire::read16(at + wire::kTcpWindow);
  segment.has_stamps = false;
  segment.scales = false;
  segment.stamp = 0;
  segment.echo = 0;
  read_options(tcp.subspan(wire::kTcpSize, header - wire::kTcpSize), segment);
  segment.data = tcp.subspan(header);
  return true;
}

bool read_ip(std::span<const std::byte> packet, BasicSegment<Ipv4Address>& segment) noexcept {
  constexpr std::uint16_t kMoreOrOffset = 0x3fff;
  if (packet.size() < wire::kIpSize) return false;
  const std::byte* const at = packet.data();
  const std::size_t header = std::size_t{wire::read8(at) & 0xfU} * 4;
  const std::size_t length = wire::read16(at + wire::kIpLength);
  if (wire::read8(at) >> 4U != 4 || header < wire::kIpSize) return false;
  if (length < header || length > packet.size()) return false;
  if ((wire::read16(at + wire::kIpFragment) & kMoreOrOffset) != 0) return false;
  if (wire::read8(at + wire::kIpProtocol) != wire::kProtocolTcp) return false;
  segment.target.ip = Ipv4Address{wire::read32(at + wire::kIpSource)};
  segment.source = Ipv4Address{wire::read32(at + wire::kIpDestination)};
  return read_tcp(packet.subspan(header, length - header), segment);
}

bool read_ip(std::span<const std::byte> packet, BasicSegment<Ipv6Address>& segment) noexcept {
  if (packet.size() < wire::kIpv6Size) return false;
  const std::byte* const at = packet.data();
  const std::size_t length = wire::read16(at + wire::kIpv6Length);
  if (wire::read8(at) >> 4U != 6 || length > packet.size() - wire::kIpv6Size) return false;
  if (wire::read8(at + wire::kIpv6NextHeader) != wire::kProtocolTcp) return false;
  segment.target.ip = wire::read_ipv6(at + wire::kIpv6Source);
  segment.source = wire::read_ipv6(at + wire::kIpv6Destination);
  return read_tcp(packet.subspan(wire::kIpv6Size, length), segment);
}

}  // namespace

template <typename Address>
bool read_segment(std::span<const std::byte> frame, VlanId vlan,
                  BasicSegment<Address>& segment) noexcept {
  constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;
  const std::size_t ethernet = wire::kEthernetSize + vlan.tag_size();
  if (frame.size() < ethernet) return false;
  const std::uint16_t type = wire::read16(frame.data() + ethernet - 2);
  if (type != (kIsV4 ? wire::kTypeIpv4 : wire::kTypeIpv6)) return false;
  return read_ip(frame.subspan(ethernet), segment);
}

template bool read_segment(std::span<const std::byte>, VlanId, BasicSegment<Ipv4Address>&) noexcept;
template bool read_segment(std::span<const std::byte>, VlanId, BasicSegment<Ipv6Address>&) noexcept;

}  // namespace trawl::dataplane
