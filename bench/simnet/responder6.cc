// The answers to IPv6 frames.
#include "base/hash.h"
#include "bench/simnet/frame6.h"
#include "bench/simnet/host_style.h"
#include "bench/simnet/responder.h"

namespace trawl::simnet {
namespace {

// What stands for the /64 of an address where loss and limits go by IPv4 network: one of 2^20 in
// 240.0.0.0/4, which nobody has.
Ipv4Address network_of(Ipv6Address address) noexcept {
  constexpr std::uint32_t kReserved = 0xf0000000;
  constexpr std::uint64_t kNetworks = std::uint64_t{1} << 20U;
  const std::uint64_t drawn = mix64(static_cast<std::uint64_t>(address.value() >> 64U));
  return Ipv4Address{kReserved | static_cast<std::uint32_t>(drawn % kNetworks << 8U)};
}

std::uint32_t first_number(const Host& host, const TcpSegment& syn) noexcept {
  const std::uint64_t ports = (std::uint64_t{syn.from_port} << 16U) | syn.to_port;
  return static_cast<std::uint32_t>(mix64(mix64(host.draw ^ ports) ^ syn.seq));
}

bool is_multicast(std::uint64_t mac) noexcept { return (mac >> 40U & 1U) != 0; }

}  // namespace

Answer Responder::ipv6(std::span<std::byte> buffer, std::size_t length, Nanoseconds now) noexcept {
  const Population6& hosts = population_->ipv6_hosts();
  if (hosts.empty()) return ignore(Counter::OtherEthertype);
  const auto probe = parse_ipv6(buffer.first(length));
  if (!probe) return ignore(Counter::Malformed);
  if (const auto target = parse_solicitation(buffer.first(length), *probe)) {
    return solicitation(buffer, *probe, *target);
  }
  if (is_multicast(probe->eth_to)) return ignore(Counter::Multicast);
  if (probe->eth_to != router_mac_ && probe->eth_to != host_mac6(probe->to)) {
    return ignore(Counter::OtherDestination);
  }
  const Passage passage = in_.pass(network_of(probe->to), length, now);
  if (const auto why = loss_in(passage.fate)) return ignore(*why);
  Answer answer = deliver6(buffer, *probe, now + passage.wait);
  answer.delay += passage.wait;
  return answer;
}

Answer Responder::solicitation(std::span<std::byte> buffer, const Ipv6Frame& request,
                               Ipv6Address target) noexcept {
  const Population6& hosts = population_->ipv6_hosts();
  const bool is_router = hosts.is_router(target);
  if (!is_router && !hosts.is_live(target)) return ignore(Counter::NeighbourIgnored);
  const std::size_t size = write_advertisement(
      buffer, request, target, is_router ? router_mac_ : host_mac6(target), is_router);
  if (size == 0) return ignore(Counter::Malformed);
  counters_->add(Counter::NeighbourAnswered);
  counters_->add(Counter::RepliesMade);
  return {Action::Reply, size, Nanoseconds{0}};
}

Answer Responder::deliver6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                           Nanoseconds now) noexcept {
  const Population6& hosts = population_->ipv6_hosts();
  const bool is_router = hosts.is_router(probe.to);
  const auto payload = buffer.subspan(kIpv6Payload, probe.payload_size);
  if (!is_router && !hosts.is_live(probe.to)) {
    const bool is_syn = probe.protocol == wire::kProtocolTcp && payload.size() >= wire::kTcpSize &&
                        (wire::read8(payload.data() + wire::kTcpFlags) &
                         (wire::kSyn | wire::kAck | wire::kRst)) == wire::kSyn;
    return ignore(is_syn ? Counter::SynToDead : Counter::OtherToDead);
  }
  if (probe.protocol != wire::kProtocolTcp && probe.protocol != wire::kProtocolIcmpv6) {
    return ignore(Counter::OtherProtocol);
  }
  if (checksum6(probe.protocol, probe.from, probe.to, payload.data(), payload.size()) != 0) {
    return ignore(Counter::BadTransportChecksum);
  }
  const Host host{
      is_router ? Presence::Router : Presence::Live, hosts.draw(probe.to), {}, is_router};
  if (probe.protocol == wire::kProtocolTcp) return tcp6(buffer, probe, host, now);
  constexpr std::uint16_t kEchoRequest = 128 << 8U;
  if (payload.size() < wire::kIcmpSize) return ignore(Counter::Malformed);
  if (wire::read16(payload.data()) != kEchoRequest) return ignore(Counter::OtherProtocol);
  const std::size_t size = write_echo_reply6(buffer, probe, host_style(*population_, host, now));
  return reply(Counter::EchoAnswered, ReplyKind::Answer, buffer, size, network_of(probe.to), host,
               now);
}

