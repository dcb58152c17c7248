#include <cstring>
#include <optional>

#include "dataplane/icmp_template.h"
#include "dataplane/reply.h"
#include "dataplane/tcp_template.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

constexpr std::uint32_t kWholeSequence = 0xffffffff;
constexpr std::uint16_t kWholeField = 0xffff;
constexpr std::size_t kQuotedTransport = 8;  // All that an ICMP error is sure to quote.

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

// What an ICMP error says: nullopt for messages that are no answer to a probe.
std::optional<Reason> error_reason(std::uint8_t type, std::uint8_t code) noexcept {
  if (type == wire::kIcmpTimeExceeded) return Reason::TtlExceeded;
  if (type == wire::kIcmpUnreachable) return unreachable_reason(code);
  return std::nullopt;
}

// The same of ICMPv6: RFC 4443 section 3.
std::optional<Reason> error_reason6(std::uint8_t type, std::uint8_t code) noexcept {
  constexpr std::uint8_t kUnknownNextHeader = 1;
  if (type == wire::kIcmpv6TimeExceeded) return Reason::TtlExceeded;
  if (type == wire::kIcmpv6ParameterProblem) {
    return code == kUnknownNextHeader ? std::optional{Reason::ProtoUnreachable} : std::nullopt;
  }
  if (type != wire::kIcmpv6Unreachable) return std::nullopt;
  switch (code) {
    case 0: return Reason::NetUnreachable;  // No route.
    case 1: return Reason::AdminProhibited;
    case 3: return Reason::HostUnreachable;
    case 4: return Reason::PortUnreachable;
    case 5: return Reason::AdminProhibited;  // The source address failed a policy.
    case 6: return Reason::NetProhibited;    // A route that rejects.
    default: return Reason::OtherUnreachable;
  }
}

// The header length of an IPv4 header at the start of `packet`, 0 when it is impossible.
std::size_t ip_header_size(std::span<const std::byte> packet) noexcept {
  const std::uint8_t first = byte_at(packet, 0);
  const std::size_t size = std::size_t{first & 0x0fU} * 4;
  return first >> 4U == 4 && size >= wire::kIpSize ? size : 0;
}

bool is_ipv6(std::span<const std::byte> packet) noexcept { return byte_at(packet, 0) >> 4U == 6; }

}  // namespace

template <typename Address>
Counter BasicReplyParser<Address>::parse(std::span<const std::byte> frame,
                                         Claim& claim) const noexcept {
  if (frame.size() < wire::kEthernetSize) return Counter::RxTruncated;
  const std::size_t ethernet = wire::kEthernetSize + vlan_.tag_size();
  if (vlan_.tagged()) {
    constexpr unsigned kIdBits = 0xfff;  // Above them are priority and drop eligibility.
    if (wire::read16(frame.data() + wire::kEthernetType) != wire::kTypeVlan) {
      return Counter::RxOtherVlan;
    }
    if (frame.size() < ethernet) return Counter::RxTruncated;
    if ((wire::read16(frame.data() + wire::kVlanTag) & kIdBits) != vlan_.id()) {
      return Counter::RxOtherVlan;
    }
  }
  const std::uint16_t type = wire::read16(frame.data() + ethernet - 2);
  if constexpr (kIsV4) {
    if (type == wire::kTypeArp) return Counter::RxArp;
    if (type != wire::kTypeIpv4) return Counter::RxNotIpv4;
  } else if (type != wire::kTypeIpv6) {
    return Counter::RxNotIpv6;
  }
  return parse_ip(frame.subspan(ethernet), claim);
}

template <>
Counter BasicReplyParser<Ipv4Address>::parse_ip(std::span<const std::byte> packet,
                                                Claim& claim) const noexcept {
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
  claim.source = Ipv4Address{wire::read32(packet.data() + wire::kIpDestination)};
  if (!sources_.contains(claim.source)) return Counter::RxOtherAddress;
  claim.from = Ipv4Address{wire::read32(packet.data() + wire::kIpSource)};
  claim.ttl = byte_at(packet, wire::kIpTtl);
  return parse_transport(byte_at(packet, wire::kIpProtocol),
                         packet.subspan(header, length - header), claim);
}

