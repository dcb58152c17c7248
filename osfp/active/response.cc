#include "osfp/active/response.h"

#include <algorithm>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint16_t kFragmentOffset = 0x1fff;
constexpr std::uint8_t kPortUnreachable = 3;
constexpr std::size_t kUrgent = 18;

// The header of an IPv4 packet, and what follows it.
struct IpPacket {
  ResponseHeader header;
  std::uint8_t protocol = 0;
  std::uint16_t length = 0;
  Ipv4Address source;
  Ipv4Address destination;
  std::span<const std::byte> body;
};

std::optional<IpPacket> read_ip(std::span<const std::byte> packet) noexcept {
  if (packet.size() < wire::kIpSize) return std::nullopt;
  const std::byte* const at = packet.data();
  const std::size_t header = (wire::read8(at) & 0x0fU) * 4U;
  const std::uint16_t length = wire::read16(at + wire::kIpLength);
  const std::uint16_t fragment = wire::read16(at + wire::kIpFragment);
  if (wire::read8(at) >> 4U != 4 || header < wire::kIpSize || length < header ||
      length > packet.size() || (fragment & kFragmentOffset) != 0) {
    return std::nullopt;
  }
  return IpPacket{.header = {.ttl = wire::read8(at + wire::kIpTtl),
                             .df = (fragment & kDontFragment) != 0,
                             .id = wire::read16(at + wire::kIpId)},
                  .protocol = wire::read8(at + wire::kIpProtocol),
                  .length = length,
                  .source = Ipv4Address{wire::read32(at + wire::kIpSource)},
                  .destination = Ipv4Address{wire::read32(at + wire::kIpDestination)},
                  .body = packet.first(length).subspan(header)};
}

std::uint32_t crc32(std::span<const std::byte> bytes) noexcept {
  constexpr std::uint32_t kPolynomial = 0xedb88320;
  std::uint32_t crc = ~std::uint32_t{0};
  for (const std::byte byte : bytes) {
    crc ^= static_cast<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? kPolynomial : 0);
  }
  return ~crc;
}

std::optional<MatchedResponse> match_tcp(const ProbeSeries& series, const IpPacket& packet) {
  const std::span<const std::byte> body = packet.body;
  if (body.size() < wire::kTcpSize) return std::nullopt;
  const std::byte* const at = body.data();
  const std::uint8_t offset = wire::read8(at + wire::kTcpOffset);
  const std::size_t header = (offset >> 4U) * 4U;
  if (header < wire::kTcpSize || header > body.size()) return std::nullopt;
  const std::size_t index =
      static_cast<std::size_t>(wire::read16(at + wire::kTcpDestinationPort)) - series.source_port;
  if (index >= kProbes || !is_tcp(probe_at(index))) return std::nullopt;
  const Probe probe = probe_at(index);
  if (wire::read16(at + wire::kTcpSourcePort) != destination_port_of(probe, series)) {
    return std::nullopt;
  }
  TcpResponse response{
      .ip = packet.header,
      .sequence = wire::read32(at + wire::kTcpSequence),
      .ack = wire::read32(at + wire::kTcpAck),
      .flags = wire::read8(at + wire::kTcpFlags),
      .reserved = static_cast<std::uint8_t>(offset & 0x0fU),
      .window = wire::read16(at + wire::kTcpWindow),
      .urgent = wire::read16(at + kUrgent),
      .options = TcpOptions{body.subspan(wire::kTcpSize, header - wire::kTcpSize)}};
  if (!response.options.signature()) return std::nullopt;
  const std::span<const std::byte> data = body.subspan(header);
  if (!data.empty()) response.data_crc = crc32(data);
  return MatchedResponse{.probe = probe, .response = response};
}

