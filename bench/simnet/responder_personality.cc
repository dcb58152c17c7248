#include "base/hash.h"
#include "bench/simnet/personality_reply.h"
#include "bench/simnet/responder.h"

namespace trawl::simnet {

IdCounters& Responder::ids_of(Ipv4Address address) noexcept {
  return ids_[population_->addresses().rank(address).value_or(0)];
}

Answer Responder::as_personality(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                 const Host& host, const Personality& personality,
                                 const TcpSegment& segment,
                                 std::optional<Personality::Segment> os_probe,
                                 Nanoseconds now) noexcept {
  const bool is_syn = (segment.flags & (wire::kSyn | wire::kAck | wire::kRst)) == wire::kSyn;
  if ((segment.flags & wire::kRst) != 0) return ignore(Counter::RstIgnored);
  const PortAnswer port = population_->port(host, segment.to_port);
  if (port == PortAnswer::Dropped) {
    return ignore(is_syn ? Counter::SynDropped : Counter::TcpIgnored);
  }
  const bool is_open = port == PortAnswer::Open;
  const SegmentStyle* style = style_for(personality, os_probe, segment.flags, is_open);
  if (style == nullptr) return ignore(os_probe ? Counter::OsProbeIgnored : Counter::TcpIgnored);
  IdCounters& counters = ids_of(probe.to);
  const bool is_seq = os_probe && *os_probe < Personality::Ecn;
  if (os_probe == Personality::Seq1 || counters.is_started == 0) settle_ids(personality, counters);
  const std::uint64_t ports = (std::uint64_t{segment.from_port} << 16U) | segment.to_port;
  const std::uint64_t drawn = mix64(personality.draw ^ probe.from.value());
  SegmentNumbers numbers;
  // Probes of one series have the same acknowledgment number.
  numbers.isn = is_seq ? personality.isns.at(*os_probe, now) +
                             static_cast<std::uint32_t>(mix64(drawn ^ segment.ack))
                       : static_cast<std::uint32_t>(mix64(drawn ^ (ports << 32U) ^ segment.seq));
  numbers.other = static_cast<std::uint32_t>(mix64(drawn ^ segment.seq));
  numbers.ip_id = next_id(is_open ? personality.open_ids : personality.closed_ids, counters, drawn);
  numbers.stamp = stamp_at(personality, now);
  const bool is_connection = is_open && is_syn && !os_probe;
  std::size_t size = write_segment(buffer, probe, segment, *style, numbers, !os_probe);
  if (is_connection && timers_ && start_timer(buffer.first(size), host, segment.to_port, now)) {
    style = &personality.closed;
    size = write_segment(buffer, probe, segment, *style, numbers, false);
  }
  const bool resets = (style->flags & wire::kRst) != 0;
  const Counter outcome = os_probe   ? Counter::OsProbeAnswered
                          : !is_syn  ? Counter::OtherTcpReset
                          : !is_open ? Counter::SynToClosed
                                     : Counter::SynToOpen;
  return reply(outcome, resets ? ReplyKind::Refusal : ReplyKind::Answer, buffer, size, probe.to,
               host, now);
}

Answer Responder::echo_as(std::span<std::byte> buffer, const Ipv4Frame& probe, const Host& host,
                          const Personality& personality, Nanoseconds now) noexcept {
  if (!personality.echo.answers) return ignore(Counter::OsProbeIgnored);
  IdCounters& counters = ids_of(probe.to);
  if (counters.is_started == 0) settle_ids(personality, counters);
  const std::uint16_t id = next_id(personality.echo_ids, counters, personality.draw);
  const std::size_t size = write_echo(buffer, probe, personality.echo, id);
  return reply(Counter::EchoAnswered, ReplyKind::Answer, buffer, size, probe.to, host, now);
}

Answer Responder::unreachable_as(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                 const Host& host, const Personality& personality,
                                 Nanoseconds now) noexcept {
  if (!personality.unreachable.answers) return ignore(Counter::UdpDropped);
  IdCounters& counters = ids_of(probe.to);
  if (counters.is_started == 0) settle_ids(personality, counters);
  const std::uint16_t id = next_id(personality.echo_ids, counters, personality.draw);
  const std::size_t size =
      write_port_unreachable(buffer, probe, personality.unreachable, personality.hops, id);
  return reply(Counter::UdpToClosed, ReplyKind::HostError, buffer, size, probe.to, host, now);
}

}  // namespace trawl::simnet
