#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "osfp/active/probe.h"

namespace trawl::osfp {

// The eighteen probes of active OS detection over IPv6, in the order in which they are sent: those
// of the Nmap book, chapter "IPv6 fingerprinting". NodeInfo has a place in fingerprints and models
// only: it is not sent, as nmap 7.93 does not.
enum class Probe6 : std::uint8_t {
  Seq1,
  Seq2,
  Seq3,
  Seq4,
  Seq5,
  Seq6,
  Echo1,      // A hop-by-hop header of padding.
  Echo2,      // Four extension headers, in an order that nobody may send.
  NodeInfo,   // RFC 4620: which IPv4 addresses have you? Not sent.
  Neighbour,  // RFC 4861, only to hosts on the same link.
  Udp,
  Ecn,
  T2,
  T3,
  T4,
  T5,
  T6,
  T7
};
inline constexpr std::size_t kProbes6 = 18;

[[nodiscard]] constexpr std::size_t index_of(Probe6 probe) noexcept {
  return static_cast<std::size_t>(probe);
}
[[nodiscard]] constexpr Probe6 probe6_at(std::size_t index) noexcept {
  return static_cast<Probe6>(index);
}
[[nodiscard]] constexpr bool is_seq(Probe6 probe) noexcept { return index_of(probe) < kSeqProbes; }
[[nodiscard]] constexpr bool is_tcp(Probe6 probe) noexcept {
  return is_seq(probe) || probe >= Probe6::Ecn;
}
[[nodiscard]] constexpr bool needs_open_port(Probe6 probe) noexcept {
  return is_seq(probe) || (probe >= Probe6::Ecn && probe <= Probe6::T4);
}
// "S1", "IE1", "NI", "NS", "U1", "TECN", "T2": as fingerprints have them.
[[nodiscard]] const char* to_string(Probe6 probe) noexcept;

// As ProbeSeries, over IPv6.
struct ProbeSeries6 {
  Ipv6Address source;
  Ipv6Address destination;
  bool is_neighbour = false;                 // On the same link: else Neighbour is not sent.
  std::optional<std::uint16_t> open_port;    // Without it SEQ, ECN and T2 to T4 are not sent...
  std::optional<std::uint16_t> closed_port;  // ...and T5 to T7 without this one.
  std::uint16_t udp_port = 1;
  std::uint16_t source_port = 0;  // Of TCP probes: this and the index of the probe.
  std::uint16_t udp_source_port = 0;
  std::uint32_t sequence = 0;  // The TCP probes count up from it.
  std::uint32_t ack = 0;
};

struct ProbeStamp6 {
  std::uint8_t ttl = 64;  // The hop limit; Neighbour has 255.
};

inline constexpr std::uint32_t kFlowLabel6 = 0x12345;
inline constexpr std::uint16_t kEchoId6 = 0xabcd;  // The sequence is 0 and 1.
inline constexpr std::size_t kUdpData6 = 300;
inline constexpr std::size_t kMostProbeSize6 = 348;

[[nodiscard]] std::uint16_t source_port_of(Probe6 probe, const ProbeSeries6& series) noexcept;
// Of TCP and UDP probes.
[[nodiscard]] std::uint16_t destination_port_of(Probe6 probe, const ProbeSeries6& series) noexcept;
[[nodiscard]] std::uint32_t sequence_of(Probe6 probe, const ProbeSeries6& series) noexcept;

// Whether the series has what the probe needs.
[[nodiscard]] constexpr bool is_possible(Probe6 probe, const ProbeSeries6& series) noexcept {
  if (probe == Probe6::NodeInfo) return false;
  if (probe == Probe6::Neighbour) return series.is_neighbour;
  if (!is_tcp(probe)) return true;
  return needs_open_port(probe) ? series.open_port.has_value() : series.closed_port.has_value();
}

// Writes the IPv6 packet of a probe and returns its size. Needs room for kMostProbeSize6 bytes, and
// a probe that is possible.
std::size_t write_probe(Probe6 probe, const ProbeSeries6& series, ProbeStamp6 stamp,
                        std::span<std::byte> out) noexcept;

}  // namespace trawl::osfp
