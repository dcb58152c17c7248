#include "bench/simnet/responder.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.h"
#include "bench/simnet/arp.h"
#include "bench/simnet/frame.h"
#include "bench/simnet/host_style.h"
#include "bench/simnet/udp_service.h"

namespace trawl::simnet {
namespace {

bool is_syn(const std::byte* ip, const Ipv4Frame& probe) noexcept {
  return probe.protocol == wire::kProtocolTcp && probe.payload_size() >= wire::kTcpSize &&
         (wire::read8(ip + probe.header_size + 13) & (wire::kSyn | wire::kAck | wire::kRst)) ==
             wire::kSyn;
}

// Sources that no reply may go to: 0/8, loopback, multicast and above.
bool is_answerable(Ipv4Address from) noexcept {
  const std::uint32_t first_octet = from.value() >> 24U;
  return first_octet != 0 && first_octet != 127 && first_octet < 224;
}

}  // namespace

Result<Responder> Responder::make(const Population& population, MacAddress router_mac,
                                  Counters& counters) {
  const PopulationOptions& options = population.options();
  auto in = Way::make(options.way_in, Direction::ToHosts, options.seed);
  if (!in) return tl::unexpected{in.error()};
  auto out = Way::make(options.way_out, Direction::ToScanner, options.seed);
  if (!out) return tl::unexpected{out.error()};
  auto limits = ReplyLimits::make(population);
  if (!limits) return tl::unexpected{limits.error()};
  Responder responder{population,     router_mac,      counters,
                      std::move(*in), std::move(*out), std::move(*limits)};
  if (options.talk.is_on()) {
    auto made = Conversations::make(population, counters, router_mac.to_integer());
    if (!made) return tl::unexpected{made.error()};
    responder.conversations_ = std::make_unique<Conversations>(std::move(*made));
  }
  if (options.personality.is_on()) {
    responder.shapes_ = std::make_unique<const ProbeShapes>();
    responder.ids_ = ZeroPages<IdCounters>{population.addresses().size()};
    if (responder.ids_.empty()) {
      return fail(ExitCode::Runtime, "not enough memory for the IP identifiers of every host");
    }
  }
  return responder;
}

Responder::Responder(const Population& population, MacAddress router_mac, Counters& counters,
                     Way in, Way out, ReplyLimits limits)
    : population_{&population},
      counters_{&counters},
      router_mac_{router_mac.to_integer()},
      in_{std::move(in)},
      out_{std::move(out)},
      limits_{std::move(limits)},
      forger_{population},
      stand_ins_{population.ipv6_hosts()} {
  const StormOptions& storm = population.options().storm;
  const ResetFirstOptions& late = population.options().reset_first;
  if (storm.share == 0 && late.share == 0) return;
  timers_ = std::make_unique<HostTimers>(std::max(storm.spacing, late.latest), storm.timers);
}

std::chrono::nanoseconds Responder::longest_delay() const noexcept {
  return population_->options().rtt_max + in_.longest_wait() + out_.longest_wait();
}

Answer Responder::ignore(Counter why) noexcept {
  counters_->add(why);
  return {};
}

Answer Responder::answer(std::span<std::byte> buffer, std::size_t length,
                         Nanoseconds now) noexcept {
  counters_->add(Counter::FramesReceived);
  if (length < wire::kEthernetSize || length > buffer.size()) return ignore(Counter::Malformed);
  const std::uint16_t type = wire::read16(buffer.data() + 12);
  if (type == wire::kTypeIpv4) [[likely]]
    return ipv4(buffer, length, now);
  if (type == wire::kTypeArp) return arp(buffer, length);
  if (type == wire::kTypeIpv6) return ipv6(buffer, length, now);
  return ignore(Counter::OtherEthertype);
}

bool Responder::is_our_mac(std::uint64_t mac, Ipv4Address to) const noexcept {
  return mac == router_mac_ || mac == host_mac(to);
}

Answer Responder::arp(std::span<std::byte> buffer, std::size_t length) noexcept {
  constexpr std::uint16_t kRequest = 1;
  const auto request = parse_arp(buffer.first(length));
  if (!request) return ignore(Counter::Malformed);
  const std::uint64_t to = wire::read_mac(buffer.data());
  const bool is_for_us =
      to == MacAddress::broadcast().to_integer() || is_our_mac(to, request->target);
  if (request->operation != kRequest || request->sender == request->target || !is_for_us) {
    return ignore(Counter::ArpIgnored);
  }
  const Host host = population_->host(request->target);
  const bool is_router = host.presence == Presence::Router || host.presence == Presence::Forwarded;
  const bool is_present =
      host.presence == Presence::Live ||
      (population_->options().arp_all &&
       (host.presence == Presence::Dead || host.presence == Presence::Unreachable));
  if (!is_router && !is_present) return ignore(Counter::ArpIgnored);
  const std::size_t size =
      write_arp_reply(buffer, *request, is_router ? router_mac_ : host_mac(request->target));
  if (size == 0) return ignore(Counter::Malformed);
  counters_->add(Counter::ArpAnswered);
  counters_->add(Counter::RepliesMade);
  return {Action::Reply, size, Nanoseconds{0}};
}

Answer Responder::ipv4(std::span<std::byte> buffer, std::size_t length, Nanoseconds now) noexcept {
  constexpr unsigned kGroupBit = 1;
  if ((wire::read8(buffer.data()) & kGroupBit) != 0) return ignore(Counter::Multicast);
  Ipv4Frame probe;
  switch (parse_ipv4(buffer.first(length), probe)) {
    case FrameError::None: break;
    case FrameError::Malformed: return ignore(Counter::Malformed);
    case FrameError::BadChecksum: return ignore(Counter::BadIpChecksum);
  }
  if (!is_our_mac(probe.eth_to, probe.to)) return ignore(Counter::OtherDestination);
  if (!is_answerable(probe.from)) return ignore(Counter::Malformed);
  const Passage passage = in_.pass(probe.to, length, now);
  if (const auto why = loss_in(passage.fate)) return ignore(*why);
  // Where nothing waited, the answer is not touched again: it is in the caller's hands already.
  if (passage.wait.count() == 0) [[likely]]
    return deliver(buffer, length, probe, now);
  Answer answer = deliver(buffer, length, probe, now + passage.wait);
  answer.delay += passage.wait;
  return answer;
}

std::optional<Counter> Responder::loss_in(PassageFate fate) noexcept {
  switch (fate) {
    case PassageFate::Arrives: break;
    case PassageFate::Lost: return Counter::LostIn;
    case PassageFate::LostInBurst: return Counter::LostInBurst;
    case PassageFate::Dropped: return Counter::DroppedIn;
  }
  return std::nullopt;
}

Answer Responder::deliver(std::span<std::byte> buffer, std::size_t length, const Ipv4Frame& probe,
                          Nanoseconds now) noexcept {
  const Host host = population_->host(probe.to);
  switch (host.presence) {
    case Presence::Outside: return ignore(Counter::NoRoute);
    case Presence::Silent: return ignore(Counter::Silent);
    case Presence::Dead:
    case Presence::Unreachable: return dead(buffer, probe, host, now);
    case Presence::Forwarded:
      counters_->add(Counter::Forwarded);
      return {Action::Forward, length, Nanoseconds{0}};
    case Presence::Live:
    case Presence::Router: break;
  }
  if (probe.is_fragment) return ignore(Counter::Fragment);
  if (probe.protocol == wire::kProtocolTcp) return tcp(buffer, probe, host, now);
  if (probe.protocol == wire::kProtocolIcmp) return icmp(buffer, probe, host, now);
  if (probe.protocol == wire::kProtocolUdp) return udp(buffer, probe, host, now);
  return ignore(Counter::OtherProtocol);
}

Answer Responder::dead(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                       Nanoseconds now) noexcept {
  const std::byte* const ip = buffer.data() + wire::kEthernetSize;
  if (host.presence == Presence::Dead) {
    return ignore(is_syn(ip, probe) ? Counter::SynToDead : Counter::OtherToDead);
  }
  // RFC 1122 section 3.2.2: never about a fragment, and about ICMP only when it asks something.
  constexpr std::uint8_t kEchoRequest = 8;
  constexpr std::uint8_t kTimestampRequest = 13;
  bool is_icmp_error = false;
  if (probe.protocol == wire::kProtocolIcmp) {
    const std::uint8_t type =
        probe.payload_size() < wire::kIcmpSize ? 0 : wire::read8(ip + probe.header_size);
    is_icmp_error = type != kEchoRequest && type != kTimestampRequest;
  }
  if (probe.is_fragment || is_icmp_error) return ignore(Counter::UnreachableIgnored);
  const std::size_t size =
      write_unreachable(buffer, probe, {population_->options().gateways.front(), router_mac_});
  return reply(Counter::Unreachable, ReplyKind::RouterError, buffer, size, probe.to, host, now);
}

Answer Responder::icmp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                       Nanoseconds now) noexcept {
  constexpr std::uint16_t kEchoRequest = 0x0800;
  constexpr std::uint16_t kTimestampRequest = 0x0d00;
  constexpr std::int64_t kDay = 86'400'000;
  const std::byte* const icmp = buffer.data() + wire::kEthernetSize + probe.header_size;
  if (probe.payload_size() < wire::kIcmpSize) return ignore(Counter::Malformed);
  if (wire::checksum(icmp, probe.payload_size()) != 0) {
    return ignore(Counter::BadTransportChecksum);
  }
  const std::uint16_t type = wire::read16(icmp);
  const Personality* const personality = population_->personality(host, probe.to);
  if (personality != nullptr && type >> 8U == wire::kIcmpEcho) {
    return echo_as(buffer, probe, host, *personality, now);
  }
  if (personality != nullptr && !personality->echo.answers) return ignore(Counter::OsProbeIgnored);
  HostStyle style = host_style(*population_, host, now);
  if (personality != nullptr) style.ttl = personality->echo.ttl;
  if (type == kEchoRequest) {
    const std::size_t size = write_echo_reply(buffer, probe, style);
    return reply(Counter::EchoAnswered, ReplyKind::Answer, buffer, size, probe.to, host, now);
  }
  if (type != kTimestampRequest) return ignore(Counter::OtherProtocol);
  if (probe.payload_size() < kIcmpTimestampSize) return ignore(Counter::Malformed);
  const auto of_day = static_cast<std::uint32_t>(now / std::chrono::milliseconds{1} % kDay);
  const std::size_t size = write_timestamp_reply(buffer, probe, of_day, style);
  return reply(Counter::TimestampAnswered, ReplyKind::Answer, buffer, size, probe.to, host, now);
}

