#include "dataplane/probe_template.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>

namespace trawl::dataplane {

ProbeTemplate::ProbeTemplate(ProbeKind kind, const ProbeSource& source,
                             std::shared_ptr<const UdpPayloads> payloads)
    : mac_{source.mac},
      ip_{wire::kEthernetSize + source.vlan.tag_size()},
      protocol_{protocol_of(kind)},
      of_kind_{make(kind, source, std::move(payloads))} {}

ProbeTemplate::OfKind ProbeTemplate::make(ProbeKind kind, const ProbeSource& source,
                                          std::shared_ptr<const UdpPayloads> payloads) {
  switch (kind) {
    case ProbeKind::TcpSyn: break;
    case ProbeKind::TcpAck: return TcpAckTemplate{source};
    case ProbeKind::IcmpEcho: return IcmpEchoTemplate{source};
    case ProbeKind::IcmpTimestamp: return IcmpTimestampTemplate{source};
    case ProbeKind::Udp: return UdpTemplate{source, std::move(payloads)};
  }
  return TcpSynTemplate{source};
}

ByteCount ProbeTemplate::frame_size(ProbeKind kind, const UdpPayloads* payloads,
                                    std::span<const std::uint16_t> ports) noexcept {
  constexpr ByteCount kEthernet{wire::kEthernetSize};
  switch (kind) {
    case ProbeKind::TcpSyn: break;
    case ProbeKind::TcpAck: return kEthernet + TcpAckTemplate::kPacketSize;
    case ProbeKind::IcmpEcho: return kEthernet + IcmpEchoTemplate::kPacketSize;
    case ProbeKind::IcmpTimestamp: return kEthernet + IcmpTimestampTemplate::kPacketSize;
    case ProbeKind::Udp: return UdpTemplate::mean_frame_size(*payloads, ports);
  }
  return kEthernet + TcpSynTemplate::kPacketSize;
}

// Adds to checksums what 0.0.0.0 did not (RFC 1624).
void ProbeTemplate::set_source(std::byte* frame, Ipv4Address source) const noexcept {
  const std::uint32_t address = wire::swap32(source.value());
  const auto add_to = [frame, address](std::size_t at) noexcept {
    std::uint16_t old;
    std::memcpy(&old, frame + at, sizeof old);
    wire::ChecksumPart sum;
    sum.add(static_cast<std::uint16_t>(~old));
    sum.add(address);
    return sum.finish();
  };
  const std::size_t payload = ip_ + wire::kIpSize;
  wire::store(frame + ip_ + wire::kIpChecksum, add_to(ip_ + wire::kIpChecksum));
  wire::store(frame + ip_ + wire::kIpSource, address);
  if (protocol_ == Protocol::Tcp) {
    wire::store(frame + payload + wire::kTcpChecksum, add_to(payload + wire::kTcpChecksum));
  } else if (protocol_ == Protocol::Udp) {
    const std::uint16_t checksum = add_to(payload + wire::kUdpChecksum);
    wire::store(frame + payload + wire::kUdpChecksum,
                checksum == 0 ? std::uint16_t{0xffff} : checksum);
  }
}

std::uint64_t ProbeTemplate::frame_head(MacAddress next_hop) const noexcept {
  std::array<std::uint8_t, sizeof(std::uint64_t)> bytes;
  const auto hop = next_hop.bytes();
  const auto own = mac_.bytes();
  std::copy(hop.begin(), hop.end(), bytes.begin());
  std::copy_n(own.begin(), bytes.size() - hop.size(), bytes.begin() + hop.size());
  return std::bit_cast<std::uint64_t>(bytes);
}

}  // namespace trawl::dataplane
