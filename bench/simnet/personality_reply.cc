#include "bench/simnet/personality_reply.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "osfp/active/probe.h"

namespace trawl::simnet {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::size_t kIpAt = wire::kEthernetSize;
constexpr std::size_t kPayloadAt = kIpAt + wire::kIpSize;
constexpr std::size_t kUrgent = 18;  // The urgent pointer, RFC 9293 section 3.1.
constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kNothing = 1;
constexpr std::uint8_t kMss = 2;
constexpr std::uint8_t kScale = 3;
constexpr std::uint8_t kSackPermitted = 4;
constexpr std::uint8_t kTimestamps = 8;

struct IpFields {
  std::uint8_t protocol;
  std::uint8_t ttl;
  std::uint16_t id;
  bool df;
  std::size_t payload_size;
};

// Ethernet and IP headers of a reply from the probed address; returns the size of the frame.
std::size_t write_headers(std::byte* frame, const Ipv4Frame& probe,
                          const IpFields& fields) noexcept {
  wire::write_mac(frame, probe.eth_from);
  wire::write_mac(frame + 6, probe.eth_to);
  wire::write16(frame + 12, wire::kTypeIpv4);
  std::byte* const ip = frame + kIpAt;
  wire::write16(ip, 0x4500);
  wire::write16(ip + wire::kIpLength,
                static_cast<std::uint16_t>(wire::kIpSize + fields.payload_size));
  wire::write16(ip + wire::kIpId, fields.id);
  wire::write16(ip + wire::kIpFragment, fields.df ? kDontFragment : std::uint16_t{0});
  wire::write8(ip + wire::kIpTtl, fields.ttl);
  wire::write8(ip + wire::kIpProtocol, fields.protocol);
  wire::write16(ip + wire::kIpChecksum, 0);
  wire::write32(ip + wire::kIpSource, probe.to.value());
  wire::write32(ip + wire::kIpDestination, probe.from.value());
  wire::write16(ip + wire::kIpChecksum, wire::checksum(ip, wire::kIpSize));
  return kPayloadAt + fields.payload_size;
}

std::uint32_t number_by(NumberRule rule, std::uint32_t probe, std::uint32_t other) noexcept {
  switch (rule) {
    case NumberRule::Zero: return 0;
    case NumberRule::Same: return probe;
    case NumberRule::Next: return probe + 1;
    case NumberRule::Other: break;
  }
  return other;
}

bool is_offered(std::uint8_t kind, const TcpSegment& request) noexcept {
  switch (kind) {
    case kMss: return true;
    case kScale: return request.has_window_scale;
    case kSackPermitted: return request.has_sack;
    case kTimestamps: return request.timestamp.has_value();
    default: return false;
  }
}

// Writes options and returns their size, a multiple of four.
std::size_t write_options(std::byte* at, const TcpSegment& request, const SegmentStyle& style,
                          std::uint32_t stamp, bool offers_only) noexcept {
  const bool is_whole =
      !offers_only || (request.has_window_scale && request.has_sack && request.timestamp);
  std::size_t size = 0;
  for (std::size_t i = 0; i < style.options_size;) {
    const std::byte* const option = style.options.data() + i;
    const std::uint8_t kind = wire::read8(option);
    const std::size_t length = kind == kEnd || kind == kNothing ? 1 : wire::read8(option + 1);
    i += length;
    if (!is_whole && !is_offered(kind, request)) continue;
    // Of what is left, each ends where a word does, as common stacks write them.
    const std::size_t filling = is_whole ? 0 : (4 - (size + length) % 4) % 4;
    if (size + filling + length > SegmentStyle::kMostOptions) break;
    std::memset(at + size, kNothing, filling);
    size += filling;
    std::memcpy(at + size, option, length);
    if (kind == kTimestamps) {
      if (wire::read32(at + size + 2) != 0) wire::write32(at + size + 2, stamp);
      if (wire::read32(at + size + 6) != 0) {
        wire::write32(at + size + 6, request.timestamp.value_or(1));
      }
    }
    size += length;
  }
  return size;
}

}  // namespace

