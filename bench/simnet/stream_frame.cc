#include "bench/simnet/stream_frame.h"

namespace trawl::simnet {

std::size_t write_stream_segment(std::span<std::byte> frame, const StreamSegment& segment,
                                 std::size_t payload_size) noexcept {
  constexpr std::uint32_t kVersionAndSize = 0x4500;
  constexpr std::uint32_t kDontFragment = 0x4000;
  constexpr std::uint32_t kTimestamps = 0x0101080a;  // Two NOPs, kind and size.
  const std::size_t size = segment.payload_at() + payload_size;
  if (frame.size() < size) return 0;
  const std::size_t ip_size = size - wire::kEthernetSize;
  std::byte* const ip = frame.data() + wire::kEthernetSize;
  wire::write_mac(frame.data(), segment.eth_to);
  wire::write_mac(frame.data() + wire::kEthernetSource, segment.eth_from);
  wire::write16(frame.data() + wire::kEthernetType, wire::kTypeIpv4);
  wire::write32(ip, (kVersionAndSize << 16U) | static_cast<std::uint32_t>(ip_size));
  wire::write32(ip + wire::kIpId, (std::uint32_t{segment.ip_id} << 16U) | kDontFragment);
  wire::write32(ip + wire::kIpTtl,
                (std::uint32_t{segment.ttl} << 24U) | (std::uint32_t{wire::kProtocolTcp} << 16U));
  wire::write32(ip + wire::kIpSource, segment.from.value());
  wire::write32(ip + wire::kIpDestination, segment.to.value());
  wire::store(ip + wire::kIpChecksum, wire::ChecksumPart::over_fixed<wire::kIpSize>(ip).finish());
  std::byte* const tcp = ip + wire::kIpSize;
  const std::size_t tcp_size = ip_size - wire::kIpSize;
  const auto words = static_cast<std::uint32_t>((tcp_size - payload_size) / 4);
  wire::write16(tcp, segment.from_port);
  wire::write16(tcp + wire::kTcpDestinationPort, segment.to_port);
  wire::write32(tcp + wire::kTcpSequence, segment.seq);
  wire::write32(tcp + wire::kTcpAck, segment.ack);
  wire::write32(tcp + wire::kTcpOffset,
                (words << 28U) | (std::uint32_t{segment.flags} << 16U) | segment.window);
  wire::write32(tcp + wire::kTcpChecksum, 0);
  if (segment.has_timestamps) {
    wire::write32(tcp + wire::kTcpSize, kTimestamps);
    wire::write32(tcp + wire::kTcpSize + 4, segment.timestamp);
    wire::write32(tcp + wire::kTcpSize + 8, segment.echo);
  }
  wire::write16(tcp + wire::kTcpChecksum, tcp_checksum(segment.from, segment.to, tcp, tcp_size));
  return size;
}

}  // namespace trawl::simnet