Answer Responder::udp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                      Nanoseconds now) noexcept {
  constexpr std::uint8_t kPortUnreachable = 3;
  const auto bytes = buffer.subspan(wire::kEthernetSize + probe.header_size, probe.payload_size());
  const auto request = parse_udp(bytes);
  if (!request) return ignore(Counter::Malformed);
  // No checksum at all is allowed (RFC 768).
  const bool has_checksum = wire::read16(bytes.data() + wire::kUdpChecksum) != 0;
  if (has_checksum && transport_checksum(wire::kProtocolUdp, probe.from, probe.to, bytes.data(),
                                         wire::kUdpSize + request->payload.size()) != 0) {
    return ignore(Counter::BadTransportChecksum);
  }
  const PortAnswer port = population_->udp_port(host, request->to_port);
  if (port == PortAnswer::Dropped) return ignore(Counter::UdpDropped);
  HostStyle style = host_style(*population_, host, now);
  const Personality* const personality = population_->personality(host, probe.to);
  if (port == PortAnswer::Closed && personality != nullptr) {
    return unreachable_as(buffer, probe, host, *personality, now);
  }
  if (personality != nullptr) style.ttl = personality->open.ttl;
  if (port == PortAnswer::Closed) {
    const std::size_t size =
        write_unreachable(buffer, probe, {probe.to, probe.eth_to, kPortUnreachable, style.ttl});
    return reply(Counter::UdpToClosed, ReplyKind::HostError, buffer, size, probe.to, host, now);
  }
  std::array<std::byte, kMostAnswer> payload;
  const std::size_t payload_size = answer_udp(request->to_port, request->payload, payload);
  const std::size_t size =
      write_udp(buffer, probe, *request, std::span{payload}.first(payload_size), style);
  return reply(Counter::UdpToOpen, ReplyKind::Answer, buffer, size, probe.to, host, now);
}

