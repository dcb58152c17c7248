#include "dataplane/frame_start.h"

#include <algorithm>
#include <cstring>

namespace trawl::dataplane {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;

// The Ethernet header in front of a packet of `type`.
template <std::size_t Size>
void write_ethernet(std::array<std::byte, Size>& bytes, MacAddress mac, VlanId vlan,
                    std::uint16_t type) noexcept {
  std::memcpy(bytes.data() + wire::kEthernetSource, mac.bytes().data(), 6);
  if (vlan.tagged()) {
    wire::write16(bytes.data() + wire::kEthernetType, wire::kTypeVlan);
    wire::write16(bytes.data() + wire::kVlanTag, vlan.id());
  }
  wire::write16(bytes.data() + wire::kEthernetType + vlan.tag_size(), type);
}

}  // namespace

BasicFrameStart<Ipv4Address>::BasicFrameStart(const ProbeSource& source, std::uint8_t protocol,
                                              ByteCount packet) noexcept
    : ip_{wire::kEthernetSize + source.vlan.tag_size()}, packet_{packet} {
  const auto length = static_cast<std::uint16_t>(packet.count());
  write_ethernet(bytes_, source.mac, source.vlan, wire::kTypeIpv4);
  std::byte* const header = bytes_.data() + ip();
  header[0] = std::byte{0x45};
  wire::write16(header + wire::kIpLength, length);
  wire::write16(header + wire::kIpFragment, kDontFragment);
  header[wire::kIpTtl] = std::byte{source.ttl};
  header[wire::kIpProtocol] = std::byte{protocol};
  wire::write32(header + wire::kIpSource, source.address.value());
  sum_ = wire::ChecksumPart::over(header, wire::kIpSize);
  pseudo_header_.add(wire::swap32(source.address.value()));
  pseudo_header_.add(wire::swap16(protocol));
  pseudo_header_.add(wire::swap16(static_cast<std::uint16_t>(length - wire::kIpSize)));
}

void BasicFrameStart<Ipv4Address>::prepare(std::byte* frame) const noexcept {
  std::copy_n(bytes_.begin(), payload(), frame);
}

BasicFrameStart<Ipv6Address>::BasicFrameStart(const ProbeSource6& source, std::uint8_t protocol,
                                              ByteCount packet) noexcept
    : ip_{wire::kEthernetSize + source.vlan.tag_size()}, packet_{packet} {
  constexpr std::uint8_t kVersion = 6U << 4U;
  const auto length = static_cast<std::uint16_t>(packet.count() - wire::kIpv6Size);
  write_ethernet(bytes_, source.mac, source.vlan, wire::kTypeIpv6);
  std::byte* const header = bytes_.data() + ip();
  header[0] = std::byte{kVersion};
  wire::write16(header + wire::kIpv6Length, length);
  header[wire::kIpv6NextHeader] = std::byte{protocol};
  header[wire::kIpv6HopLimit] = std::byte{source.ttl};
  wire::store(header + wire::kIpv6Source, wire::in_frame(source.address));
  pseudo_header_.add(wire::in_frame(source.address));
  pseudo_header_.add(wire::swap16(protocol));
  pseudo_header_.add(wire::swap16(length));
}

void BasicFrameStart<Ipv6Address>::prepare(std::byte* frame) const noexcept {
  std::copy_n(bytes_.begin(), payload(), frame);
}

}  // namespace trawl::dataplane