template <>
Counter BasicReplyParser<Ipv6Address>::parse_ip(std::span<const std::byte> packet,
                                                Claim& claim) const noexcept {
  if (packet.size() < wire::kIpv6Size) return Counter::RxTruncated;
  if (!is_ipv6(packet)) return Counter::RxBadHeader;
  const std::size_t length = wire::read16(packet.data() + wire::kIpv6Length);
  if (length > packet.size() - wire::kIpv6Size) return Counter::RxTruncated;
  const auto payload = packet.subspan(wire::kIpv6Size, length);
  const std::uint8_t protocol = byte_at(packet, wire::kIpv6NextHeader);
  // A solicitation is for a group and not for our address.
  if (protocol == wire::kProtocolIcmpv6 && !payload.empty() &&
      (byte_at(payload, 0) == wire::kNeighbourSolicitation ||
       byte_at(payload, 0) == wire::kNeighbourAdvertisement)) {
    return Counter::RxNeighbour;
  }
  if (protocol == wire::kProtocolFragment) return Counter::RxFragment;
  claim.source = wire::read_ipv6(packet.data() + wire::kIpv6Destination);
  if (!sources_.contains(claim.source)) return Counter::RxOtherAddress;
  claim.from = wire::read_ipv6(packet.data() + wire::kIpv6Source);
  claim.ttl = byte_at(packet, wire::kIpv6HopLimit);
  return parse_transport(protocol, payload, claim);
}

template <typename Address>
Counter BasicReplyParser<Address>::parse_transport(std::uint8_t protocol,
                                                   std::span<const std::byte> payload,
                                                   Claim& claim) const noexcept {
  // What most replies tell of their probe; the others say less below.
  claim.sequence_mask = kWholeSequence;
  claim.port_mask = kWholeField;
  claim.id_mask = 0;
  if (protocol == kIcmp) return parse_icmp(payload, claim);
  if (protocol != protocol_) return Counter::RxOtherProtocol;
  return protocol == wire::kProtocolTcp ? parse_tcp(payload, claim) : parse_udp(payload, claim);
}

template <typename Address>
std::uint8_t BasicReplyParser<Address>::ip_protocol(ProbeKind kind) noexcept {
  switch (protocol_of(kind)) {
    case Protocol::Tcp: break;
    case Protocol::Udp: return wire::kProtocolUdp;
    case Protocol::Icmp: return kIcmp;
  }
  return wire::kProtocolTcp;
}

template <typename Address>
Counter BasicReplyParser<Address>::parse_tcp(std::span<const std::byte> segment,
                                             Claim& claim) const noexcept {
  if (segment.size() < wire::kTcpSize) return Counter::RxTruncated;
  claim.source_port = wire::read16(segment.data() + wire::kTcpDestinationPort);
  if (!ports_.contains(claim.source_port)) return Counter::RxOtherPort;
  const std::uint8_t flags = byte_at(segment, wire::kTcpFlags) & 0x3fU;
  const bool is_reset = (flags & wire::kRst) != 0;
  const bool is_syn_ack =
      !is_reset && (flags & (wire::kSyn | wire::kAck | wire::kFin)) == (wire::kSyn | wire::kAck);
  const bool for_syn = kind_ == ProbeKind::TcpSyn;
  // A reset for a SYN acknowledges it (RFC 9293 section 3.10.7.1), so one without ACK is not ours.
  // An ACK is answered by a reset alone, with or without ACK.
  const bool answers = for_syn ? is_syn_ack || (is_reset && (flags & wire::kAck) != 0) : is_reset;
  if (!answers) return Counter::RxNotAReply;
  const std::size_t header =
      std::size_t{static_cast<unsigned>(byte_at(segment, wire::kTcpOffset) >> 4U)} * 4;
  if (header < wire::kTcpSize) return Counter::RxBadHeader;
  if (header > segment.size()) return Counter::RxTruncated;
  claim.target =
      BasicTarget<Address>{claim.from, wire::read16(segment.data() + wire::kTcpSourcePort)};
  if (!for_syn) {
    claim.sequence = BasicTcpAckTemplate<Address>::other_number(
        wire::read32(segment.data() + wire::kTcpSequence));
    claim.state = PortState::Unfiltered;
    claim.reason = Reason::Reset;
    claim.stamp = 0;
    return Counter::RxValid;
  }
  claim.sequence = wire::read32(segment.data() + wire::kTcpAck) - 1;
  claim.state = is_syn_ack ? PortState::Open : PortState::Closed;
  claim.reason = is_syn_ack ? Reason::SynAck : Reason::Reset;
  claim.peer_sequence = wire::read32(segment.data() + wire::kTcpSequence);
  claim.stamp = echoed_timestamp(segment.subspan(wire::kTcpSize, header - wire::kTcpSize));
  return Counter::RxValid;
}

