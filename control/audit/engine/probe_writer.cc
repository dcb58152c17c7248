#include "control/audit/engine/probe_writer.h"

#include <utility>

#include "control/audit/engine/probe_schedule.h"
#include "dataplane/wire.h"

namespace trawl::control {
namespace {

using dataplane::IcmpMessage;
using dataplane::PacketFacts;
using dataplane::RawPayload;
using dataplane::SctpPacket;
using dataplane::TcpSegment;
using dataplane::UdpDatagram;
using namespace dataplane::wire;

constexpr std::uint8_t kProtocolIgmp = 2;
constexpr std::uint8_t kProtocolSctp = 132;
constexpr std::uint8_t kIcmpMaskRequest = 17;
constexpr std::uint8_t kIcmpMaskReply = 18;
constexpr unsigned kNumbers = ProbeSchedule::kAttemptNumbers;
constexpr std::uint32_t kAttemptBits = 0x1f;  // Of a token: the attempt and a bit that may carry.

std::uint64_t mix(std::uint64_t x) noexcept {
  // The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
  x ^= x >> 30U;
  x *= 0xbf58476d1ce4e5b9U;
  x ^= x >> 27U;
  x *= 0x94d049bb133111ebU;
  return x ^ x >> 31U;
}

}  // namespace

ProbeWriter::ProbeWriter(ProbeStyle style, const dataplane::UdpPayloads& payloads)
    : style_{std::move(style)}, payloads_{payloads}, key_{random_()} {}

std::uint64_t ProbeWriter::host_hash(const IpAddress& host) const noexcept {
  const Uint128 address = host.v6().value();
  const std::uint64_t hash = mix(key_ ^ static_cast<std::uint64_t>(address));
  return mix(hash ^ static_cast<std::uint64_t>(address >> 64U));
}

// Another one for each host, so that none can answer for its neighbours: above most kernels' own
// ports, with room for the attempts.
std::uint16_t ProbeWriter::base_port(const IpAddress& host) const noexcept {
  return static_cast<std::uint16_t>(61000 + mix(host_hash(host)) % 4000);
}

std::uint32_t ProbeWriter::token(const IpAddress& host, const ProbeSpec& spec,
                                 unsigned attempt) const noexcept {
  const std::uint64_t hash = mix(
      host_hash(host) ^ (std::uint64_t{spec.ttl} << 32U | std::uint64_t{spec.number} << 16U |
                         std::uint64_t{spec.flags} << 8U | static_cast<std::uint64_t>(spec.kind)));
  return (static_cast<std::uint32_t>(hash) & ~kAttemptBits) | (attempt % kNumbers) << 1U;
}

std::uint16_t ProbeWriter::source_port(const IpAddress& host, unsigned attempt) const noexcept {
  return style_.source_port.value_or(
      static_cast<std::uint16_t>(base_port(host) + attempt % kNumbers));
}

std::optional<int> ProbeWriter::attempt_of_port(const IpAddress& host,
                                                std::uint16_t port) const noexcept {
  if (style_.source_port) return port == *style_.source_port ? std::optional{-1} : std::nullopt;
  const unsigned attempt = static_cast<unsigned>(port) - base_port(host);
  return attempt < kNumbers ? std::optional{static_cast<int>(attempt)} : std::nullopt;
}

std::optional<int> ProbeWriter::attempt_of_token(const IpAddress& host, const ProbeSpec& spec,
                                                 std::uint32_t seen) const noexcept {
  if (((seen ^ token(host, spec, 0)) & ~kAttemptBits) != 0) return std::nullopt;
  return static_cast<int>((seen & kAttemptBits) >> 1U);
}

const dataplane::PacketSpec& ProbeWriter::write(const IpAddress& host, const ProbeSpec& spec,
                                                unsigned attempt) {
  packet_.destination = host;
  packet_.ttl = spec.ttl != 0 ? spec.ttl
                              : style_.ttl.value_or(static_cast<std::uint8_t>(37 + random_() % 23));
  packet_.id =
      static_cast<std::uint16_t>(1 + random_() % 65535);  // 0 would be the kernel's to fill.
  packet_.bad_checksum = style_.bad_checksum;
  packet_.options = style_.ip_options;
  const std::uint32_t mark = token(host, spec, attempt);
  const std::uint16_t from = source_port(host, attempt);
  const std::span<const std::byte> data = style_.data;
  switch (spec.kind) {
    case ProbeKind::Tcp: {
      const bool acks = (spec.flags & kAck) != 0;
      packet_.what = TcpSegment{.source_port = from,
                                .destination_port = spec.number,
                                .sequence = mark,
                                .ack = acks ? mark : 0,
                                .flags = spec.flags,
                                .has_mss = (spec.flags & kSyn) != 0,
                                .data = data};
      break;
    }
    case ProbeKind::Udp: {
      const auto& payload = payloads_.all()[payloads_.index_of(spec.number)].bytes;
      packet_.what = UdpDatagram{spec.ttl != 0 ? trace_port(host, spec) : from, spec.number,
                                 style_.has_data ? data : std::span<const std::byte>{payload}};
      break;
    }
    case ProbeKind::SctpInit:
    case ProbeKind::SctpCookie: {
      const bool init = spec.kind == ProbeKind::SctpInit;
      packet_.what = SctpPacket{.source_port = from,
                                .destination_port = spec.number,
                                .tag = init ? 0 : mark,
                                .chunk = init ? SctpPacket::kInit : SctpPacket::kCookieEcho,
                                .initiate_tag = mark,
                                .adler32 = style_.adler32,
                                .data = data};
      break;
    }
    case ProbeKind::IpProtocol: write_protocol(host, spec, attempt); break;
    default: {
      const bool v4 = host.is_v4();
      std::uint8_t type = v4 ? kIcmpEcho : kIcmpv6Echo;
      std::span<const std::byte> body = data;
      if (spec.kind == ProbeKind::IcmpTimestamp || spec.kind == ProbeKind::IcmpMask) {
        type = spec.kind == ProbeKind::IcmpTimestamp ? kIcmpTimestamp : kIcmpMaskRequest;
        small_.fill(std::byte{0});
        body = std::span{small_}.first(type == kIcmpTimestamp ? 12 : 4);
      }
      packet_.what = IcmpMessage{.type = type, .rest = mark, .data = body};
      break;
    }
  }
  return packet_;
}

// Protocols with ports or types get a whole header, as Nmap does: nothing answers a broken one.
void ProbeWriter::write_protocol(const IpAddress& host, const ProbeSpec& spec, unsigned attempt) {
  constexpr std::uint16_t kDiscard = 9;
  const std::uint32_t mark = token(host, spec, attempt);
  const std::uint16_t from = source_port(host, attempt);
  const bool v4 = host.is_v4();
  switch (spec.number) {
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      if ((spec.number == kProtocolIcmp) != v4) break;
      packet_.what =
          IcmpMessage{.type = v4 ? kIcmpEcho : kIcmpv6Echo, .rest = mark, .data = style_.data};
      return;
    case kProtocolTcp:
      packet_.what = TcpSegment{.source_port = from,
                                .destination_port = 80,
                                .sequence = mark,
                                .ack = mark,
                                .flags = kAck,
                                .data = style_.data};
      return;
    case kProtocolUdp:
      packet_.what = UdpDatagram{from, static_cast<std::uint16_t>(40125), style_.data};
      return;
    case kProtocolSctp:
      packet_.what = SctpPacket{.source_port = from,
                                .destination_port = kDiscard,
                                .initiate_tag = mark,
                                .adler32 = style_.adler32,
                                .data = style_.data};
      return;
    case kProtocolIgmp:
      if (!v4) break;
      // A membership query (RFC 2236 section 2): type, then its checksum.
      small_.fill(std::byte{0});
      write8(small_.data(), 0x11);
      write16(small_.data() + 2, 0xeeff);
      packet_.what = RawPayload{kProtocolIgmp, std::span{small_}.first(8)};
      return;
    default: break;
  }
  packet_.what = RawPayload{static_cast<std::uint8_t>(spec.number), style_.data};
}

// A trace has one probe many times; only tokens, or source ports, tell them apart.
std::optional<ProbeWriter::Match> ProbeWriter::match_trace(
    const IpAddress& host, const ProbeSet& set, const dataplane::Dissection& reply) const noexcept {
  const bool quoted = reply.quoted.has_value();
  const PacketFacts& facts = quoted ? *reply.quoted : reply.packet;
  const std::uint16_t their_port = quoted ? facts.destination_port : facts.source_port;
  const std::uint16_t our_port = quoted ? facts.source_port : facts.destination_port;
  for (std::size_t i = 0; i < set.specs().size(); ++i) {
    const ProbeSpec& spec = set.specs()[i];
    std::optional<int> attempt;
    if (spec.kind == ProbeKind::Udp) {
      const bool ours = facts.protocol == kProtocolUdp && their_port == spec.number &&
                        our_port == trace_port(host, spec);
      if (ours) attempt = -1;
    } else if (spec.kind == ProbeKind::Tcp) {
      if (facts.protocol != kProtocolTcp || their_port != spec.number) continue;
      for (const std::uint32_t seen :
           {quoted ? facts.sequence : facts.ack,
            quoted ? facts.sequence : facts.ack - static_cast<std::uint32_t>(style_.data.size()),
            facts.sequence}) {
        if (!attempt) attempt = attempt_of_token(host, spec, seen);
      }
    } else if (facts.protocol == kProtocolIcmp || facts.protocol == kProtocolIcmpv6) {
      attempt = attempt_of_token(host, spec, facts.icmp_rest);
    }
    if (attempt) return Match{static_cast<std::uint32_t>(i), *attempt};
  }
  return std::nullopt;
}

std::uint16_t ProbeWriter::trace_port(const IpAddress& host, const ProbeSpec& spec) const noexcept {
  return static_cast<std::uint16_t>(base_port(host) + 2 * kNumbers + spec.ttl);
}

std::optional<ProbeWriter::Match> ProbeWriter::match(
    const IpAddress& host, const ProbeSet& set, const dataplane::Dissection& reply) const noexcept {
  if (set.type() == ScanType::Trace) return match_trace(host, set, reply);
  const auto match =
      reply.quoted ? match_quoted(host, set, *reply.quoted) : match_direct(host, set, reply.packet);
  if (match) return match;
  // Whatever comes by a protocol proves it, or says that there is none; which attempt it answers,
  // if any, cannot be told.
  const std::uint8_t protocol = reply.quoted ? reply.quoted->protocol : reply.packet.protocol;
  const int index = set.find(ProbeKind::IpProtocol, protocol);
  if (index < 0) return std::nullopt;
  return Match{static_cast<std::uint32_t>(index), -1};
}

std::optional<ProbeWriter::Match> ProbeWriter::match_tcp(const IpAddress& host, const ProbeSet& set,
                                                         const PacketFacts& packet) const noexcept {
  if (!attempt_of_port(host, packet.destination_port)) return std::nullopt;
  const auto data = static_cast<std::uint32_t>(style_.data.size());
  const auto& specs = set.specs();
  const bool mixed = set.type() == ScanType::Discovery;
  const int only = mixed ? -1 : set.find(ProbeKind::Tcp, packet.source_port);
  const std::size_t first = mixed ? 0 : static_cast<std::size_t>(only);
  if (!mixed && only < 0) return std::nullopt;
  for (std::size_t i = first; i < (mixed ? specs.size() : first + 1); ++i) {
    const ProbeSpec& spec = specs[i];
    if (spec.kind != ProbeKind::Tcp || spec.number != packet.source_port) continue;
    // A reset without ACK repeats our acknowledgement as its sequence number (RFC 9293 section
    // 3.10.7.1); everything else acknowledges our sequence number, with or without our data.
    for (const std::uint32_t seen : {packet.ack, packet.ack - data, packet.sequence}) {
      if (const auto attempt = attempt_of_token(host, spec, seen)) {
        return Match{static_cast<std::uint32_t>(i), *attempt};
      }
    }
  }
  return std::nullopt;
}

std::optional<ProbeWriter::Match> ProbeWriter::match_direct(
    const IpAddress& host, const ProbeSet& set, const PacketFacts& packet) const noexcept {
  const auto found = [](int index, int attempt) -> std::optional<Match> {
    if (index < 0) return std::nullopt;
    return Match{static_cast<std::uint32_t>(index), attempt};
  };
  switch (packet.protocol) {
    case kProtocolTcp: return match_tcp(host, set, packet);
    case kProtocolUdp: {
      const auto attempt = attempt_of_port(host, packet.destination_port);
      if (!attempt) return std::nullopt;
      return found(set.find(ProbeKind::Udp, packet.source_port), *attempt);
    }
    case kProtocolSctp:
      for (const ProbeKind kind : {ProbeKind::SctpInit, ProbeKind::SctpCookie}) {
        const int index = set.find(kind, packet.source_port);
        if (index < 0) continue;
        const ProbeSpec& spec = set.specs()[static_cast<std::size_t>(index)];
        if (const auto attempt = attempt_of_token(host, spec, packet.tag)) {
          return found(index, *attempt);
        }
      }
      return std::nullopt;
    case kProtocolIcmp:
    case kProtocolIcmpv6: {
      ProbeKind kind = ProbeKind::IcmpEcho;
      const bool v6 = packet.protocol == kProtocolIcmpv6;
      if (v6 ? packet.icmp_type != kIcmpv6EchoReply : packet.icmp_type != kIcmpEchoReply) {
        if (v6) return std::nullopt;
        if (packet.icmp_type == kIcmpTimestampReply) {
          kind = ProbeKind::IcmpTimestamp;
        } else if (packet.icmp_type == kIcmpMaskReply) {
          kind = ProbeKind::IcmpMask;
        } else {
          return std::nullopt;
        }
      }
      const int index = set.find(kind, 0);
      if (index < 0) return std::nullopt;
      const auto attempt =
          attempt_of_token(host, set.specs()[static_cast<std::size_t>(index)], packet.icmp_rest);
      return attempt ? found(index, *attempt) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

std::optional<ProbeWriter::Match> ProbeWriter::match_quoted(
    const IpAddress& host, const ProbeSet& set, const PacketFacts& quoted) const noexcept {
  const auto by_token = [&](int index, std::uint32_t seen) -> std::optional<Match> {
    if (index < 0) return std::nullopt;
    const auto attempt = attempt_of_token(host, set.specs()[static_cast<std::size_t>(index)], seen);
    if (!attempt) return std::nullopt;
    return Match{static_cast<std::uint32_t>(index), *attempt};
  };
  switch (quoted.protocol) {
    case kProtocolTcp:
      for (std::size_t i = 0; set.type() == ScanType::Discovery && i < set.specs().size(); ++i) {
        const ProbeSpec& spec = set.specs()[i];
        if (spec.kind != ProbeKind::Tcp || spec.number != quoted.destination_port) continue;
        if (const auto match = by_token(static_cast<int>(i), quoted.sequence)) return match;
      }
      return by_token(set.find(ProbeKind::Tcp, quoted.destination_port), quoted.sequence);
    case kProtocolUdp: {
      const auto attempt = attempt_of_port(host, quoted.source_port);
      const int index = set.find(ProbeKind::Udp, quoted.destination_port);
      if (!attempt || index < 0) return std::nullopt;
      return Match{static_cast<std::uint32_t>(index), *attempt};
    }
    case kProtocolSctp: {
      const auto attempt = attempt_of_port(host, quoted.source_port);
      int index = set.find(ProbeKind::SctpInit, quoted.destination_port);
      if (index < 0) index = set.find(ProbeKind::SctpCookie, quoted.destination_port);
      if (!attempt || index < 0) return std::nullopt;
      return Match{static_cast<std::uint32_t>(index), *attempt};
    }
    case kProtocolIcmp:
    case kProtocolIcmpv6:
      for (const ProbeKind kind :
           {ProbeKind::IcmpEcho, ProbeKind::IcmpTimestamp, ProbeKind::IcmpMask}) {
        if (const auto match = by_token(set.find(kind, 0), quoted.icmp_rest)) return match;
      }
      return std::nullopt;
    default: return std::nullopt;
  }
}

}  // namespace trawl::control
