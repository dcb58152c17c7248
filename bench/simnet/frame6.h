#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "bench/simnet/frame.h"

namespace trawl::simnet {

// The parts of an IPv6 frame that answering it needs, read once so that the reply may be written
// over the same bytes.
struct Ipv6Frame {
  std::uint64_t eth_to = 0;
  std::uint64_t eth_from = 0;
  Ipv6Address from;
  Ipv6Address to;
  std::uint8_t protocol = 0;  // Next header; extension headers are not looked into.
  std::uint8_t hop_limit = 0;
  std::size_t payload_size = 0;
};

inline constexpr std::size_t kIpv6Payload = wire::kEthernetSize + wire::kIpv6Size;

// Nullopt when the lengths do not add up. The payload lies within `frame`.
[[nodiscard]] std::optional<Ipv6Frame> parse_ipv6(std::span<const std::byte> frame) noexcept;

// The checksum of a payload with its pseudo-header (RFC 8200 section 8.1), host order: 0 over one
// that already holds a right one.
[[nodiscard]] std::uint16_t checksum6(std::uint8_t protocol, Ipv6Address from, Ipv6Address to,
                                      const std::byte* payload, std::size_t size) noexcept;

// The address whose neighbour a solicitation looks for (RFC 4861 section 4.3); nullopt when it is
// anything else or may not be answered.
[[nodiscard]] std::optional<Ipv6Address> parse_solicitation(std::span<const std::byte> frame,
                                                            const Ipv6Frame& packet) noexcept;

// Writers of replies, as those of frame.h.
[[nodiscard]] std::size_t write_advertisement(std::span<std::byte> buffer, const Ipv6Frame& request,
                                              Ipv6Address target, std::uint64_t mac,
                                              bool is_router) noexcept;
// Needs the request still in `buffer`.
[[nodiscard]] std::size_t write_echo_reply6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                                            const HostStyle& style) noexcept;
[[nodiscard]] std::size_t write_syn_ack6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                                         const TcpSegment& syn, std::uint32_t isn,
                                         const HostStyle& style) noexcept;
[[nodiscard]] std::size_t write_reset6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                                       const TcpSegment& segment, bool with_ack,
                                       const HostStyle& style) noexcept;

// Around a TCP segment of `size` bytes that is in place. Needs room for it.
[[nodiscard]] std::size_t write_tcp6(std::span<std::byte> buffer, const Ipv6Frame& probe,
                                     std::size_t size, const HostStyle& style) noexcept;

// The Ethernet address of a simulated host on the link: locally administered, 02:56.
[[nodiscard]] std::uint64_t host_mac6(Ipv6Address address) noexcept;

}  // namespace trawl::simnet