template <typename Address>
Counter BasicReplyParser<Address>::parse_udp(std::span<const std::byte> datagram,
                                             Claim& claim) const noexcept {
  if (datagram.size() < wire::kUdpSize) return Counter::RxTruncated;
  claim.source_port = wire::read16(datagram.data() + wire::kTcpDestinationPort);
  if (!ports_.contains(claim.source_port)) return Counter::RxOtherPort;
  const std::size_t length = wire::read16(datagram.data() + wire::kUdpLength);
  if (length < wire::kUdpSize) return Counter::RxBadHeader;
  if (length > datagram.size()) return Counter::RxTruncated;
  const auto answer =
      payloads_->read_reply(wire::read16(datagram.data() + wire::kTcpSourcePort),
                            datagram.subspan(wire::kUdpSize, length - wire::kUdpSize));
  if (!answer) return Counter::RxNotAReply;
  claim.target = BasicTarget<Address>{claim.from, answer->port};
  claim.sequence = answer->sequence;
  claim.sequence_mask = answer->sequence_mask;
  claim.stamp = answer->stamp;
  claim.state = PortState::Open;
  claim.reason = Reason::UdpResponse;
  return Counter::RxValid;
}

template <typename Address>
Counter BasicReplyParser<Address>::parse_icmp(std::span<const std::byte> message,
                                              Claim& claim) const noexcept {
  if (message.size() < wire::kIcmpSize) return Counter::RxTruncated;
  const std::uint8_t type = byte_at(message, 0);
  if (type == kEchoReply) {
    return kind_ == ProbeKind::IcmpEcho ? parse_echo_reply(message, claim) : Counter::RxIcmpOther;
  }
  if constexpr (kIsV4) {
    if (type == wire::kIcmpTimestampReply && kind_ == ProbeKind::IcmpTimestamp) {
      return parse_timestamp_reply(message, claim);
    }
  }
  const auto reason =
      kIsV4 ? error_reason(type, byte_at(message, 1)) : error_reason6(type, byte_at(message, 1));
  if (!reason) return Counter::RxIcmpOther;
  claim.reason = *reason;
  claim.state = PortState::Unreachable;
  claim.stamp = 0;
  return parse_icmp_error(message.subspan(wire::kIcmpSize), claim);
}

// Identifier, sequence number and data are those of the request (RFC 792).
template <typename Address>
Counter BasicReplyParser<Address>::parse_echo_reply(std::span<const std::byte> message,
                                                    Claim& claim) const noexcept {
  if (message.size() < wire::kIcmpSize + 8) return Counter::RxNotAReply;  // Of a shorter request.
  const std::byte* const icmp = message.data();
  claim.target = BasicTarget<Address>{claim.from, 0};
  claim.sequence = wire::read32(icmp + wire::kIcmpId);
  claim.source_port = wire::read16(icmp + wire::kIcmpSize);
  claim.stamp = wire::read32(icmp + wire::kIcmpSize + 4);
  claim.state = PortState::Up;
  claim.reason = Reason::EchoReply;
  return Counter::RxValid;
}