ProbeShapes::ProbeShapes() {
  osfp::ProbeSeries series;
  series.open_port = 1;
  std::size_t next = 0;
  for (std::size_t i = 0; i < osfp::kProbes; ++i) {
    const osfp::Probe probe = osfp::probe_at(i);
    if (!osfp::is_tcp(probe)) continue;
    std::array<std::byte, osfp::kMostProbeSize> packet{};
    const std::size_t size = osfp::write_probe(probe, series, {}, packet);
    const std::byte* const tcp = packet.data() + wire::kIpSize;
    Shape& shape = shapes_[next++];
    shape.flags = wire::read8(tcp + wire::kTcpFlags);
    shape.window = wire::read16(tcp + wire::kTcpWindow);
    shape.options.assign(tcp + wire::kTcpSize, static_cast<const std::byte*>(packet.data()) + size);
  }
}

std::optional<Personality::Segment> ProbeShapes::find(
    std::span<const std::byte> segment) const noexcept {
  const std::byte* const tcp = segment.data();
  const std::uint8_t flags = wire::read8(tcp + wire::kTcpFlags);
  const std::uint16_t window = wire::read16(tcp + wire::kTcpWindow);
  const std::size_t header = (std::size_t{wire::read8(tcp + wire::kTcpOffset)} >> 4U) * 4;
  if (header < wire::kTcpSize || header > segment.size()) return std::nullopt;
  const auto options = segment.subspan(wire::kTcpSize, header - wire::kTcpSize);
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    const Shape& shape = shapes_[i];
    if (shape.flags == flags && shape.window == window &&
        std::equal(options.begin(), options.end(), shape.options.begin(), shape.options.end())) {
      return static_cast<Personality::Segment>(i);
    }
  }
  return std::nullopt;
}

const SegmentStyle* style_for(const Personality& personality,
                              std::optional<Personality::Segment> probe, std::uint8_t flags,
                              bool is_open) noexcept {
  const auto answer = [](const SegmentStyle& style) { return style.answers ? &style : nullptr; };
  if ((flags & wire::kRst) != 0) return nullptr;
  const bool is_probe = probe && (*probe <= Personality::T4) == is_open;
  if (is_probe) return answer(personality.segments[*probe]);
  const bool has_ack = (flags & wire::kAck) != 0;
  if ((flags & wire::kSyn) != 0 && !has_ack) {
    if (!is_open) return answer(personality.closed);
    if ((flags & wire::kFin) == 0) return answer(personality.open);
    return answer(personality.segments[Personality::T3]);
  }
  const auto like = is_open ? (has_ack ? Personality::T4 : Personality::T2)
                            : (has_ack ? Personality::T6 : Personality::T7);
  return answer(personality.segments[like]);
}

std::uint16_t next_id(const IdStyle& style, IdCounters& counters, std::uint64_t draw) noexcept {
  using Rule = IdStyle::Rule;
  // Steps as OS detection tells them apart: beyond 20,000 and beyond 1,000.
  constexpr std::uint16_t kFarStep = 20'001;
  constexpr std::uint16_t kFarSteps = 25'000;
  constexpr std::uint16_t kLongStep = 1'001;
  constexpr std::uint16_t kLongSteps = 400;
  std::uint16_t& counter = counters.values[style.counter];
  const auto step = [&](std::uint64_t by) { counter = static_cast<std::uint16_t>(counter + by); };
  const std::uint64_t drawn = mix64(draw ^ counter);
  switch (style.rule) {
    case Rule::Zero: return 0;
    case Rule::Constant: return style.constant;
    case Rule::Count: step(1); return counter;
    case Rule::CountSwapped: step(1); return wire::swap16(counter);
    case Rule::Random: step(kFarStep + drawn % kFarSteps); return counter;
    case Rule::RandomUp: {
      const std::uint64_t by = kLongStep + drawn % kLongSteps;
      step(by % 256 == 0 ? by + 1 : by);
      return counter;
    }
  }
  return 0;
}

