#include "control/audit/engine/reply_reader.h"

#include "dataplane/packet/packet_spec.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using dataplane::Dissection;
using dataplane::PacketFacts;
using namespace dataplane::wire;

Reason make_reason(std::string_view word, const Dissection& reply) {
  Reason reason{.word = word, .ttl = reply.packet.ttl, .from = {}};
  if (reply.quoted && reply.packet.source != reply.quoted->destination) {
    reason.from = reply.packet.source;
  }
  return reason;
}

bool is_port_unreachable(const PacketFacts& packet) noexcept {
  if (packet.protocol == kProtocolIcmpv6) {
    return packet.icmp_type == kIcmpv6Unreachable && packet.icmp_code == 4;
  }
  return packet.icmp_type == kIcmpUnreachable && packet.icmp_code == 3;
}

bool is_protocol_unreachable(const PacketFacts& packet) noexcept {
  if (packet.protocol == kProtocolIcmpv6) {
    return packet.icmp_type == kIcmpv6ParameterProblem && packet.icmp_code == 1;
  }
  return packet.icmp_type == kIcmpUnreachable && packet.icmp_code == 2;
}

std::optional<PortVerdict> read_error(ScanType type, const Dissection& reply) {
  const std::string_view word = icmp_reason(reply.packet);
  if (word.empty()) return std::nullopt;
  const bool from_host = reply.packet.source == reply.quoted->destination;
  PortState state = PortState::Filtered;
  if (type == ScanType::Udp && is_port_unreachable(reply.packet) && from_host) {
    state = PortState::Closed;
  } else if (type == ScanType::IpProtocol && from_host) {
    if (is_protocol_unreachable(reply.packet)) {
      state = PortState::Closed;
    } else if (is_port_unreachable(reply.packet)) {
      state = PortState::Open;
    } else if (reply.packet.icmp_type == kIcmpv6ParameterProblem &&
               reply.packet.protocol == kProtocolIcmpv6) {
      state = PortState::Open;
    }
  }
  return PortVerdict{state, make_reason(word, reply)};
}

std::optional<PortVerdict> read_tcp(ScanType type, const Dissection& reply) {
  const std::uint8_t flags = reply.packet.flags;
  if ((flags & kRst) != 0) {
    PortState state = PortState::Closed;
    if (type == ScanType::Ack) state = PortState::Unfiltered;
    if (type == ScanType::Window && reply.packet.window != 0) state = PortState::Open;
    return PortVerdict{state, make_reason("reset", reply)};
  }
  if (type != ScanType::Syn || (flags & kSyn) == 0) return std::nullopt;
  return PortVerdict{PortState::Open,
                     make_reason((flags & kAck) != 0 ? "syn-ack" : "split-handshake-syn", reply)};
}

std::optional<PortVerdict> read_sctp(ScanType type, const Dissection& reply) {
  using dataplane::SctpPacket;
  if (reply.packet.chunk == SctpPacket::kAbort) {
    return PortVerdict{PortState::Closed, make_reason("abort", reply)};
  }
  if (type != ScanType::SctpInit || reply.packet.chunk != SctpPacket::kInitAck) {
    return std::nullopt;
  }
  return PortVerdict{PortState::Open, make_reason("init-ack", reply)};
}

std::string_view icmpv6_reason(const PacketFacts& packet) noexcept {
  if (packet.icmp_type == kIcmpv6Unreachable) {
    switch (packet.icmp_code) {
      case 0: return "no-route";
      case 1: return "admin-prohibited";
      case 2: return "beyond-scope";
      case 3: return "host-unreach";
      case 4: return "port-unreach";
      case 5: return "admin-prohibited";
      case 6: return "reject-route";
      default: return "dest-unreach";
    }
  }
  return packet.icmp_type == kIcmpv6ParameterProblem ? "param-problem" : std::string_view{};
}

}  // namespace

std::string_view icmp_reason(const PacketFacts& packet) noexcept {
  if (packet.protocol == kProtocolIcmpv6) return icmpv6_reason(packet);
  if (packet.icmp_type == kIcmpTimeExceeded) return "time-exceeded";
  if (packet.icmp_type != kIcmpUnreachable) return {};
  switch (packet.icmp_code) {
    case 0: return "net-unreach";
    case 1: return "host-unreach";
    case 2: return "proto-unreach";
    case 3: return "port-unreach";
    case 9: return "net-prohibited";
    case 10: return "host-prohibited";
    case 13: return "admin-prohibited";
    default: return {};
  }
}

std::optional<PortVerdict> read_port_reply(ScanType type, const Dissection& reply) {
  if (reply.quoted) return read_error(type, reply);
  if (type == ScanType::IpProtocol) {
    return PortVerdict{PortState::Open, make_reason("proto-response", reply)};
  }
  switch (reply.packet.protocol) {
    case kProtocolTcp: return read_tcp(type, reply);
    case kProtocolUdp: return PortVerdict{PortState::Open, make_reason("udp-response", reply)};
    default: return read_sctp(type, reply);
  }
}

std::optional<Reason> read_host_reply(const ProbeSpec& spec, const Dissection& reply) {
  const auto up = [&reply](std::string_view word) {
    return std::optional{make_reason(word, reply)};
  };
  if (reply.quoted) {
    // Who lacks a port or a protocol is there; who only forbids, or somebody else, says nothing.
    const bool from_host = reply.packet.source == reply.quoted->destination;
    const bool lacks =
        is_port_unreachable(reply.packet) ||
        (reply.packet.protocol == kProtocolIcmp && is_protocol_unreachable(reply.packet));
    if (!from_host || !lacks) return std::nullopt;
    return up(icmp_reason(reply.packet));
  }
  switch (spec.kind) {
    case ProbeKind::Tcp: {
      const std::uint8_t flags = reply.packet.flags;
      if ((flags & kRst) != 0) return up("reset");
      if ((flags & kSyn) != 0) return up("syn-ack");
      return std::nullopt;
    }
    case ProbeKind::Udp: return up("udp-response");
    case ProbeKind::SctpInit:
    case ProbeKind::SctpCookie:
      return up(reply.packet.chunk == dataplane::SctpPacket::kAbort ? "abort" : "init-ack");
    case ProbeKind::IcmpEcho: return up("echo-reply");
    case ProbeKind::IcmpTimestamp: return up("timestamp-reply");
    case ProbeKind::IcmpMask: return up("addressmask-reply");
    case ProbeKind::IpProtocol: return up("proto-response");
    default: return std::nullopt;
  }
}

}  // namespace trawl::control