Answer Responder::tcp6(std::span<std::byte> buffer, const Ipv6Frame& probe, const Host& host,
                       Nanoseconds now) noexcept {
  const auto segment = parse_tcp(buffer.subspan(kIpv6Payload, probe.payload_size));
  if (!segment) return ignore(Counter::Malformed);
  const PortAnswer port = population_->port(host, segment->to_port);
  if (conversations_ && port == PortAnswer::Open) {
    return converse6(buffer, probe, host, *segment, now);
  }
  if ((segment->flags & wire::kRst) != 0) return ignore(Counter::RstIgnored);
  const bool is_syn = (segment->flags & (wire::kSyn | wire::kAck)) == wire::kSyn;
  if (port == PortAnswer::Dropped) {
    return ignore(is_syn ? Counter::SynDropped : Counter::TcpIgnored);
  }
  const HostStyle style = host_style(*population_, host, now);
  const Ipv4Address network = network_of(probe.to);
  if (is_syn && port == PortAnswer::Open) {
    StackReply stack;
    const std::size_t size =
        write_syn_ack6(buffer, probe, *segment, first_number(host, *segment),
                       syn_ack_style(*population_, host, *segment, true, now, stack));
    return reply(Counter::SynToOpen, ReplyKind::Answer, buffer, size, network, host, now);
  }
  const bool has_ack = (segment->flags & wire::kAck) != 0;
  if (!has_ack && port == PortAnswer::Open) return ignore(Counter::TcpIgnored);
  const std::size_t size = write_reset6(buffer, probe, *segment, !has_ack, style);
  return reply(is_syn ? Counter::SynToClosed : Counter::OtherTcpReset, ReplyKind::Refusal, buffer,
               size, network, host, now);
}

Answer Responder::converse6(std::span<std::byte> buffer, const Ipv6Frame& probe, const Host& host,
                            TcpSegment segment, Nanoseconds now) noexcept {
  constexpr std::uint8_t kHandshake = wire::kSyn | wire::kAck | wire::kRst;
  const auto frame = stand_ins_.frame(probe);
  if (!frame) {
    counters_->add(Counter::ConversationsRefused);
    return ignore(Counter::TcpIgnored);
  }
  Conversations::Step step{Counter::SynToOpen};
  if ((segment.flags & kHandshake) == wire::kSyn) {
    StandIns::limit_segments(segment);
    step.size =
        conversations_->open(buffer, *frame, host, segment, first_number(host, segment), now);
  } else {
    const auto tcp = buffer.subspan(kIpv6Payload, probe.payload_size);
    const std::size_t header = (std::size_t{wire::read8(tcp.data() + 12)} >> 4U) * 4;
    step = conversations_->receive(buffer, *frame, host, segment, tcp.subspan(header), now);
  }
  if (step.size == 0) return ignore(step.outcome);
  const std::size_t size = stand_ins_.translate(buffer, step.size, router_mac_);
  return reply(step.outcome, step.kind, buffer, size, network_of(probe.to), host, now);
}

Answer Responder::emitted6(std::span<std::byte> buffer, std::size_t size,
                           Nanoseconds now) noexcept {
  const std::byte* const ip = buffer.data() + wire::kEthernetSize;
  const std::uint32_t number = wire::read32(ip + wire::kIpSource);
  const Host host = population_->host6(number);
  const Ipv4Address network = network_of(population_->ipv6_hosts().addresses()[number]);
  const std::size_t written = stand_ins_.translate(buffer, size, router_mac_);
  return send(ReplyKind::Answer, buffer.first(written), host, network, now);
}

}  // namespace trawl::simnet
