#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"

namespace trawl::osfp {

// The sixteen probes of active OS detection over IPv4, in the order in which they are sent: six
// SYNs to an open port (SEQ, OPS, WIN and T1), two echo requests (IE), a UDP datagram to a closed
// port (U1), a SYN with ECN bits (ECN), and oddly flagged segments to an open (T2-T4) and a closed
// port (T5-T7). They are those of the Nmap book, chapter "TCP/IP Fingerprinting Methods Supported
// by Nmap": databases of fingerprints hold for these and no others.
enum class Probe : std::uint8_t {
  Seq1,
  Seq2,
  Seq3,
  Seq4,
  Seq5,
  Seq6,
  Echo1,
  Echo2,
  Udp,
  Ecn,
  T2,
  T3,
  T4,
  T5,
  T6,
  T7
};
inline constexpr std::size_t kProbes = 16;
inline constexpr std::size_t kSeqProbes = 6;

[[nodiscard]] constexpr std::size_t index_of(Probe probe) noexcept {
  return static_cast<std::size_t>(probe);
}
[[nodiscard]] constexpr Probe probe_at(std::size_t index) noexcept {
  return static_cast<Probe>(index);
}
[[nodiscard]] constexpr bool is_seq(Probe probe) noexcept { return index_of(probe) < kSeqProbes; }
[[nodiscard]] constexpr bool is_echo(Probe probe) noexcept {
  return probe == Probe::Echo1 || probe == Probe::Echo2;
}
[[nodiscard]] constexpr bool is_tcp(Probe probe) noexcept {
  return is_seq(probe) || probe >= Probe::Ecn;
}
[[nodiscard]] constexpr bool needs_open_port(Probe probe) noexcept {
  return is_seq(probe) || (probe >= Probe::Ecn && probe <= Probe::T4);
}
// "SEQ1", "IE2", "U1", "ECN", "T5": for traces.
[[nodiscard]] const char* to_string(Probe probe) noexcept;

// What the probes to one host have in common. Answers are told apart by it: each TCP probe has a
// source port of its own, and a retry has the same.
struct ProbeSeries {
  Ipv4Address source;
  Ipv4Address destination;
  std::optional<std::uint16_t> open_port;  // Without one, probes to it are not sent.
  std::uint16_t closed_port = 1;           // Best one known to be closed.
  std::uint16_t udp_port = 1;              // As closed_port.
  // Of TCP probes: this and the index of the probe. Needs to be at most 65535 - kProbes.
  std::uint16_t source_port = 0;
  std::uint16_t udp_source_port = 0;
  std::uint32_t sequence = 0;  // SEQ probes count up from it; all others have it as it is.
  std::uint32_t ack = 0;       // Of all segments but ECN's, which has 0. Best not 0.
  std::uint16_t echo_id = 0;   // The second echo has the next.
};

// What changes from one try of a probe to the next.
struct ProbeStamp {
  std::uint16_t id = 0;  // Of IPv4; the UDP probe has kUdpId.
  std::uint8_t ttl = 64;
};

// What is sent and comes back: the second echo has these and one more.
inline constexpr std::uint16_t kEchoSequence = 295;
inline constexpr std::uint8_t kEchoCode = 9;  // Of the first; the second has 0.
inline constexpr std::uint16_t kUdpId = 0x1042;
inline constexpr std::uint16_t kUdpLength = 328;  // The whole packet.
inline constexpr std::byte kUdpFill{0x43};
inline constexpr std::size_t kMostProbeSize = kUdpLength;

[[nodiscard]] std::uint16_t source_port_of(Probe probe, const ProbeSeries& series) noexcept;
// Of TCP and UDP probes. Needs an open port where the probe does.
[[nodiscard]] std::uint16_t destination_port_of(Probe probe, const ProbeSeries& series) noexcept;
[[nodiscard]] std::uint32_t sequence_of(Probe probe, const ProbeSeries& series) noexcept;
[[nodiscard]] std::uint32_t ack_of(Probe probe, const ProbeSeries& series) noexcept;
[[nodiscard]] bool sets_df(Probe probe) noexcept;

// Writes the IPv4 packet of a probe, checksums included, and returns its size. Needs room for
// kMostProbeSize bytes, and an open port where the probe does.
std::size_t write_probe(Probe probe, const ProbeSeries& series, ProbeStamp stamp,
                        std::span<std::byte> out) noexcept;

// The UDP checksum of Probe::Udp: it is the same for every try.
[[nodiscard]] std::uint16_t udp_checksum_of(const ProbeSeries& series) noexcept;

}  // namespace trawl::osfp
