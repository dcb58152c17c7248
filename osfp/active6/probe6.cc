#include "osfp/active6/probe6.h"

#include <cassert>
#include <cstring>

#include "dataplane/wire.h"
#include "osfp/active/segment.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr std::size_t kExtension = 8;  // RFC 8200 section 4; all of ours are that long.
constexpr std::uint8_t kHopByHop = 0;
constexpr std::uint8_t kRouting = 43;
constexpr std::uint8_t kDestinationOptions = 60;
constexpr std::uint8_t kPadN = 1;
constexpr std::size_t kEchoData = 120;
constexpr std::uint8_t kEchoCode6 = 9;

// The same segment over IPv4.
Probe segment_of(Probe6 probe) noexcept {
  if (is_seq(probe)) return probe_at(index_of(probe));
  return probe_at(index_of(Probe::Ecn) + index_of(probe) - index_of(Probe6::Ecn));
}

void write_ip(const ProbeSeries6& series, std::uint8_t hop_limit, std::uint8_t next,
              std::size_t length, std::byte* out) noexcept {
  constexpr std::uint32_t kVersion = 6U << 28U;
  wire::write32(out, kVersion | kFlowLabel6);
  wire::write16(out + wire::kIpv6Length, static_cast<std::uint16_t>(length));
  wire::write8(out + wire::kIpv6NextHeader, next);
  wire::write8(out + wire::kIpv6HopLimit, hop_limit);
  wire::store(out + wire::kIpv6Source, wire::in_frame(series.source));
  wire::store(out + wire::kIpv6Destination, wire::in_frame(series.destination));
}

// Options of padding only; a routing header of type 0 without segments is zeros.
std::byte* write_extension(std::uint8_t next, bool pads, std::byte* at) noexcept {
  std::memset(at, 0, kExtension);
  wire::write8(at, next);
  if (pads) {
    wire::write8(at + 2, kPadN);
    wire::write8(at + 3, kExtension - 4);
  }
  return at + kExtension;
}

// RFC 8200 section 8.1, over an upper layer whose checksum is 0.
std::uint16_t checksum(const std::byte* packet, std::uint8_t protocol,
                       std::span<const std::byte> upper) noexcept {
  wire::ChecksumPart sum = wire::ChecksumPart::over(packet + wire::kIpv6Source, 32);
  sum.add(wire::swap16(protocol));
  sum.add(wire::swap16(static_cast<std::uint16_t>(upper.size())));
  sum.add(wire::ChecksumPart::over(upper.data(), upper.size()));
  return sum.finish();
}

std::size_t write_tcp(Probe6 probe, const ProbeSeries6& series, std::uint8_t hop_limit,
                      std::byte* out) noexcept {
  std::byte* const at = out + wire::kIpv6Size;
  const std::size_t size = write_segment(segment_of(probe),
                                         {.source_port = source_port_of(probe, series),
                                          .destination_port = destination_port_of(probe, series),
                                          .sequence = sequence_of(probe, series),
                                          .ack = probe == Probe6::Ecn ? 0 : series.ack},
                                         at);
  // The reserved bit that ECN has over IPv4 is none of IPv6's probes.
  wire::write8(at + wire::kTcpOffset, static_cast<std::uint8_t>(size / 4 << 4U));
  write_ip(series, hop_limit, wire::kProtocolTcp, size, out);
  wire::store(at + wire::kTcpChecksum, checksum(out, wire::kProtocolTcp, {at, size}));
  return wire::kIpv6Size + size;
}

std::size_t finish_icmp(std::byte* out, std::byte* at, std::size_t message) noexcept {
  const auto sum = checksum(out, wire::kProtocolIcmpv6, {at, message});
  wire::store(at + wire::kIcmpChecksum, sum);
  return static_cast<std::size_t>(at - out) + message;
}

