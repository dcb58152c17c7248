#include "bench/simnet/responder.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cmath>

#include "base/hash.h"
#include "bench/simnet/frame.h"

namespace trawl::simnet {
namespace {

constexpr std::uint64_t kLossInKey = 0x10551e5;
constexpr std::uint64_t kLossOutKey = 0x10550ff;

// Of 32-bit draws; all ones is always.
std::uint32_t loss_threshold(double share) {
  return static_cast<std::uint32_t>(std::llround(share * 4294967295.0));
}

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

void UnmapArray::operator()(std::int64_t* at) const noexcept { munmap(at, bytes); }

Result<Responder> Responder::make(const Population& population, MacAddress router_mac,
                                  Counters& counters) {
  Responder responder{population, router_mac, counters};
  if (!responder.host_gate_.is_limited()) return responder;
  const std::uint64_t addresses = population.addresses().size();
  if (addresses > kMostLimitedAddresses) {
    return fail(ExitCode::Usage,
                fmt::format("--rate-limit keeps state for every address: give prefixes of at most "
                            "{} addresses, not {}",
                            kMostLimitedAddresses, addresses));
  }
  // Anonymous memory starts as zeros, and only pages that are used are ever backed.
  const std::size_t bytes = addresses * sizeof(std::int64_t);
  void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    return fail(ExitCode::Runtime,
                fmt::format("not enough memory for the rate limits of {} addresses", addresses));
  }
  responder.host_due_ = {static_cast<std::int64_t*>(at), UnmapArray{bytes}};
  return responder;
}

Responder::Responder(const Population& population, MacAddress router_mac, Counters& counters)
    : population_{&population},
      counters_{&counters},
      router_mac_{router_mac.to_integer()},
      loss_in_{loss_threshold(population.options().loss_in)},
      loss_out_{loss_threshold(population.options().loss_out)},
      host_gate_{population.options().limited > 0 ? population.options().limited_rate
                                                  : PacketsPerSecond::unlimited()},
      icmp_gate_{population.options().icmp_rate} {}

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

bool Responder::is_lost(std::uint32_t threshold, std::uint64_t& sequence,
                        std::uint64_t key) noexcept {
  if (threshold == 0) return false;
  const std::uint64_t drawn = mix64(mix64(population_->options().seed ^ key) + sequence++);
  return static_cast<std::uint32_t>(drawn >> 32U) <= threshold;
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
  if (is_lost(loss_in_, received_, kLossInKey)) return ignore(Counter::LostIn);
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
  if (probe.protocol == wire::kProtocolIcmp) return echo(buffer, probe, host, now);
  return ignore(Counter::OtherProtocol);
}

Answer Responder::dead(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                       Nanoseconds now) noexcept {
  const std::byte* const ip = buffer.data() + wire::kEthernetSize;
  if (host.presence == Presence::Dead) {
    return ignore(is_syn(ip, probe) ? Counter::SynToDead : Counter::OtherToDead);
  }
  // RFC 1122 section 3.2.2: never about a fragment, and about ICMP only when it is an echo request.
  constexpr std::uint8_t kEchoRequest = 8;
  const bool is_icmp_error = probe.protocol == wire::kProtocolIcmp &&
                             (probe.payload_size() < wire::kIcmpSize ||
                              wire::read8(ip + probe.header_size) != kEchoRequest);
  if (probe.is_fragment || is_icmp_error) return ignore(Counter::UnreachableIgnored);
  const std::size_t size =
      write_unreachable(buffer, probe, population_->options().gateways.front(), router_mac_);
  return reply(Counter::Unreachable, size, probe, host, now);
}

Answer Responder::echo(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                       Nanoseconds now) noexcept {
  constexpr std::uint16_t kEchoRequest = 0x0800;
  const std::byte* const icmp = buffer.data() + wire::kEthernetSize + probe.header_size;
  if (probe.payload_size() < wire::kIcmpSize) return ignore(Counter::Malformed);
  if (wire::checksum(icmp, probe.payload_size()) != 0) return ignore(Counter::BadTransportChecksum);
  if (wire::read16(icmp) != kEchoRequest) return ignore(Counter::OtherProtocol);
  const std::size_t size = write_echo_reply(buffer, probe, style_of(host, now));
  return reply(Counter::EchoAnswered, size, probe, host, now);
}

Answer Responder::tcp(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                      Nanoseconds now) noexcept {
  const auto bytes = buffer.subspan(wire::kEthernetSize + probe.header_size, probe.payload_size());
  const auto parsed = parse_tcp(bytes);
  if (!parsed) return ignore(Counter::Malformed);
  if (tcp_checksum(probe.from, probe.to, bytes.data(), bytes.size()) != 0) {
    return ignore(Counter::BadTransportChecksum);
  }
  return segment(buffer, probe, host, *parsed, now);
}

// A host without connections (RFC 9293 section 3.10.7, states CLOSED and LISTEN).
Answer Responder::segment(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                          const TcpSegment& segment, Nanoseconds now) noexcept {
  if ((segment.flags & wire::kRst) != 0) return ignore(Counter::RstIgnored);
  const PortAnswer port = population_->port(host, segment.to_port);
  if ((segment.flags & wire::kAck) != 0) {
    if (port == PortAnswer::Dropped) return ignore(Counter::TcpIgnored);
    const std::size_t size = write_reset(buffer, probe, segment, false, style_of(host, now));
    return reply(Counter::OtherTcpReset, size, probe, host, now);
  }
  const bool is_syn = (segment.flags & wire::kSyn) != 0;
  if (port == PortAnswer::Dropped)
    return ignore(is_syn ? Counter::SynDropped : Counter::TcpIgnored);
  if (port == PortAnswer::Open) {
    if (!is_syn) return ignore(Counter::TcpIgnored);
    const std::uint64_t ports = (std::uint64_t{segment.from_port} << 16U) | segment.to_port;
    const auto isn = static_cast<std::uint32_t>(
        mix64(mix64(host.draw ^ probe.from.value()) ^ (ports << 32U) ^ segment.seq));
    const std::size_t size = write_syn_ack(buffer, probe, segment, isn, style_of(host, now));
    return reply(Counter::SynToOpen, size, probe, host, now);
  }
  const std::size_t size = write_reset(buffer, probe, segment, true, style_of(host, now));
  return reply(is_syn ? Counter::SynToClosed : Counter::OtherTcpReset, size, probe, host, now);
}

Answer Responder::reply(Counter outcome, std::size_t length, const Ipv4Frame& probe,
                        const Host& host, Nanoseconds now) noexcept {
  if (length == 0) return ignore(Counter::Malformed);
  counters_->add(outcome);
  counters_->add(Counter::RepliesMade);
  if (host.presence == Presence::Unreachable) {
    if (icmp_gate_.is_limited() && !icmp_gate_.pass(icmp_due_, now)) {
      return ignore(Counter::IcmpLimited);
    }
  } else if (population_->is_rate_limited(host)) {
    const auto rank = population_->addresses().rank(probe.to);
    if (rank && host_gate_.is_limited() && !host_gate_.pass(host_due_[*rank], now)) {
      return ignore(Counter::RateLimited);
    }
  }
  if (is_lost(loss_out_, replied_, kLossOutKey)) return ignore(Counter::LostOut);
  return {Action::Reply, length, population_->rtt(host)};
}

HostStyle Responder::style_of(const Host& host, Nanoseconds now) const noexcept {
  constexpr std::uint16_t kWindows[] = {64240, 65535, 29200, 8192};
  constexpr std::uint8_t kScales[] = {7, 8, 6, 2};
  constexpr std::int64_t kNanosecondsPerTick = 1'000'000;
  const std::uint64_t traits = mix64(host.draw + 1);
  HostStyle style;
  style.ttl = population_->ttl(host);
  style.ip_id =
      static_cast<std::uint16_t>((traits >> 2U) + static_cast<std::uint64_t>(now.count()));
  style.window = kWindows[traits % std::size(kWindows)];
  style.window_scale = kScales[traits % std::size(kScales)];
  style.timestamp = static_cast<std::uint32_t>(traits >> 16U) +
                    static_cast<std::uint32_t>(now.count() / kNanosecondsPerTick);
  return style;
}

}  // namespace trawl::simnet
