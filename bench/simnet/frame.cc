#include "bench/simnet/frame.h"

#include <algorithm>
#include <cstring>

#include "base/mac.h"

namespace trawl::simnet {
namespace {

constexpr std::byte kNop{1};
constexpr std::uint16_t kMss = 1460;
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
};

void write_ipv4(std::byte* at, const Ipv4Header& header) noexcept {
  wire::write16(at, 0x4500);
  wire::write16(at + 2, static_cast<std::uint16_t>(wire::kIpSize + header.payload_size));
  wire::write16(at + 4, header.id);
  wire::write16(at + 6, kDontFragment);
  wire::write8(at + 8, header.ttl);
  wire::write8(at + 9, header.protocol);
  wire::write16(at + 10, 0);
  wire::write32(at + 12, header.from.value());
  wire::write32(at + 16, header.to.value());
  wire::write16(at + 10, wire::checksum(at, wire::kIpSize));
}

// Ethernet and IP headers of a reply from the probed address.
void write_reply_headers(std::byte* frame, const Ipv4Frame& probe, std::uint8_t protocol,
                         std::size_t payload_size, const HostStyle& style) noexcept {
  write_ethernet(frame, probe.eth_from, probe.eth_to, wire::kTypeIpv4);
  write_ipv4(frame + wire::kEthernetSize,
             {probe.to, probe.from, protocol, style.ttl, style.ip_id, payload_size});
}

struct TcpHeader {
  std::uint32_t seq;
  std::uint32_t ack;
  std::uint8_t flags;
  std::uint16_t window;
};

// Writes headers and checksums around `options_size` bytes of options that are in place already.
std::size_t write_tcp(std::byte* frame, const Ipv4Frame& probe, const TcpSegment& segment,
                      const TcpHeader& header, std::size_t options_size,
                      const HostStyle& style) noexcept {
  const std::size_t size = wire::kTcpSize + options_size;
  write_reply_headers(frame, probe, wire::kProtocolTcp, size, style);
  std::byte* const tcp = frame + wire::kEthernetSize + wire::kIpSize;
  wire::write16(tcp, segment.to_port);
  wire::write16(tcp + 2, segment.from_port);
  wire::write32(tcp + 4, header.seq);
  wire::write32(tcp + 8, header.ack);
  wire::write8(tcp + 12, static_cast<std::uint8_t>(size / 4 << 4U));
  wire::write8(tcp + 13, header.flags);
  wire::write16(tcp + 14, header.window);
  wire::write32(tcp + 16, 0);
  wire::write16(tcp + 16, tcp_checksum(probe.to, probe.from, tcp, size));
  return wire::kEthernetSize + wire::kIpSize + size;
}

// Options as a common server answers them: only what the SYN offered, MSS always. Returns their
// size, at most 20.
std::size_t write_syn_ack_options(std::byte* at, const TcpSegment& syn,
                                  const HostStyle& style) noexcept {
  std::byte* const start = at;
  wire::write16(at, 0x0204);
  wire::write16(at + 2, kMss);
  at += 4;
  if (syn.timestamp || syn.has_sack) {
    at[0] = syn.has_sack && syn.timestamp ? std::byte{4} : kNop;
    at[1] = syn.has_sack && syn.timestamp ? std::byte{2} : kNop;
    if (syn.timestamp) {
      wire::write16(at + 2, 0x080a);
      wire::write32(at + 4, style.timestamp);
      wire::write32(at + 8, *syn.timestamp);
      at += 12;
    } else {
      wire::write16(at + 2, 0x0402);
      at += 4;
    }
  }
  if (syn.has_window_scale) {
    at[0] = kNop;
    wire::write16(at + 1, 0x0303);
    wire::write8(at + 3, style.window_scale);
    at += 4;
  }
  return static_cast<std::size_t>(at - start);
}

// Reads the options into `out`; false when one runs over the end or is shorter than its header.
bool parse_tcp_options(std::span<const std::byte> options, TcpSegment& out) noexcept {
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
    if (kind == kMaximumSegment && size == 4) out.has_mss = true;
    if (kind == kWindowScale && size == 3) out.has_window_scale = true;
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
  if (wire::checksum(ip, out.header_size) != 0) return FrameError::BadChecksum;
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
  constexpr std::size_t kMostOptions = 20;
  constexpr std::size_t kHeaders = wire::kEthernetSize + wire::kIpSize + wire::kTcpSize;
  if (buffer.size() < kHeaders + kMostOptions) return 0;
  const std::size_t options = write_syn_ack_options(buffer.data() + kHeaders, syn, style);
  return write_tcp(
      buffer.data(), probe, syn,
      {isn, syn.seq + 1, static_cast<std::uint8_t>(wire::kSyn | wire::kAck), style.window}, options,
      style);
}

std::size_t write_reset(std::span<std::byte> buffer, const Ipv4Frame& probe,
                        const TcpSegment& segment, bool with_ack, const HostStyle& style) noexcept {
  if (buffer.size() < wire::kEthernetSize + wire::kIpSize + wire::kTcpSize) return 0;
  const TcpHeader header = with_ack
                               ? TcpHeader{0, segment.seq + segment.length,
                                           static_cast<std::uint8_t>(wire::kRst | wire::kAck), 0}
                               : TcpHeader{segment.ack, 0, wire::kRst, 0};
  return write_tcp(buffer.data(), probe, segment, header, 0, style);
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
  write_ipv4(ip,
             {error.from, probe.from, wire::kProtocolIcmp, error.ttl, 0, wire::kIcmpSize + quoted});
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

std::optional<ArpPacket> parse_arp(std::span<const std::byte> frame) noexcept {
  if (frame.size() < wire::kEthernetSize + wire::kArpSize) return std::nullopt;
  const std::byte* const arp = frame.data() + wire::kEthernetSize;
  constexpr std::uint32_t kEthernetAndIpv4 = 0x00010800;
  constexpr std::uint16_t kAddressSizes = 0x0604;
  if (wire::read32(arp) != kEthernetAndIpv4 || wire::read16(arp + 4) != kAddressSizes)
    return std::nullopt;
  return ArpPacket{wire::read16(arp + 6), wire::read_mac(arp + 8),
                   Ipv4Address{wire::read32(arp + 14)}, Ipv4Address{wire::read32(arp + 24)}};
}

namespace {

struct ArpBody {
  std::uint16_t operation;
  std::uint64_t sender_mac;
  Ipv4Address sender;
  std::uint64_t target_mac;
  Ipv4Address target;
};

std::size_t write_arp(std::span<std::byte> buffer, std::uint64_t to, const ArpBody& body) noexcept {
  if (buffer.size() < wire::kEthernetSize + wire::kArpSize) return 0;
  write_ethernet(buffer.data(), to, body.sender_mac, wire::kTypeArp);
  std::byte* const arp = buffer.data() + wire::kEthernetSize;
  wire::write32(arp, 0x00010800);
  wire::write16(arp + 4, 0x0604);
  wire::write16(arp + 6, body.operation);
  wire::write_mac(arp + 8, body.sender_mac);
  wire::write32(arp + 14, body.sender.value());
  wire::write_mac(arp + 18, body.target_mac);
  wire::write32(arp + 24, body.target.value());
  return wire::kEthernetSize + wire::kArpSize;
}

}  // namespace

std::size_t write_arp_reply(std::span<std::byte> buffer, const ArpPacket& request,
                            std::uint64_t mac) noexcept {
  return write_arp(buffer, request.sender_mac,
                   {wire::kArpReply, mac, request.target, request.sender_mac, request.sender});
}

std::size_t write_arp_request(std::span<std::byte> buffer, std::uint64_t sender_mac,
                              Ipv4Address sender, Ipv4Address target) noexcept {
  return write_arp(buffer, MacAddress::broadcast().to_integer(),
                   {wire::kArpRequest, sender_mac, sender, 0, target});
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