void settle_ids(const Personality& personality, IdCounters& counters) noexcept {
  using Rule = IdStyle::Rule;
  // A round has some twenty answers; the longest steps bring a counter 34,000 on.
  constexpr std::uint16_t kFirst[] = {0x0800, 0x7000};
  constexpr std::uint16_t kLast[] = {0x2fff, 0x77ff};
  for (const IdStyle* const style :
       {&personality.open_ids, &personality.closed_ids, &personality.echo_ids}) {
    if (style->rule == Rule::Zero || style->rule == Rule::Constant || style->rule == Rule::Random) {
      continue;
    }
    const auto zone = static_cast<std::size_t>(personality.zones[style->counter]);
    std::uint16_t& counter = counters.values[style->counter];
    const bool is_swapped = style->rule == Rule::CountSwapped;
    const std::uint16_t id = is_swapped ? wire::swap16(counter) : counter;
    if (counters.is_started != 0 && id >= kFirst[zone] && id <= kLast[zone]) continue;
    const std::uint64_t drawn =
        mix64(personality.draw ^ id ^ (std::uint64_t{style->counter} << 32U));
    const auto fresh = static_cast<std::uint16_t>(
        kFirst[zone] + drawn % (std::uint64_t{kLast[zone]} - kFirst[zone]));
    counter = is_swapped ? static_cast<std::uint16_t>(fresh >> 8U) : fresh;
  }
  counters.is_started = 1;
}

std::size_t write_segment(std::span<std::byte> buffer, const Ipv4Frame& probe,
                          const TcpSegment& request, const SegmentStyle& style,
                          const SegmentNumbers& numbers, bool offers_only) noexcept {
  constexpr std::size_t kMost = wire::kTcpSize + SegmentStyle::kMostOptions + 4;
  constexpr std::uint16_t kUrgentValue = 0x0101;
  if (buffer.size() < kPayloadAt + kMost) return 0;
  std::byte* const tcp = buffer.data() + kPayloadAt;
  const std::size_t options =
      write_options(tcp + wire::kTcpSize, request, style, numbers.stamp, offers_only);
  const std::size_t header = wire::kTcpSize + options;
  const std::size_t size = header + style.data_size;
  std::memcpy(tcp + header, style.data.data(), style.data_size);
  wire::write16(tcp + wire::kTcpSourcePort, request.to_port);
  wire::write16(tcp + wire::kTcpDestinationPort, request.from_port);
  wire::write32(tcp + wire::kTcpSequence, number_by(style.sequence, request.ack, numbers.isn));
  wire::write32(tcp + wire::kTcpAck, number_by(style.ack, request.seq, numbers.other));
  wire::write8(tcp + wire::kTcpOffset,
               static_cast<std::uint8_t>(header / 4 << 4U | (style.sets_reserved ? 8U : 0U)));
  wire::write8(tcp + wire::kTcpFlags, style.flags);
  wire::write16(tcp + wire::kTcpWindow, style.window);
  wire::write16(tcp + wire::kTcpChecksum, 0);
  wire::write16(tcp + kUrgent, style.sets_urgent ? kUrgentValue : std::uint16_t{0});
  wire::write16(tcp + wire::kTcpChecksum, tcp_checksum(probe.to, probe.from, tcp, size));
  return write_headers(buffer.data(), probe,
                       {wire::kProtocolTcp, style.ttl, numbers.ip_id, style.df, size});
}

namespace {

// Makes the quoted packet look as it did to the host, and as the host spoils it.
void change_quoted(std::span<std::byte> quoted, std::size_t header, const UnreachableStyle& style,
                   std::uint8_t hops) noexcept {
  using Checksum = UnreachableStyle::Checksum;
  constexpr std::uint16_t kWrong = 0x5a5a;
  constexpr std::uint16_t kOtherWrong = 0xa5a5;
  std::byte* const ip = quoted.data();
  const std::uint8_t ttl = wire::read8(ip + wire::kIpTtl);
  wire::write8(ip + wire::kIpTtl, static_cast<std::uint8_t>(ttl > hops ? ttl - hops : 1));
  if (style.quoted_length) wire::write16(ip + wire::kIpLength, *style.quoted_length);
  if (style.quoted_id) wire::write16(ip + wire::kIpId, *style.quoted_id);
  wire::write16(ip + wire::kIpChecksum, 0);
  const std::uint16_t right = wire::checksum(ip, header);
  const std::uint16_t wrong = right == kWrong ? kOtherWrong : kWrong;
  switch (style.quoted_checksum) {
    case Checksum::Good: wire::write16(ip + wire::kIpChecksum, right); break;
    case Checksum::Invalid: wire::write16(ip + wire::kIpChecksum, wrong); break;
    case Checksum::Zero: break;
  }
  if (style.quoted_udp_checksum) {
    wire::write16(ip + header + wire::kUdpChecksum, *style.quoted_udp_checksum);
  }
  const std::size_t data = header + wire::kUdpSize;
  if (style.spoils_data && quoted.size() > data) quoted[data] ^= std::byte{0xff};
}

}  // namespace

