#include "osfp/active6/response6.h"

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr unsigned kMostExtensions = 8;
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kFragment = 44;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint16_t kFragmentOffset = 0xfff8;
constexpr std::uint8_t kFirstInformation = 128;  // Types below are errors, RFC 4443 section 2.1.

std::optional<Probe6> match_tcp(const ProbeSeries6& series, std::span<const std::byte> segment) {
  if (segment.size() < wire::kTcpSize) return std::nullopt;
  const std::byte* const at = segment.data();
  const std::size_t header = (wire::read8(at + wire::kTcpOffset) >> 4U) * 4U;
  const std::size_t index =
      static_cast<std::size_t>(wire::read16(at + wire::kTcpDestinationPort)) - series.source_port;
  if (header < wire::kTcpSize || header > segment.size() || index >= kProbes6) return std::nullopt;
  const Probe6 probe = probe6_at(index);
  if (!is_tcp(probe) ||
      wire::read16(at + wire::kTcpSourcePort) != destination_port_of(probe, series)) {
    return std::nullopt;
  }
  return probe;
}

std::optional<Probe6> match_echo(std::span<const std::byte> message) noexcept {
  if (wire::read16(message.data() + wire::kIcmpId) != kEchoId6) return std::nullopt;
  const std::uint16_t sequence = wire::read16(message.data() + wire::kIcmpId + 2);
  if (sequence > 1) return std::nullopt;
  return sequence == 0 ? Probe6::Echo1 : Probe6::Echo2;
}

// The probe that an error quotes. Errors that answer TCP probes come from filters, not from stacks.
std::optional<Probe6> match_quoted(const ProbeSeries6& series, std::span<const std::byte> quoted) {
  if (quoted.size() < wire::kIpv6Size ||
      wire::read_ipv6(quoted.data() + wire::kIpv6Source) != series.source ||
      wire::read_ipv6(quoted.data() + wire::kIpv6Destination) != series.destination) {
    return std::nullopt;
  }
  const auto upper = upper_layer_of(quoted);
  if (!upper || quoted.size() < upper->offset + wire::kUdpSize) return std::nullopt;
  const std::span<const std::byte> body = quoted.subspan(upper->offset);
  if (upper->protocol == wire::kProtocolUdp) {
    if (wire::read16(body.data() + wire::kTcpSourcePort) != series.udp_source_port ||
        wire::read16(body.data() + wire::kTcpDestinationPort) != series.udp_port) {
      return std::nullopt;
    }
    return Probe6::Udp;
  }
  if (upper->protocol != wire::kProtocolIcmpv6) return std::nullopt;
  return wire::read8(body.data()) == wire::kIcmpv6Echo ? match_echo(body) : std::nullopt;
}

std::optional<Probe6> match_icmp(const ProbeSeries6& series, std::span<const std::byte> message) {
  if (message.size() < wire::kIcmpSize) return std::nullopt;
  const std::uint8_t type = wire::read8(message.data());
  switch (type) {
    case wire::kIcmpv6EchoReply: return match_echo(message);
    case wire::kNeighbourAdvertisement:
      if (!series.is_neighbour || message.size() < wire::kNeighbourSize ||
          wire::read_ipv6(message.data() + wire::kNeighbourTarget) != series.destination) {
        return std::nullopt;
      }
      return Probe6::Neighbour;
    default: break;
  }
  if (type >= kFirstInformation) return std::nullopt;
  return match_quoted(series, message.subspan(wire::kIcmpSize));
}

}  // namespace

std::optional<UpperLayer> upper_layer_of(std::span<const std::byte> packet) noexcept {
  if (packet.size() < wire::kIpv6Size) return std::nullopt;
  UpperLayer upper{.protocol = wire::read8(packet.data() + wire::kIpv6NextHeader),
                   .offset = wire::kIpv6Size};
  for (unsigned i = 0; i < kMostExtensions; ++i) {
    const bool is_extension = upper.protocol == kHopByHop || upper.protocol == kRouting ||
                              upper.protocol == kFragment || upper.protocol == kDestinationOptions;
    if (!is_extension) return upper;
    if (packet.size() < upper.offset + 8) return std::nullopt;
    const std::byte* const at = packet.data() + upper.offset;
    const bool is_fragment = upper.protocol == kFragment;
    if (is_fragment && (wire::read16(at + 2) & kFragmentOffset) != 0) return std::nullopt;
    upper.protocol = wire::read8(at);
    upper.offset += is_fragment ? 8U : (wire::read8(at + 1) + 1U) * 8U;
  }
  return std::nullopt;
}

std::optional<MatchedResponse6> match_response(const ProbeSeries6& series,
                                               std::span<const std::byte> packet, Moment at) {
  if (packet.size() < wire::kIpv6Size || wire::read8(packet.data()) >> 4U != 6) return std::nullopt;
  const std::size_t size = wire::kIpv6Size + wire::read16(packet.data() + wire::kIpv6Length);
  if (size > packet.size() || size > kMostAnswer6) return std::nullopt;
  packet = packet.first(size);
  if (wire::read_ipv6(packet.data() + wire::kIpv6Source) != series.destination ||
      wire::read_ipv6(packet.data() + wire::kIpv6Destination) != series.source) {
    return std::nullopt;
  }
  const auto upper = upper_layer_of(packet);
  if (!upper || upper->offset > packet.size()) return std::nullopt;
  const std::span<const std::byte> body = packet.subspan(upper->offset);
  std::optional<Probe6> probe;
  if (upper->protocol == wire::kProtocolTcp) probe = match_tcp(series, body);
  if (upper->protocol == wire::kProtocolIcmpv6) probe = match_icmp(series, body);
  if (!probe) return std::nullopt;
  return MatchedResponse6{.probe = *probe,
                          .response = {.at = at, .packet = {packet.begin(), packet.end()}}};
}

std::optional<unsigned> hops_of(const Round6& round) noexcept {
  const Exchange6& exchange = round.at(Probe6::Udp);
  if (!exchange.response) return std::nullopt;
  const std::span<const std::byte> packet = exchange.response->packet;
  const auto upper = upper_layer_of(packet);
  constexpr std::size_t kLimit = wire::kIcmpSize + wire::kIpv6HopLimit;  // The quoted one.
  if (!upper || upper->protocol != wire::kProtocolIcmpv6 ||
      packet.size() <= upper->offset + kLimit) {
    return std::nullopt;
  }
  const unsigned left = wire::read8(packet.data() + upper->offset + kLimit);
  if (left > exchange.sent_ttl) return std::nullopt;
  return exchange.sent_ttl - left;
}

}  // namespace trawl::osfp
