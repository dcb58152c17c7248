#include "dataplane/reply.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

std::uint8_t byte_at(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return static_cast<std::uint8_t>(bytes[at]);
}

// The echoed timestamp among TCP options, or 0 (RFC 7323 section 3.2: kind 8, length 10).
std::uint32_t echoed_timestamp(std::span<const std::byte> options) noexcept {
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNoOperation = 1;
  constexpr std::uint8_t kTimestamps = 8;
  constexpr std::uint8_t kTimestampsSize = 10;
  // Nearly every stack puts them at one of two places; the loop is for the rest.
  std::size_t at = 0;
  while (at < options.size()) {
    const std::uint8_t kind = byte_at(options, at);
    if (kind == kEnd) return 0;
    if (kind == kNoOperation) {
      ++at;
      continue;
    }
    if (at + 1 >= options.size()) return 0;
    const std::uint8_t size = byte_at(options, at + 1);
    if (size < 2 || at + size > options.size()) return 0;
    if (kind == kTimestamps && size == kTimestampsSize) {
      return wire::read32(options.data() + at + 6);
    }
    at += size;
  }
  return 0;
}

// ICMP type 3 codes: RFC 792, RFC 1122 section 3.2.2.1 and RFC 1812 section 5.2.7.1.
Reason unreachable_reason(std::uint8_t code) noexcept {
  switch (code) {
    case 0: return Reason::NetUnreachable;
    case 1: return Reason::HostUnreachable;
    case 2: return Reason::ProtoUnreachable;
    case 3: return Reason::PortUnreachable;
    case 9: return Reason::NetProhibited;
    case 10: return Reason::HostProhibited;
    case 13: return Reason::AdminProhibited;
    default: return Reason::OtherUnreachable;
  }
}

// The header length of an IPv4 header at the start of `packet`, 0 when it is impossible.
std::size_t ip_header_size(std::span<const std::byte> packet) noexcept {
  const std::uint8_t first = byte_at(packet, 0);
  const std::size_t size = std::size_t{first & 0x0fU} * 4;
  return first >> 4U == 4 && size >= wire::kIpSize ? size : 0;
}

}  // namespace

Counter ReplyParser::parse(std::span<const std::byte> frame, ReplyClaim& claim) const noexcept {
  if (frame.size() < wire::kEthernetSize) return Counter::RxTruncated;
  const std::uint16_t type = wire::read16(frame.data() + wire::kEthernetType);
  if (type == wire::kTypeArp) return Counter::RxArp;
  if (type != wire::kTypeIpv4) return Counter::RxNotIpv4;
  const auto packet = frame.subspan(wire::kEthernetSize);
  if (packet.size() < wire::kIpSize) return Counter::RxTruncated;
  const std::size_t header = ip_header_size(packet);
  if (header == 0) return Counter::RxBadHeader;
  const std::size_t length = wire::read16(packet.data() + wire::kIpLength);
  if (length < header) return Counter::RxBadHeader;
  if (length > packet.size()) return Counter::RxTruncated;  // Beyond it is Ethernet padding.
  constexpr std::uint16_t kMoreOrOffset = 0x3fff;
  if ((wire::read16(packet.data() + wire::kIpFragment) & kMoreOrOffset) != 0) {
    return Counter::RxFragment;
  }
  if (wire::read32(packet.data() + wire::kIpDestination) != source_) {
    return Counter::RxOtherAddress;
  }
  claim.from = Ipv4Address{wire::read32(packet.data() + wire::kIpSource)};
  claim.ttl = byte_at(packet, wire::kIpTtl);
  const auto payload = packet.subspan(header, length - header);
  switch (byte_at(packet, wire::kIpProtocol)) {
    case wire::kProtocolTcp: return parse_tcp(payload, claim);
    case wire::kProtocolIcmp: return parse_icmp(payload, claim);
    default: return Counter::RxOtherProtocol;
  }
}

Counter ReplyParser::parse_tcp(std::span<const std::byte> segment,
                               ReplyClaim& claim) const noexcept {
  if (segment.size() < wire::kTcpSize) return Counter::RxTruncated;
  claim.source_port = wire::read16(segment.data() + wire::kTcpDestinationPort);
  if (!ports_.contains(claim.source_port)) return Counter::RxOtherPort;
  const std::uint8_t flags = byte_at(segment, wire::kTcpFlags) & 0x3fU;
  const bool is_reset = (flags & wire::kRst) != 0;
  const bool is_syn_ack =
      !is_reset && (flags & (wire::kSyn | wire::kAck | wire::kFin)) == (wire::kSyn | wire::kAck);
  // A reset for a SYN acknowledges it (RFC 9293 section 3.10.7.1), so one without ACK is not ours.
  if (!is_syn_ack && (!is_reset || (flags & wire::kAck) == 0)) return Counter::RxNotAReply;
  const std::size_t header =
      std::size_t{static_cast<unsigned>(byte_at(segment, wire::kTcpOffset) >> 4U)} * 4;
  if (header < wire::kTcpSize) return Counter::RxBadHeader;
  if (header > segment.size()) return Counter::RxTruncated;
  claim.target = Target{claim.from, wire::read16(segment.data() + wire::kTcpSourcePort)};
  claim.sequence = wire::read32(segment.data() + wire::kTcpAck) - 1;
  claim.state = is_syn_ack ? PortState::Open : PortState::Closed;
  claim.reason = is_syn_ack ? Reason::SynAck : Reason::Reset;
  claim.stamp = echoed_timestamp(segment.subspan(wire::kTcpSize, header - wire::kTcpSize));
  return Counter::RxValid;
}

Counter ReplyParser::parse_icmp(std::span<const std::byte> message,
                                ReplyClaim& claim) const noexcept {
  constexpr std::uint8_t kUnreachable = 3;
  constexpr std::uint8_t kTimeExceeded = 11;
  constexpr std::size_t kQuotedTransport = 8;
  if (message.size() < wire::kIcmpSize) return Counter::RxTruncated;
  const std::uint8_t type = byte_at(message, 0);
  if (type != kUnreachable && type != kTimeExceeded) return Counter::RxIcmpOther;
  const auto quoted = message.subspan(wire::kIcmpSize);
  if (quoted.size() < wire::kIpSize) return Counter::RxTruncated;
  const std::size_t header = ip_header_size(quoted);
  if (header == 0) return Counter::RxIcmpOther;
  if (quoted.size() < header + kQuotedTransport) return Counter::RxTruncated;
  if (byte_at(quoted, wire::kIpProtocol) != wire::kProtocolTcp ||
      wire::read32(quoted.data() + wire::kIpSource) != source_) {
    return Counter::RxIcmpOther;
  }
  const std::byte* const tcp = quoted.data() + header;
  claim.source_port = wire::read16(tcp + wire::kTcpSourcePort);
  if (!ports_.contains(claim.source_port)) return Counter::RxOtherPort;
  claim.target = Target{Ipv4Address{wire::read32(quoted.data() + wire::kIpDestination)},
                        wire::read16(tcp + wire::kTcpDestinationPort)};
  claim.sequence = wire::read32(tcp + wire::kTcpSequence);
  claim.state = PortState::Unreachable;
  claim.reason =
      type == kTimeExceeded ? Reason::TtlExceeded : unreachable_reason(byte_at(message, 1));
  claim.stamp = 0;
  return Counter::RxValid;
}

}  // namespace trawl::dataplane
