#include "bench/simnet/frame.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "bench/simnet/families.h"

namespace trawl::simnet {
namespace {

constexpr std::uint16_t kDontFragment = 0x4000;

void write_ethernet(std::byte* at, std::uint64_t to, std::uint64_t from,
                    std::uint16_t type) noexcept {
  wire::write_mac(at, to);
  wire::write_mac(at + 6, from);
  wire::write16(at + 12, type);
}

struct Ipv4Header {
  Ipv4Address from;
  Ipv4Address to;
  std::uint8_t protocol;
  std::uint8_t ttl;
  std::uint16_t id;
  std::size_t payload_size;
  bool has_df;
};

// Writes a header word by word and sums what it writes. A checksum that read back what was just
// written in other sizes would wait for the store buffer each time.
class Words {
 public:
  explicit Words(std::byte* at) noexcept : at_{at} {}
  Words& put(std::uint32_t word) noexcept {
    word = wire::swap32(word);
    wire::store(at_, word);
    at_ += sizeof word;
    sum_.add(word);
    return *this;
  }
  Words& put(std::uint32_t high, std::uint32_t low) noexcept { return put((high << 16U) | low); }
  // Adds to the sum alone.
  Words& sum(std::uint32_t word) noexcept {
    sum_.add(wire::swap32(word));
    return *this;
  }
  // In memory order.
  [[nodiscard]] std::uint16_t checksum() const noexcept { return sum_.finish(); }
  [[nodiscard]] std::byte* at() const noexcept { return at_; }