Answer Responder::tcp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                      Nanoseconds now) noexcept {
  const auto bytes = buffer.subspan(wire::kEthernetSize + probe.header_size, probe.payload_size());
  const auto parsed = parse_tcp(bytes);
  if (!parsed) return ignore(Counter::Malformed);
  if (tcp_checksum(probe.from, probe.to, bytes.data(), bytes.size()) != 0) {
    return ignore(Counter::BadTransportChecksum);
  }
  if (shapes_) {
    const Personality* const personality = population_->personality(host, probe.to);
    const auto os_probe = shapes_->find(bytes);
    const bool converses =
        conversations_ && !os_probe && population_->port(host, parsed->to_port) == PortAnswer::Open;
    if (personality != nullptr && !converses) {
      return as_personality(buffer, probe, host, *personality, *parsed, os_probe, now);
    }
  }
  if (conversations_ && population_->port(host, parsed->to_port) == PortAnswer::Open) {
    const std::size_t header_size = (std::size_t{wire::read8(bytes.data() + 12)} >> 4U) * 4;
    return converse(buffer, probe, host, *parsed, bytes.subspan(header_size), now);
  }
  return segment(buffer, probe, host, *parsed, now);
}

Answer Responder::converse(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                           const TcpSegment& segment, std::span<const std::byte> payload,
                           Nanoseconds now) noexcept {
  constexpr std::uint8_t kHandshake = wire::kSyn | wire::kAck | wire::kRst;
  if ((segment.flags & kHandshake) == wire::kSyn) return accept(buffer, probe, host, segment, now);
  const Conversations::Step step =
      conversations_->receive(buffer, probe, host, segment, payload, now);
  if (step.size == 0) return ignore(step.outcome);
  return reply(step.outcome, step.kind, buffer, step.size, probe.to, host, now);
}