std::size_t write_port_unreachable(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                   const UnreachableStyle& style, std::uint8_t hops,
                                   std::uint16_t ip_id) noexcept {
  constexpr std::uint16_t kPortUnreachable = 0x0303;
  constexpr std::size_t kBefore = kPayloadAt + wire::kIcmpSize;
  const std::size_t wanted = std::size_t{style.size} - wire::kIpSize - wire::kIcmpSize;
  const std::size_t quoted = std::max(wanted, probe.header_size + wire::kUdpSize);
  if (buffer.size() < kBefore + quoted || probe.payload_size() < wire::kUdpSize) return 0;
  const std::size_t copied = std::min(quoted, probe.total_size);
  std::memmove(buffer.data() + kBefore, buffer.data() + kIpAt, copied);
  // Stacks that send more than came have it from a buffer; a probe's goes on as it was.
  std::fill_n(buffer.data() + kBefore + copied, quoted - copied, osfp::kUdpFill);
  change_quoted(buffer.subspan(kBefore, quoted), probe.header_size, style, hops);
  std::byte* const icmp = buffer.data() + kPayloadAt;
  wire::write16(icmp, kPortUnreachable);
  wire::write16(icmp + wire::kIcmpChecksum, 0);
  wire::write16(icmp + wire::kIcmpId, 0);
  wire::write16(icmp + wire::kIcmpId + 2, style.unused);
  wire::write16(icmp + wire::kIcmpChecksum, wire::checksum(icmp, wire::kIcmpSize + quoted));
  return write_headers(buffer.data(), probe,
                       {wire::kProtocolIcmp, style.ttl, ip_id, style.df, wire::kIcmpSize + quoted});
}

std::size_t write_echo(std::span<std::byte> buffer, const Ipv4Frame& probe, const EchoStyle& style,
                       std::uint16_t ip_id) noexcept {
  const std::size_t size = probe.payload_size();
  if (size < wire::kIcmpSize || buffer.size() < kPayloadAt + size) return 0;
  const bool had_df =
      (wire::read16(buffer.data() + kIpAt + wire::kIpFragment) & kDontFragment) != 0;
  std::byte* const icmp = buffer.data() + kPayloadAt;
  std::memmove(icmp, buffer.data() + kIpAt + probe.header_size, size);
  const std::uint8_t asked = wire::read8(icmp + 1);
  std::uint8_t code = style.code.value_or(asked);
  if (style.changes_code) code = static_cast<std::uint8_t>(asked ^ 1U);
  wire::write8(icmp, wire::kIcmpEchoReply);
  wire::write8(icmp + 1, code);
  wire::write16(icmp + wire::kIcmpChecksum, 0);
  wire::write16(icmp + wire::kIcmpChecksum, wire::checksum(icmp, size));
  const bool df = style.df == DfRule::Always || (style.df == DfRule::Same && had_df) ||
                  (style.df == DfRule::Opposite && !had_df);
  return write_headers(buffer.data(), probe, {wire::kProtocolIcmp, style.ttl, ip_id, df, size});
}

std::uint32_t stamp_at(const Personality& personality, std::chrono::nanoseconds now) noexcept {
  constexpr std::uint64_t kLongestUptime = 20 * 86'400;  // Seconds.
  const auto since = static_cast<double>(mix64(personality.draw) % kLongestUptime);
  const double seconds = std::chrono::duration<double>(now).count() + since;
  const auto ticks = static_cast<std::uint64_t>(personality.stamp_hertz * seconds);
  return std::max(static_cast<std::uint32_t>(ticks), 1U);
}

}  // namespace trawl::simnet
