#include "dataplane/syn_ack_head.h"

#include <cstring>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

constexpr std::size_t kTcpUrgentPointer = 18;

// Fills in what the IPv4 header says; the segment, empty when there is none.
std::span<const std::byte> read_ipv4(std::span<const std::byte> packet, SynAckHead& head) noexcept {
  constexpr std::uint16_t kMoreOrOffset = 0x3fff;
  const std::byte* const at = packet.data();
  if (packet.size() < wire::kIpSize) return {};
  const std::size_t header = std::size_t{4} * (wire::read8(at) & 0x0fU);
  const std::size_t length = wire::read16(at + wire::kIpLength);
  if (header < wire::kIpSize || length < header || length > packet.size()) return {};
  if (wire::read8(at + wire::kIpProtocol) != wire::kProtocolTcp) return {};
  head.fragment = wire::read16(at + wire::kIpFragment);
  if ((head.fragment & kMoreOrOffset) != 0) return {};
  head.ip_version = 4;
  head.ttl = wire::read8(at + wire::kIpTtl);
  head.traffic_class = wire::read8(at + 1);
  head.ip_options_size = static_cast<std::uint8_t>(header - wire::kIpSize);
  head.ip_id = wire::read16(at + wire::kIpId);
  head.has_flow_label = false;
  return packet.subspan(header, length - header);
}

std::span<const std::byte> read_ipv6(std::span<const std::byte> packet, SynAckHead& head) noexcept {
  constexpr std::uint32_t kLabel = 0xfffff;
  constexpr unsigned kTrafficClass = 20;
  const std::byte* const at = packet.data();
  if (packet.size() < wire::kIpv6Size) return {};
  const std::size_t length = wire::read16(at + wire::kIpv6Length);
  if (length > packet.size() - wire::kIpv6Size) return {};
  if (wire::read8(at + wire::kIpv6NextHeader) != wire::kProtocolTcp) return {};
  const std::uint32_t start = wire::read32(at);
  head.ip_version = 6;
  head.ttl = wire::read8(at + wire::kIpv6HopLimit);
  head.traffic_class = static_cast<std::uint8_t>(start >> kTrafficClass);
  head.ip_options_size = 0;
  head.fragment = 0;
  head.ip_id = 0;
  head.has_flow_label = (start & kLabel) != 0;
  return packet.subspan(wire::kIpv6Size, length);
}

}  // namespace

bool read_syn_ack_head(std::span<const std::byte> packet, SynAckHead& head) noexcept {
  if (packet.empty()) return false;
  std::span<const std::byte> segment;
  const unsigned version = wire::read8(packet.data()) >> 4U;
  if (version == 4) segment = read_ipv4(packet, head);
  if (version == 6) segment = read_ipv6(packet, head);
  if (segment.size() < wire::kTcpSize) return false;

  const std::byte* const at = segment.data();
  constexpr std::uint8_t kMustBe = wire::kSyn | wire::kAck | wire::kRst | wire::kFin;
  head.flags = wire::read8(at + wire::kTcpFlags);
  if ((head.flags & kMustBe) != (wire::kSyn | wire::kAck)) return false;
  head.offset = wire::read8(at + wire::kTcpOffset);
  const std::size_t header = std::size_t{4} * (head.offset >> 4U);
  if (header < wire::kTcpSize || header > segment.size()) return false;
  head.window = wire::read16(at + wire::kTcpWindow);
  head.urgent_pointer = wire::read16(at + kTcpUrgentPointer);
  head.is_sequence_zero = wire::read32(at + wire::kTcpSequence) == 0;
  head.is_ack_zero = wire::read32(at + wire::kTcpAck) == 0;
  head.has_data = segment.size() > header;
  head.options_size = static_cast<std::uint8_t>(header - wire::kTcpSize);
  std::memcpy(head.options.data(), at + wire::kTcpSize, head.options_size);
  return true;
}

}  // namespace trawl::dataplane
