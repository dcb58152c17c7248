#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "dataplane/wire.h"

namespace trawl::simnet {

namespace wire = dataplane::wire;

// The checksum of a TCP segment or UDP datagram with its pseudo-header (RFC 9293 section 3.1, RFC
// 768), host order: 0 over one that already holds a right one.
[[nodiscard]] inline std::uint16_t transport_checksum(std::uint8_t protocol, Ipv4Address from,
                                                      Ipv4Address to, const std::byte* segment,
                                                      std::size_t size) noexcept {
  // The sizes of a Linux SYN and of a bare one.
  constexpr std::size_t kLinuxSyn = 40;
  auto sum = size == kLinuxSyn        ? wire::ChecksumPart::over_fixed<kLinuxSyn>(segment)
             : size == wire::kTcpSize ? wire::ChecksumPart::over_fixed<wire::kTcpSize>(segment)
                                      : wire::ChecksumPart::over(segment, size);
  sum.add(wire::swap32(from.value()));
  sum.add(wire::swap32(to.value()));
  sum.add(wire::swap16(protocol));
  sum.add(wire::swap16(static_cast<std::uint16_t>(size)));
  return wire::swap16(sum.finish());
}
[[nodiscard]] inline std::uint16_t tcp_checksum(Ipv4Address from, Ipv4Address to,
                                                const std::byte* segment,
                                                std::size_t size) noexcept {
  return transport_checksum(wire::kProtocolTcp, from, to, segment, size);
}

// The Ethernet address of a simulated host on the link: locally administered, 02:53 and its IP.
[[nodiscard]] constexpr std::uint64_t host_mac(Ipv4Address ip) noexcept {
  return 0x025300000000ULL | ip.value();
}

// The parts of an IPv4 frame that answering it needs, read once so that the reply may be written
// over the same bytes.
struct Ipv4Frame {
  std::uint64_t eth_to = 0;
  std::uint64_t eth_from = 0;
  Ipv4Address from;
  Ipv4Address to;
  std::uint8_t protocol = 0;
  std::uint8_t ttl = 0;
  bool is_fragment = false;
  std::size_t header_size = 0;  // Of the IP header with its options.
  std::size_t total_size = 0;   // Of the IP packet, without Ethernet padding.
  [[nodiscard]] std::size_t payload_size() const noexcept { return total_size - header_size; }
};

enum class FrameError : std::uint8_t { None, Malformed, BadChecksum };

// Fills `out` from a frame of type IPv4. Every size it reports lies within `frame`.
[[nodiscard]] FrameError parse_ipv4(std::span<const std::byte> frame, Ipv4Frame& out) noexcept;

struct TcpSegment {
  std::uint16_t from_port = 0;
  std::uint16_t to_port = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;
  std::uint32_t length = 0;  // In sequence space: payload, SYN and FIN.
  std::uint16_t window = 0;  // As it is in the header, not scaled.
  std::uint16_t mss = 0;     // Where has_mss.
  std::uint8_t window_scale = 0;
  bool has_mss = false;
  bool has_sack = false;
  bool has_window_scale = false;
  std::optional<std::uint32_t> timestamp;
};

// Nullopt when the header is cut short or its options do not add up. Does not look at the checksum.
[[nodiscard]] std::optional<TcpSegment> parse_tcp(std::span<const std::byte> segment) noexcept;

struct StackReply;

// How a host's packets look.
struct HostStyle {
  std::uint8_t ttl = 64;
  std::uint16_t ip_id = 0;
  std::uint16_t window = 64240;
  std::uint8_t window_scale = 7;
  std::uint32_t timestamp = 0;  // The host's TCP timestamp clock now.
  bool has_df = true;
  std::uint32_t flow_label = 0;       // Of IPv6.
  const StackReply* stack = nullptr;  // Of a SYN-ACK: the options, where they are not the usual.
};

// Writers of replies. Each writes a whole frame from the start of `buffer`, addressed from
// `probe.to` to `probe.from` unless said otherwise, and returns its size, or 0 when `buffer` is too
// small. `buffer` may be the one that holds the probe.
[[nodiscard]] std::size_t write_syn_ack(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                        const TcpSegment& syn, std::uint32_t isn,
                                        const HostStyle& style) noexcept;
// With `with_ack` the reset carries sequence number 0 and acknowledges `segment`; without, it takes
// the acknowledged number of `segment` as its sequence number (RFC 9293 section 3.10.7).
[[nodiscard]] std::size_t write_reset(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                      const TcpSegment& segment, bool with_ack,
                                      const HostStyle& style) noexcept;
// The segments alone, with a checksum of 0, at `tcp`; they take up to 60 and just 20 bytes.
[[nodiscard]] std::size_t write_syn_ack_segment(std::byte* tcp, const TcpSegment& syn,
                                                std::uint32_t isn, const HostStyle& style) noexcept;
[[nodiscard]] std::size_t write_reset_segment(std::byte* tcp, const TcpSegment& segment,
                                              bool with_ack) noexcept;
// Needs the probe, an echo request, still in `buffer`.
[[nodiscard]] std::size_t write_echo_reply(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                           const HostStyle& style) noexcept;
// Needs the probe, a timestamp request of at least kIcmpTimestampSize bytes, still in `buffer`.
// `milliseconds` is the time of day (RFC 792).
inline constexpr std::size_t kIcmpTimestampSize = 20;
[[nodiscard]] std::size_t write_timestamp_reply(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                                std::uint32_t milliseconds,
                                                const HostStyle& style) noexcept;
// Who sends an ICMP error, and which.
struct Unreachable {
  Ipv4Address from;
  std::uint64_t mac = 0;
  std::uint8_t code = 1;
  std::uint8_t ttl = 64;
};
// Needs the probe still in `buffer`; quotes up to 548 bytes of it.
[[nodiscard]] std::size_t write_unreachable(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                            const Unreachable& error) noexcept;

struct UdpDatagram {
  std::uint16_t from_port = 0;
  std::uint16_t to_port = 0;
  std::span<const std::byte> payload;  // Points into the parsed bytes.
};
// Nullopt when the lengths do not add up. Does not look at the checksum.
[[nodiscard]] std::optional<UdpDatagram> parse_udp(std::span<const std::byte> datagram) noexcept;
// Needs a payload outside `buffer`.
[[nodiscard]] std::size_t write_udp(std::span<std::byte> buffer, const Ipv4Frame& probe,
                                    const UdpDatagram& request, std::span<const std::byte> payload,
                                    const HostStyle& style) noexcept;

// Takes one from the TTL, mending the header checksum in place (RFC 1624). False when no hop is
// left; then nothing is changed. Needs a frame that parse_ipv4() accepted.
[[nodiscard]] bool decrement_ttl(std::span<std::byte> frame) noexcept;

}  // namespace trawl::simnet