// A host without connections (RFC 9293 section 3.10.7, states CLOSED and LISTEN).
Answer Responder::segment(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                          const TcpSegment& segment, Nanoseconds now) noexcept {
  if ((segment.flags & wire::kRst) != 0) return ignore(Counter::RstIgnored);
  const PortAnswer port = population_->port(host, segment.to_port);
  if ((segment.flags & wire::kAck) != 0) {
    if (port == PortAnswer::Dropped) return ignore(Counter::TcpIgnored);
    const std::size_t size =
        write_reset(buffer, probe, segment, false, host_style(*population_, host, now));
    return reply(Counter::OtherTcpReset, ReplyKind::Refusal, buffer, size, probe.to, host, now);
  }
  const bool is_syn = (segment.flags & wire::kSyn) != 0;
  if (port == PortAnswer::Dropped)
    return ignore(is_syn ? Counter::SynDropped : Counter::TcpIgnored);
  if (port == PortAnswer::Open) {
    if (!is_syn) return ignore(Counter::TcpIgnored);
    return accept(buffer, probe, host, segment, now);
  }
  const std::size_t size =
      write_reset(buffer, probe, segment, true, host_style(*population_, host, now));
  return reply(is_syn ? Counter::SynToClosed : Counter::OtherTcpReset, ReplyKind::Refusal, buffer,
               size, probe.to, host, now);
}

