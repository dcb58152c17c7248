#include "dataplane/conversation/segment_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace trawl::dataplane {

template <typename Address>
BasicSegmentWriter<Address>::BasicSegmentWriter(MacAddress mac, VlanId vlan,
                                                std::shared_ptr<const ConversationPlan> plan)
    : plan_{std::move(plan)}, ip_{wire::kEthernetSize + vlan.tag_size()} {
  for (const auto& payload : plan_->payloads) {
    sums_.push_back(wire::ChecksumPart::over(payload.data(), payload.size()));
  }
  std::memcpy(ethernet_.data() + wire::kEthernetSource, mac.bytes().data(), 6);
  if (vlan.tagged()) {
    wire::write16(ethernet_.data() + wire::kEthernetType, wire::kTypeVlan);
    wire::write16(ethernet_.data() + wire::kVlanTag, vlan.id());
  }
  wire::write16(ethernet_.data() + ip_ - 2, kIsV4 ? wire::kTypeIpv4 : wire::kTypeIpv6);
}

template <typename Address>
std::size_t BasicSegmentWriter<Address>::write(
    std::byte* frame, std::uint64_t head, const BasicOutgoing<Address>& segment) const noexcept {
  constexpr std::uint32_t kStampsOption = 0x0101080a;  // Two no-ops, kind 8, length 10.
  const std::size_t header = wire::kTcpSize + (segment.has_stamps ? kTimestamps : 0U);
  const std::size_t size = header + segment.length;
  std::copy_n(ethernet_.begin(), ip_, frame);
  wire::store(frame, head);
  wire::ChecksumPart sum = write_ip(frame + ip_, segment, size);

  std::byte* const tcp = frame + ip_ + kIpHeader;
  wire::write16(tcp + wire::kTcpSourcePort, segment.source_port);
  wire::write16(tcp + wire::kTcpDestinationPort, segment.target.port);
  wire::write32(tcp + wire::kTcpSequence, segment.sequence);
  wire::write32(tcp + wire::kTcpAck, segment.ack);
  wire::write8(tcp + wire::kTcpOffset, static_cast<std::uint8_t>(header / 4 << 4U));
  wire::write8(tcp + wire::kTcpFlags, segment.flags);
  wire::write16(tcp + wire::kTcpWindow, segment.window);
  wire::write32(tcp + wire::kTcpChecksum, 0);  // And the urgent pointer.
  if (segment.has_stamps) {
    wire::write32(tcp + wire::kTcpSize, kStampsOption);
    wire::write32(tcp + wire::kTcpSize + 4, segment.stamp);
    wire::write32(tcp + wire::kTcpSize + 8, segment.echo);
  }
  sum.add(wire::ChecksumPart::over(tcp, header));
  if (segment.length > 0) {
    const auto& payload = plan_->payloads[segment.payload];
    std::memcpy(tcp + header, payload.data() + segment.offset, segment.length);
    sum.add(segment.length == payload.size()
                ? sums_[segment.payload]
                : wire::ChecksumPart::over(tcp + header, segment.length));
  }
  wire::store(tcp + wire::kTcpChecksum, sum.finish());
  return ip_ + kIpHeader + size;
}

// The IP header in front of `length` bytes. Returns the sum of the pseudo-header.
template <typename Address>
wire::ChecksumPart BasicSegmentWriter<Address>::write_ip(std::byte* packet,
                                                         const BasicOutgoing<Address>& segment,
                                                         std::size_t length) const noexcept {
  std::fill_n(packet, kIpHeader, std::byte{0});
  wire::ChecksumPart sum;
  sum.add(wire::in_frame(segment.source));
  sum.add(wire::in_frame(segment.target.ip));
  sum.add(wire::swap16(wire::kProtocolTcp));
  sum.add(wire::swap16(static_cast<std::uint16_t>(length)));
  if constexpr (kIsV4) {
    constexpr std::uint8_t kVersionAndWords = 0x45;
    // Fragments of different segments must not be put together: RFC 6864 section 4.
    const std::uint32_t id = (segment.sequence ^ segment.ack) * 0x9e3779b1U;
    wire::write8(packet, kVersionAndWords);
    wire::write16(packet + wire::kIpLength, static_cast<std::uint16_t>(wire::kIpSize + length));
    wire::write16(packet + wire::kIpId, static_cast<std::uint16_t>(id >> 16U));
    wire::write8(packet + wire::kIpTtl, plan_->ttl);
    wire::write8(packet + wire::kIpProtocol, wire::kProtocolTcp);
    wire::store(packet + wire::kIpSource, wire::in_frame(segment.source));
    wire::store(packet + wire::kIpDestination, wire::in_frame(segment.target.ip));
    wire::store(packet + wire::kIpChecksum,
                wire::ChecksumPart::over_fixed<wire::kIpSize>(packet).finish());
  } else {
    wire::write8(packet, 6U << 4U);
    wire::write16(packet + wire::kIpv6Length, static_cast<std::uint16_t>(length));
    wire::write8(packet + wire::kIpv6NextHeader, wire::kProtocolTcp);
    wire::write8(packet + wire::kIpv6HopLimit, plan_->ttl);
    wire::store(packet + wire::kIpv6Source, wire::in_frame(segment.source));
    wire::store(packet + wire::kIpv6Destination, wire::in_frame(segment.target.ip));
  }
  return sum;
}

template class BasicSegmentWriter<Ipv4Address>;
template class BasicSegmentWriter<Ipv6Address>;

}  // namespace trawl::dataplane