// Identifier, sequence number and originate timestamp are those of the request (RFC 792).
template <typename Address>
Counter BasicReplyParser<Address>::parse_timestamp_reply(std::span<const std::byte> message,
                                                         Claim& claim) const noexcept {
  if (message.size() < wire::kIcmpSize + 12) return Counter::RxTruncated;
  const std::byte* const icmp = message.data();
  claim.target = BasicTarget<Address>{claim.from, 0};
  claim.sequence = wire::read32(icmp + wire::kIcmpId);
  claim.source_port = 0;
  claim.port_mask = 0;
  claim.stamp = wire::read32(icmp + wire::kIcmpSize) & ~IcmpTimestampTemplate::kNotOfTheDay;
  claim.state = PortState::Up;
  claim.reason = Reason::TimestampReply;
  return Counter::RxValid;
}

template <>
Counter BasicReplyParser<Ipv4Address>::parse_icmp_error(std::span<const std::byte> quoted,
                                                        Claim& claim) const noexcept {
  if (quoted.size() < wire::kIpSize) return Counter::RxTruncated;
  const std::size_t header = ip_header_size(quoted);
  if (header == 0) return Counter::RxIcmpOther;
  if (quoted.size() < header + kQuotedTransport) return Counter::RxTruncated;
  if (byte_at(quoted, wire::kIpProtocol) != protocol_ ||
      wire::read32(quoted.data() + wire::kIpSource) != claim.source.value()) {
    return Counter::RxIcmpOther;
  }
  claim.target = Target{Ipv4Address{wire::read32(quoted.data() + wire::kIpDestination)}, 0};
  // As it lies in the frame, like the one of a cookie.
  std::memcpy(&claim.ip_id, quoted.data() + wire::kIpId, sizeof claim.ip_id);
  return parse_quotation(quoted.subspan(header), claim);
}

template <>
Counter BasicReplyParser<Ipv6Address>::parse_icmp_error(std::span<const std::byte> quoted,
                                                        Claim& claim) const noexcept {
  if (quoted.size() < wire::kIpv6Size + kQuotedTransport) return Counter::RxTruncated;
  if (!is_ipv6(quoted) || byte_at(quoted, wire::kIpv6NextHeader) != protocol_ ||
      wire::read_ipv6(quoted.data() + wire::kIpv6Source) != claim.source) {
    return Counter::RxIcmpOther;
  }
  claim.target = Target6{wire::read_ipv6(quoted.data() + wire::kIpv6Destination), 0};
  std::memcpy(&claim.ip_id, quoted.data() + wire::kIpv6Label, sizeof claim.ip_id);
  return parse_quotation(quoted.subspan(wire::kIpv6Size), claim);
}

// The first eight bytes behind the IP header of one of our probes.
template <typename Address>
Counter BasicReplyParser<Address>::parse_quotation(std::span<const std::byte> transport,
                                                   Claim& claim) const noexcept {
  if (protocol_ == kIcmp) {
    const bool echo = kind_ == ProbeKind::IcmpEcho;
    const std::uint8_t sent = echo ? kEcho : wire::kIcmpTimestamp;
    if (byte_at(transport, 0) != sent) return Counter::RxIcmpOther;
    claim.sequence = wire::read32(transport.data() + wire::kIcmpId);
    claim.source_port = 0;
    claim.port_mask = 0;
    return Counter::RxValid;
  }
  claim.source_port = wire::read16(transport.data() + wire::kTcpSourcePort);
  if (!ports_.contains(claim.source_port)) return Counter::RxOtherPort;
  claim.target.port = wire::read16(transport.data() + wire::kTcpDestinationPort);
  if (protocol_ == wire::kProtocolTcp) {
    claim.sequence = wire::read32(transport.data() + wire::kTcpSequence);
    return Counter::RxValid;
  }
  // No id of a payload is sure to be quoted; the one in the IP header stands in.
  claim.sequence_mask = 0;
  claim.id_mask = kWholeField;
  if (claim.reason == Reason::PortUnreachable && claim.from == claim.target.ip) {
    claim.state = PortState::Closed;
  }
  return Counter::RxValid;
}

template class BasicReplyParser<Ipv4Address>;
template class BasicReplyParser<Ipv6Address>;

}  // namespace trawl::dataplane