Answer Responder::accept(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                         const TcpSegment& syn, Nanoseconds now) noexcept {
  const std::uint64_t ports = (std::uint64_t{syn.from_port} << 16U) | syn.to_port;
  const auto isn = static_cast<std::uint32_t>(
      mix64(mix64(host.draw ^ probe.from.value()) ^ (ports << 32U) ^ syn.seq));
  StackReply stack;
  const HostStyle style = syn_ack_style(*population_, host, syn, false, now, stack);
  std::size_t size = conversations_ ? conversations_->open(buffer, probe, host, syn, isn, now)
                                    : write_syn_ack(buffer, probe, syn, isn, style);
  if (timers_ && start_timer(buffer.first(size), host, syn.to_port, now)) {
    size = write_reset(buffer, probe, syn, true, style);
    return reply(Counter::SynToOpen, ReplyKind::Refusal, buffer, size, probe.to, host, now);
  }
  return reply(Counter::SynToOpen, ReplyKind::Answer, buffer, size, probe.to, host, now);
}

bool Responder::start_timer(std::span<const std::byte> syn_ack, const Host& host,
                            std::uint16_t port, Nanoseconds now) noexcept {
  if (syn_ack.empty()) return false;
  const Nanoseconds late = population_->reset_first(host, port);
  const bool resets = late.count() > 0;
  const std::uint32_t left = population_->repeats(host) + (resets ? 1 : 0);
  if (left == 0) return false;
  const Nanoseconds spacing = population_->options().storm.spacing;
  if (timers_->add(syn_ack, {now + (resets ? late : spacing), spacing, left})) return resets;
  counters_->add(Counter::TimersFull);
  return false;  // Rather an ordinary open port than one that resets for good.
}

std::optional<Answer> Responder::emit(std::span<std::byte> buffer, Nanoseconds now) noexcept {
  std::size_t size = timers_ ? timers_->take(buffer, now) : 0;
  if (size == 0 && conversations_) size = conversations_->emit(buffer, now);
  if (size == 0) return std::nullopt;
  const std::byte* const ip = buffer.data() + wire::kEthernetSize;
  const Ipv4Address address{wire::read32(ip + wire::kIpSource)};
  counters_->add(Counter::RepliesMade);
  counters_->add(Counter::TimerReplies);
  if (StandIns::is_peer(Ipv4Address{wire::read32(ip + wire::kIpDestination)})) {
    return emitted6(buffer, size, now);
  }
  return send(ReplyKind::Answer, buffer.first(size), population_->host(address), address, now);
}

Answer Responder::reply(Counter outcome, ReplyKind kind, std::span<const std::byte> buffer,
                        std::size_t length, Ipv4Address address, const Host& host,
                        Nanoseconds now) noexcept {
  if (length == 0) return ignore(Counter::Malformed);
  counters_->add(outcome);
  counters_->add(Counter::RepliesMade);
  return send(kind, buffer.first(length), host, address, now);
}

Answer Responder::send(ReplyKind kind, std::span<const std::byte> frame, const Host& host,
                       Ipv4Address address, Nanoseconds now) noexcept {
  if (const auto held = limits_.hold(kind, host, address, now)) return ignore(*held);
  const Passage passage = out_.pass(address, frame.size(), now);
  switch (passage.fate) {
    case PassageFate::Arrives: break;
    case PassageFate::Lost: return ignore(Counter::LostOut);
    case PassageFate::LostInBurst: return ignore(Counter::LostOutBurst);
    case PassageFate::Dropped: return ignore(Counter::DroppedOut);
  }
  if (forger_.is_active()) forger_.note(frame);
  return {Action::Reply, frame.size(), population_->rtt(host) + passage.wait};
}

}  // namespace trawl::simnet