std::size_t write_echo(Probe6 probe, const ProbeSeries6& series, std::uint8_t hop_limit,
                       std::byte* out) noexcept {
  const bool first = probe == Probe6::Echo1;
  std::byte* at = out + wire::kIpv6Size;
  if (first) {
    at = write_extension(wire::kProtocolIcmpv6, true, at);
  } else {
    at = write_extension(kDestinationOptions, true, at);
    at = write_extension(kRouting, true, at);
    at = write_extension(kHopByHop, false, at);
    at = write_extension(wire::kProtocolIcmpv6, true, at);
  }
  const std::size_t message = wire::kIcmpSize + (first ? kEchoData : 0);
  const auto extensions = static_cast<std::size_t>(at - out) - wire::kIpv6Size;
  write_ip(series, hop_limit, kHopByHop, extensions + message, out);
  std::memset(at, 0, message);
  wire::write8(at, wire::kIcmpv6Echo);
  wire::write8(at + 1, first ? kEchoCode6 : 0);
  wire::write16(at + wire::kIcmpId, kEchoId6);
  wire::write16(at + wire::kIcmpId + 2, first ? 0 : 1);
  return finish_icmp(out, at, message);
}

std::size_t write_solicitation(const ProbeSeries6& series, std::byte* out) noexcept {
  write_ip(series, wire::kNeighbourHopLimit, wire::kProtocolIcmpv6, wire::kNeighbourSize, out);
  std::byte* const at = out + wire::kIpv6Size;
  std::memset(at, 0, wire::kNeighbourSize);
  wire::write8(at, wire::kNeighbourSolicitation);
  wire::store(at + wire::kNeighbourTarget, wire::in_frame(series.destination));
  return finish_icmp(out, at, wire::kNeighbourSize);
}

std::size_t write_datagram(const ProbeSeries6& series, std::uint8_t hop_limit,
                           std::byte* out) noexcept {
  constexpr std::size_t kLength = wire::kUdpSize + kUdpData6;
  write_ip(series, hop_limit, wire::kProtocolUdp, kLength, out);
  std::byte* const at = out + wire::kIpv6Size;
  wire::write16(at + wire::kTcpSourcePort, series.udp_source_port);
  wire::write16(at + wire::kTcpDestinationPort, series.udp_port);
  wire::write16(at + wire::kUdpLength, kLength);
  wire::write16(at + wire::kUdpChecksum, 0);
  std::memset(at + wire::kUdpSize, static_cast<int>(kUdpFill), kUdpData6);
  const std::uint16_t sum = checksum(out, wire::kProtocolUdp, {at, kLength});
  wire::store(at + wire::kUdpChecksum, sum == 0 ? std::uint16_t{0xffff} : sum);
  return wire::kIpv6Size + kLength;
}

}  // namespace

const char* to_string(Probe6 probe) noexcept {
  static constexpr const char* kNames[] = {"S1",  "S2",  "S3", "S4", "S5", "S6",
                                           "IE1", "IE2", "NI", "NS", "U1", "TECN",
                                           "T2",  "T3",  "T4", "T5", "T6", "T7"};
  return kNames[index_of(probe)];
}

std::uint16_t source_port_of(Probe6 probe, const ProbeSeries6& series) noexcept {
  if (probe == Probe6::Udp) return series.udp_source_port;
  return static_cast<std::uint16_t>(series.source_port + index_of(probe));
}

std::uint16_t destination_port_of(Probe6 probe, const ProbeSeries6& series) noexcept {
  if (probe == Probe6::Udp) return series.udp_port;
  return (needs_open_port(probe) ? series.open_port : series.closed_port).value_or(0);
}

std::uint32_t sequence_of(Probe6 probe, const ProbeSeries6& series) noexcept {
  const std::size_t index = index_of(probe);
  const std::size_t others = index_of(Probe6::Ecn) - kSeqProbes;
  return series.sequence + static_cast<std::uint32_t>(is_seq(probe) ? index : index - others);
}

std::size_t write_probe(Probe6 probe, const ProbeSeries6& series, ProbeStamp6 stamp,
                        std::span<std::byte> out) noexcept {
  assert(is_possible(probe, series));
  std::byte* const at = out.data();
  switch (probe) {
    case Probe6::Echo1:
    case Probe6::Echo2: return write_echo(probe, series, stamp.ttl, at);
    case Probe6::Neighbour: return write_solicitation(series, at);
    case Probe6::Udp: return write_datagram(series, stamp.ttl, at);
    default: return write_tcp(probe, series, stamp.ttl, at);
  }
}

}  // namespace trawl::osfp