std::optional<MatchedResponse> match_echo(const ProbeSeries& series, const IpPacket& packet) {
  const std::byte* const at = packet.body.data();
  const std::uint16_t id = wire::read16(at + wire::kIcmpId);
  const std::uint16_t sequence = wire::read16(at + wire::kIcmpId + 2);
  const auto second_id = static_cast<std::uint16_t>(series.echo_id + 1);
  Probe probe = Probe::Echo1;
  if (id == second_id && sequence == kEchoSequence + 1) {
    probe = Probe::Echo2;
  } else if (id != series.echo_id || sequence != kEchoSequence) {
    return std::nullopt;
  }
  return MatchedResponse{
      .probe = probe, .response = EchoResponse{.ip = packet.header, .code = wire::read8(at + 1)}};
}

UnreachableResponse::Checksum judge_checksum(std::span<const std::byte> header) noexcept {
  using Checksum = UnreachableResponse::Checksum;
  if (wire::read16(header.data() + wire::kIpChecksum) == 0) return Checksum::Zero;
  const bool good = wire::ChecksumPart::over(header.data(), header.size()).finish() == 0;
  return good ? Checksum::Good : Checksum::Invalid;
}

// The quoted packet need not be whole: RFC 792 asks for eight bytes behind its header.
std::optional<MatchedResponse> match_unreachable(const ProbeSeries& series,
                                                 const IpPacket& packet) {
  const std::byte* const at = packet.body.data();
  const std::span<const std::byte> quoted = packet.body.subspan(wire::kIcmpSize);
  if (wire::read8(at + 1) != kPortUnreachable || quoted.size() < wire::kIpSize) return std::nullopt;
  const std::byte* const ip = quoted.data();
  const std::size_t header = (wire::read8(ip) & 0x0fU) * 4U;
  if (wire::read8(ip) >> 4U != 4 || header < wire::kIpSize ||
      quoted.size() < header + wire::kUdpSize ||
      wire::read8(ip + wire::kIpProtocol) != wire::kProtocolUdp ||
      wire::read32(ip + wire::kIpSource) != series.source.value() ||
      wire::read32(ip + wire::kIpDestination) != series.destination.value()) {
    return std::nullopt;
  }
  const std::byte* const udp = ip + header;
  if (wire::read16(udp + wire::kTcpSourcePort) != series.udp_source_port ||
      wire::read16(udp + wire::kTcpDestinationPort) != series.udp_port) {
    return std::nullopt;
  }
  const std::span<const std::byte> data = quoted.subspan(header + wire::kUdpSize);
  const auto is_fill = [](std::byte byte) { return byte == kUdpFill; };
  return MatchedResponse{.probe = Probe::Udp,
                         .response = UnreachableResponse{
                             .ip = packet.header,
                             .length = packet.length,
                             .unused = wire::read16(at + wire::kIcmpId + 2),
                             .quoted_ttl = wire::read8(ip + wire::kIpTtl),
                             .quoted_length = wire::read16(ip + wire::kIpLength),
                             .quoted_id = wire::read16(ip + wire::kIpId),
                             .quoted_checksum = judge_checksum(quoted.first(header)),
                             .quoted_udp_checksum = wire::read16(udp + wire::kUdpChecksum),
                             .is_data_intact = std::all_of(data.begin(), data.end(), is_fill)}};
}

}  // namespace

bool TcpResponse::is_syn_ack() const noexcept {
  return (flags & wire::kSyn) != 0 && (flags & wire::kAck) != 0;
}

std::optional<MatchedResponse> match_response(const ProbeSeries& series,
                                              std::span<const std::byte> packet) {
  const std::optional<IpPacket> ip = read_ip(packet);
  if (!ip || ip->source != series.destination || ip->destination != series.source) {
    return std::nullopt;
  }
  if (ip->protocol == wire::kProtocolTcp) return match_tcp(series, *ip);
  if (ip->protocol != wire::kProtocolIcmp || ip->body.size() < wire::kIcmpSize) {
    return std::nullopt;
  }
  switch (wire::read8(ip->body.data())) {
    case wire::kIcmpEchoReply: return match_echo(series, *ip);
    case wire::kIcmpUnreachable: return match_unreachable(series, *ip);
    default: return std::nullopt;
  }
}

}  // namespace trawl::osfp