 private:
  std::byte* at_;
  wire::ChecksumPart sum_;
};

void write_ipv4(std::byte* at, const Ipv4Header& header) noexcept {
  constexpr std::uint32_t kVersionAndSize = 0x4500;
  Words words{at};
  words.put(kVersionAndSize, static_cast<std::uint32_t>(wire::kIpSize + header.payload_size))
      .put(header.id, header.has_df ? kDontFragment : std::uint32_t{0})
      .put((std::uint32_t{header.ttl} << 8U) | header.protocol, 0)
      .put(header.from.value())
      .put(header.to.value());
  wire::store(at + wire::kIpChecksum, words.checksum());
}

// Ethernet and IP headers of a reply from the probed address.
void write_reply_headers(std::byte* frame, const Ipv4Frame& probe, std::uint8_t protocol,
                         std::size_t payload_size, const HostStyle& style) noexcept {
  write_ethernet(frame, probe.eth_from, probe.eth_to, wire::kTypeIpv4);
  write_ipv4(frame + wire::kEthernetSize,
             {probe.to, probe.from, protocol, style.ttl, style.ip_id, payload_size, style.has_df});
}

struct TcpHeader {
  std::uint32_t seq;
  std::uint32_t ack;
  std::uint8_t flags;
  std::uint16_t window;
};

// TCP options in words of four bytes.
struct TcpOptions {
  std::array<std::uint32_t, 10> words{};
  std::size_t count = 0;
  void add(std::uint32_t word) noexcept { words[count++] = word; }
  [[nodiscard]] std::size_t size() const noexcept { return wire::kTcpSize + 4 * count; }
};

// Writes the segment that answers `segment`, with a checksum of 0.
Words write_segment(std::byte* tcp, const TcpSegment& segment, const TcpHeader& header,
                    const TcpOptions& options) noexcept {
  const auto offset = static_cast<std::uint32_t>(options.size() / 4 << 12U);
  Words words{tcp};
  words.put(segment.to_port, segment.from_port)
      .put(header.seq)
      .put(header.ack)
      .put(offset | header.flags, header.window)
      .put(0);
  for (std::size_t i = 0; i < options.count; ++i) words.put(options.words[i]);
  return words;
}

std::size_t write_tcp(std::byte* frame, const Ipv4Frame& probe, const TcpSegment& segment,
                      const TcpHeader& header, const TcpOptions& options,
                      const HostStyle& style) noexcept {
  const std::size_t size = options.size();
  write_reply_headers(frame, probe, wire::kProtocolTcp, size, style);
  std::byte* const tcp = frame + wire::kEthernetSize + wire::kIpSize;
  Words words = write_segment(tcp, segment, header, options);
  words.sum(probe.to.value())
      .sum(probe.from.value())
      .sum(wire::kProtocolTcp + static_cast<std::uint32_t>(size));
  wire::store(tcp + wire::kTcpChecksum, words.checksum());
  return wire::kEthernetSize + wire::kIpSize + size;
}

TcpHeader syn_ack_header(const TcpSegment& syn, std::uint32_t isn,
                         const HostStyle& style) noexcept {
  return {isn, syn.seq + 1, static_cast<std::uint8_t>(wire::kSyn | wire::kAck), style.window};
}

TcpHeader reset_header(const TcpSegment& segment, bool with_ack) noexcept {
  if (!with_ack) return {segment.ack, 0, wire::kRst, 0};
  return {0, segment.seq + segment.length, static_cast<std::uint8_t>(wire::kRst | wire::kAck), 0};
}

// Those of an operating system, with the values that this host has.
TcpOptions stack_options(const TcpSegment& syn, const StackReply& reply,
                         std::uint32_t timestamp) noexcept {
  const StackStyle& stack = *reply.stack;
  std::array<std::byte, 40> bytes = stack.options;
  if (stack.scale_at != 0) bytes[stack.scale_at] = std::byte{reply.scale};
  if (stack.mss_at != 0) wire::write16(bytes.data() + stack.mss_at, reply.mss);
  if (stack.stamp_at != 0) {
    wire::write32(bytes.data() + stack.stamp_at, timestamp);
    wire::write32(bytes.data() + stack.stamp_at + 4, syn.timestamp.value_or(0));
  }
  TcpOptions options;
  for (std::size_t at = 0; at < stack.options_size; at += 4) {
    options.add(wire::read32(bytes.data() + at));
  }
  return options;
}

// Options as a common server answers them: only what the SYN offered, MSS always.
TcpOptions syn_ack_options(const TcpSegment& syn, const HostStyle& style) noexcept {
  constexpr std::uint32_t kMss = 0x020405b4;  // 1460.
  constexpr std::uint32_t kSack = 0x0402;
  constexpr std::uint32_t kTimestamps = 0x080a;
  constexpr std::uint32_t kTwoNops = 0x0101;
  constexpr std::uint32_t kNopAndScale = 0x01030300;
  if (style.stack != nullptr) return stack_options(syn, *style.stack, style.timestamp);
  TcpOptions options;
  options.add(kMss);
  if (syn.timestamp) {
    options.add(((syn.has_sack ? kSack : kTwoNops) << 16U) | kTimestamps);
    options.add(style.timestamp);
    options.add(*syn.timestamp);
  } else if (syn.has_sack) {
    options.add((kTwoNops << 16U) | kSack);
  }
  if (syn.has_window_scale) options.add(kNopAndScale | style.window_scale);
  return options;
}

// The options of Linux, by far the commonest, in one comparison: MSS, SACK, timestamps, NOP and
// window scale.
bool has_linux_options(std::span<const std::byte> options) noexcept {
  constexpr std::size_t kSize = 20;
  return options.size() == kSize && wire::read16(options.data()) == 0x0204 &&
         wire::read32(options.data() + 4) == 0x0402080a &&
         wire::read32(options.data() + 16) >> 8U == 0x010303;
}

// Reads the options into `out`; false when one runs over the end or is shorter than its header.
bool parse_tcp_options(std::span<const std::byte> options, TcpSegment& out) noexcept {
  if (has_linux_options(options)) {
    out.has_mss = out.has_sack = out.has_window_scale = true;
    out.mss = wire::read16(options.data() + 2);
    out.window_scale = wire::read8(options.data() + 19);
    out.timestamp = wire::read32(options.data() + 8);
    return true;
  }
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNoOperation = 1;
  constexpr std::uint8_t kMaximumSegment = 2;
  constexpr std::uint8_t kWindowScale = 3;
  constexpr std::uint8_t kSackPermitted = 4;
  constexpr std::uint8_t kTimestamps = 8;
  while (!options.empty()) {
    const std::uint8_t kind = wire::read8(options.data());
    if (kind == kEnd) return true;
    if (kind == kNoOperation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return false;
    const std::size_t size = wire::read8(options.data() + 1);
    if (size < 2 || size > options.size()) return false;
    if (kind == kMaximumSegment && size == 4) {
      out.has_mss = true;
      out.mss = wire::read16(options.data() + 2);
    }
    if (kind == kWindowScale && size == 3) {
      out.has_window_scale = true;
      out.window_scale = wire::read8(options.data() + 2);
    }
    if (kind == kSackPermitted && size == 2) out.has_sack = true;
    if (kind == kTimestamps && size == 10) out.timestamp = wire::read32(options.data() + 2);
    options = options.subspan(size);
  }
  return true;
}

}  // namespace

FrameError parse_ipv4(std::span<const std::byte> frame, Ipv4Frame& out) noexcept {
  if (frame.size() < wire::kEthernetSize + wire::kIpSize) return FrameError::Malformed;
  const std::byte* const ip = frame.data() + wire::kEthernetSize;
  const std::uint8_t version_and_size = wire::read8(ip);
  out.header_size = (std::size_t{version_and_size} & 0x0fU) * 4;
  out.total_size = wire::read16(ip + 2);
  if (version_and_size >> 4U != 4 || out.header_size < wire::kIpSize ||
      out.total_size < out.header_size || out.total_size > frame.size() - wire::kEthernetSize) {
    return FrameError::Malformed;
  }
  const bool is_right = out.header_size == wire::kIpSize
                            ? wire::ChecksumPart::over_fixed<wire::kIpSize>(ip).finish() == 0
                            : wire::checksum(ip, out.header_size) == 0;
  if (!is_right) return FrameError::BadChecksum;
  constexpr std::uint16_t kMoreFragmentsAndOffset = 0x3fff;
  out.eth_to = wire::read_mac(frame.data());
  out.eth_from = wire::read_mac(frame.data() + 6);
  out.is_fragment = (wire::read16(ip + 6) & kMoreFragmentsAndOffset) != 0;
  out.ttl = wire::read8(ip + 8);
  out.protocol = wire::read8(ip + 9);
  out.from = Ipv4Address{wire::read32(ip + 12)};
  out.to = Ipv4Address{wire::read32(ip + 16)};
  return FrameError::None;
}

std::optional<TcpSegment> parse_tcp(std::span<const std::byte> segment) noexcept {
  if (segment.size() < wire::kTcpSize) return std::nullopt;
  const std::byte* const tcp = segment.data();
  const std::size_t header_size = (std::size_t{wire::read8(tcp + 12)} >> 4U) * 4;
  if (header_size < wire::kTcpSize || header_size > segment.size()) return std::nullopt;
  TcpSegment out;
  out.from_port = wire::read16(tcp);
  out.to_port = wire::read16(tcp + 2);
  out.seq = wire::read32(tcp + 4);
  out.ack = wire::read32(tcp + 8);
  out.flags = wire::read8(tcp + 13);
  out.window = wire::read16(tcp + wire::kTcpWindow);
  out.length = static_cast<std::uint32_t>(segment.size() - header_size);
  if ((out.flags & wire::kSyn) != 0) ++out.length;
  if ((out.flags & wire::kFin) != 0) ++out.length;
  if (!parse_tcp_options(segment.subspan(wire::kTcpSize, header_size - wire::kTcpSize), out)) {
    return std::nullopt;
  }
  return out;
}

std::size_t write_syn_ack(std::span<std::byte> buffer, const Ipv4Frame& probe,
                          const TcpSegment& syn, std::uint32_t isn,
                          const HostStyle& style) noexcept {
  constexpr std::size_t kMostOptions = 40;
  constexpr std::size_t kHeaders = wire::kEthernetSize + wire::kIpSize + wire::kTcpSize;
  if (buffer.size() < kHeaders + kMostOptions) return 0;
  return write_tcp(buffer.data(), probe, syn, syn_ack_header(syn, isn, style),
                   syn_ack_options(syn, style), style);
}

std::size_t write_reset(std::span<std::byte> buffer, const Ipv4Frame& probe,
                        const TcpSegment& segment, bool with_ack, const HostStyle& style) noexcept {
  if (buffer.size() < wire::kEthernetSize + wire::kIpSize + wire::kTcpSize) return 0;
  return write_tcp(buffer.data(), probe, segment, reset_header(segment, with_ack), {}, style);
}

std::size_t write_syn_ack_segment(std::byte* tcp, const TcpSegment& syn, std::uint32_t isn,
                                  const HostStyle& style) noexcept {
  const TcpOptions options = syn_ack_options(syn, style);
  (void)write_segment(tcp, syn, syn_ack_header(syn, isn, style), options);
  return options.size();
}

std::size_t write_reset_segment(std::byte* tcp, const TcpSegment& segment, bool with_ack) noexcept {
  (void)write_segment(tcp, segment, reset_header(segment, with_ack), {});
  return wire::kTcpSize;
}

std::size_t write_echo_reply(std::span<std::byte> buffer, const Ipv4Frame& probe,
                             const HostStyle& style) noexcept {
  const std::size_t size = probe.payload_size();
  if (size < wire::kIcmpSize || buffer.size() < wire::kEthernetSize + probe.total_size) return 0;
  std::byte* const icmp = buffer.data() + wire::kEthernetSize + wire::kIpSize;
  std::memmove(icmp, buffer.data() + wire::kEthernetSize + probe.header_size, size);
  write_reply_headers(buffer.data(), probe, wire::kProtocolIcmp, size, style);
  wire::write32(icmp, 0);
  wire::write16(icmp + 2, wire::checksum(icmp, size));
  return wire::kEthernetSize + wire::kIpSize + size;
}

std::size_t write_timestamp_reply(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                  std::uint32_t milliseconds, const HostStyle& style) noexcept {
  constexpr std::uint16_t kTimestampReply = 0x0e00;
  constexpr std::size_t kReceived = 12;
  constexpr std::size_t kSent = 16;
  if (buffer.size() < wire::kEthernetSize + probe.header_size + kIcmpTimestampSize) return 0;
  std::byte* const icmp = buffer.data() + wire::kEthernetSize + wire::kIpSize;
  std::memmove(icmp, buffer.data() + wire::kEthernetSize + probe.header_size, kIcmpTimestampSize);
  write_reply_headers(buffer.data(), probe, wire::kProtocolIcmp, kIcmpTimestampSize, style);
  wire::write16(icmp, kTimestampReply);
  wire::write16(icmp + 2, 0);
  wire::write32(icmp + kReceived, milliseconds);
  wire::write32(icmp + kSent, milliseconds);
  wire::write16(icmp + 2, wire::checksum(icmp, kIcmpTimestampSize));
  return wire::kEthernetSize + wire::kIpSize + kIcmpTimestampSize;
}

std::size_t write_unreachable(std::span<std::byte> buffer, const Ipv4Frame& probe,
                              const Unreachable& error) noexcept {
  // RFC 1812 section 4.3.2.3: as much as fits in 576 bytes.
  constexpr std::size_t kMostQuoted = 576 - wire::kIpSize - wire::kIcmpSize;
  constexpr std::size_t kBefore = wire::kEthernetSize + wire::kIpSize + wire::kIcmpSize;
  constexpr std::uint16_t kDestinationUnreachable = 0x0300;
  const std::size_t quoted = std::min(probe.total_size, kMostQuoted);
  if (buffer.size() < kBefore + quoted) return 0;
  std::memmove(buffer.data() + kBefore, buffer.data() + wire::kEthernetSize, quoted);
  write_ethernet(buffer.data(), probe.eth_from, error.mac, wire::kTypeIpv4);
  std::byte* const ip = buffer.data() + wire::kEthernetSize;
  write_ipv4(ip, {error.from, probe.from, wire::kProtocolIcmp, error.ttl, 0,
                  wire::kIcmpSize + quoted, true});
  std::byte* const icmp = ip + wire::kIpSize;
  wire::write16(icmp, static_cast<std::uint16_t>(kDestinationUnreachable | error.code));
  wire::write16(icmp + 2, 0);
  wire::write32(icmp + 4, 0);
  wire::write16(icmp + 2, wire::checksum(icmp, wire::kIcmpSize + quoted));
  return kBefore + quoted;
}

std::optional<UdpDatagram> parse_udp(std::span<const std::byte> datagram) noexcept {
  if (datagram.size() < wire::kUdpSize) return std::nullopt;
  const std::size_t size = wire::read16(datagram.data() + wire::kUdpLength);
  if (size < wire::kUdpSize || size > datagram.size()) return std::nullopt;
  return UdpDatagram{wire::read16(datagram.data()), wire::read16(datagram.data() + 2),
                     datagram.subspan(wire::kUdpSize, size - wire::kUdpSize)};
}

std::size_t write_udp(std::span<std::byte> buffer, const Ipv4Frame& probe,
                      const UdpDatagram& request, std::span<const std::byte> payload,
                      const HostStyle& style) noexcept {
  constexpr std::size_t kBefore = wire::kEthernetSize + wire::kIpSize + wire::kUdpSize;
  if (buffer.size() < kBefore + payload.size()) return 0;
  const std::size_t size = wire::kUdpSize + payload.size();
  write_reply_headers(buffer.data(), probe, wire::kProtocolUdp, size, style);
  std::byte* const udp = buffer.data() + wire::kEthernetSize + wire::kIpSize;
  wire::write16(udp, request.to_port);
  wire::write16(udp + 2, request.from_port);
  wire::write16(udp + wire::kUdpLength, static_cast<std::uint16_t>(size));
  wire::write16(udp + wire::kUdpChecksum, 0);
  std::copy(payload.begin(), payload.end(), buffer.begin() + kBefore);
  // Zero would mean that there is none.
  const std::uint16_t sum = transport_checksum(wire::kProtocolUdp, probe.to, probe.from, udp, size);
  wire::write16(udp + wire::kUdpChecksum, sum == 0 ? 0xffff : sum);
  return kBefore + payload.size();
}

bool decrement_ttl(std::span<std::byte> frame) noexcept {
  std::byte* const ip = frame.data() + wire::kEthernetSize;
  const std::uint8_t ttl = wire::read8(ip + 8);
  if (ttl <= 1) return false;
  // HC' = ~(~HC + ~m + m'), where m is the word of TTL and protocol.
  const std::uint32_t before = wire::read16(ip + 8);
  wire::write8(ip + 8, static_cast<std::uint8_t>(ttl - 1));
  const std::uint32_t after = wire::read16(ip + 8);
  std::uint32_t sum = (~wire::read16(ip + 10) & 0xffffU) + (~before & 0xffffU) + after;
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  wire::write16(ip + 10, static_cast<std::uint16_t>(~sum));
  return true;
}

}  // namespace trawl::simnet
