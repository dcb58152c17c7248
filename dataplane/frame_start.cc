#include "dataplane/frame_start.h"

#include <algorithm>
#include <cstring>

namespace trawl::dataplane {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;

}  // namespace

FrameStart::FrameStart(const ProbeSource& source, std::uint8_t protocol, ByteCount packet) noexcept
    : ip_{wire::kEthernetSize + source.vlan.tag_size()}, packet_{packet} {
  const auto length = static_cast<std::uint16_t>(packet.count());
  std::memcpy(bytes_.data() + wire::kEthernetSource, source.mac.bytes().data(), 6);
  if (source.vlan.tagged()) {
    wire::write16(bytes_.data() + wire::kEthernetType, wire::kTypeVlan);
    wire::write16(bytes_.data() + wire::kVlanTag, source.vlan.id());
  }
  wire::write16(bytes_.data() + ip_ - 2, wire::kTypeIpv4);
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

void FrameStart::prepare(std::byte* frame) const noexcept {
  std::copy_n(bytes_.begin(), payload(), frame);
}

}  // namespace trawl::dataplane
