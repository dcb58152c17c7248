#include "osfp/active/probe.h"

#include <cstring>

#include "dataplane/wire.h"
#include "osfp/active/segment.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::uint8_t kReliability = 4;  // The type of service of the second echo, RFC 1349.
constexpr std::size_t kEchoSize[] = {120, 150};

void write_ip(const ProbeSeries& series, ProbeStamp stamp, std::uint8_t protocol, std::size_t size,
              std::uint8_t tos, bool df, std::byte* at) noexcept {
  wire::write8(at, 0x45);
  wire::write8(at + 1, tos);
  wire::write16(at + wire::kIpLength, static_cast<std::uint16_t>(size));
  wire::write16(at + wire::kIpId, stamp.id);
  wire::write16(at + wire::kIpFragment, df ? kDontFragment : 0);
  wire::write8(at + wire::kIpTtl, stamp.ttl);
  wire::write8(at + wire::kIpProtocol, protocol);
  wire::write16(at + wire::kIpChecksum, 0);
  wire::write32(at + wire::kIpSource, series.source.value());
  wire::write32(at + wire::kIpDestination, series.destination.value());
  wire::store(at + wire::kIpChecksum, wire::ChecksumPart::over(at, wire::kIpSize).finish());
}

// Over a TCP or UDP packet whose own checksum is 0, with the pseudo-header of RFC 9293 section 3.1.
std::uint16_t transport_checksum(const std::byte* packet, std::size_t size) noexcept {
  const std::size_t length = size - wire::kIpSize;
  wire::ChecksumPart sum = wire::ChecksumPart::over(packet + wire::kIpSource, 8);
  sum.add(wire::swap16(wire::read8(packet + wire::kIpProtocol)));
  sum.add(wire::swap16(static_cast<std::uint16_t>(length)));
  sum.add(wire::ChecksumPart::over(packet + wire::kIpSize, length));
  return sum.finish();
}

std::size_t write_tcp(Probe probe, const ProbeSeries& series, ProbeStamp stamp,
                      std::byte* out) noexcept {
  std::byte* const at = out + wire::kIpSize;
  const std::size_t size =
      wire::kIpSize + write_segment(probe,
                                    {.source_port = source_port_of(probe, series),
                                     .destination_port = destination_port_of(probe, series),
                                     .sequence = sequence_of(probe, series),
                                     .ack = ack_of(probe, series)},
                                    at);
  write_ip(series, stamp, wire::kProtocolTcp, size, 0, sets_df(probe), out);
  wire::store(at + wire::kTcpChecksum, transport_checksum(out, size));
  return size;
}

std::size_t write_echo(Probe probe, const ProbeSeries& series, ProbeStamp stamp,
                       std::byte* out) noexcept {
  const bool first = probe == Probe::Echo1;
  const std::size_t message = wire::kIcmpSize + kEchoSize[first ? 0 : 1];
  const std::size_t size = wire::kIpSize + message;
  write_ip(series, stamp, wire::kProtocolIcmp, size, first ? 0 : kReliability, first, out);
  std::byte* const at = out + wire::kIpSize;
  std::memset(at, 0, message);
  wire::write8(at, wire::kIcmpEcho);
  wire::write8(at + 1, first ? kEchoCode : 0);
  wire::write16(at + wire::kIcmpId, static_cast<std::uint16_t>(series.echo_id + (first ? 0 : 1)));
  wire::write16(at + wire::kIcmpId + 2, first ? kEchoSequence : kEchoSequence + 1);
  wire::store(at + wire::kIcmpChecksum, wire::ChecksumPart::over(at, message).finish());
  return size;
}

std::size_t write_datagram(const ProbeSeries& series, ProbeStamp stamp, std::byte* out) noexcept {
  stamp.id = kUdpId;
  write_ip(series, stamp, wire::kProtocolUdp, kUdpLength, 0, false, out);
  std::byte* const at = out + wire::kIpSize;
  wire::write16(at + wire::kTcpSourcePort, series.udp_source_port);
  wire::write16(at + wire::kTcpDestinationPort, series.udp_port);
  wire::write16(at + wire::kUdpLength, kUdpLength - wire::kIpSize);
  wire::write16(at + wire::kUdpChecksum, 0);
  std::memset(at + wire::kUdpSize, static_cast<int>(kUdpFill),
              kUdpLength - wire::kIpSize - wire::kUdpSize);
  const std::uint16_t sum = transport_checksum(out, kUdpLength);
  wire::store(at + wire::kUdpChecksum, sum == 0 ? std::uint16_t{0xffff} : sum);  // RFC 768.
  return kUdpLength;
}

}  // namespace

const char* to_string(Probe probe) noexcept {
  static constexpr const char* kNames[] = {"SEQ1", "SEQ2", "SEQ3", "SEQ4", "SEQ5", "SEQ6",
                                           "IE1",  "IE2",  "U1",   "ECN",  "T2",   "T3",
                                           "T4",   "T5",   "T6",   "T7"};
  return kNames[index_of(probe)];
}

std::uint16_t source_port_of(Probe probe, const ProbeSeries& series) noexcept {
  if (probe == Probe::Udp) return series.udp_source_port;
  return static_cast<std::uint16_t>(series.source_port + index_of(probe));
}

std::uint16_t destination_port_of(Probe probe, const ProbeSeries& series) noexcept {
  if (probe == Probe::Udp) return series.udp_port;
  return needs_open_port(probe) ? series.open_port.value_or(0) : series.closed_port;
}

std::uint32_t sequence_of(Probe probe, const ProbeSeries& series) noexcept {
  return series.sequence + (is_seq(probe) ? static_cast<std::uint32_t>(index_of(probe)) : 0);
}

std::uint32_t ack_of(Probe probe, const ProbeSeries& series) noexcept {
  return probe == Probe::Ecn ? 0 : series.ack;
}

bool sets_df(Probe probe) noexcept {
  return probe == Probe::Echo1 || (is_tcp(probe) && segment_sets_df(probe));
}

std::size_t write_probe(Probe probe, const ProbeSeries& series, ProbeStamp stamp,
                        std::span<std::byte> out) noexcept {
  if (is_tcp(probe)) return write_tcp(probe, series, stamp, out.data());
  if (probe == Probe::Udp) return write_datagram(series, stamp, out.data());
  return write_echo(probe, series, stamp, out.data());
}

std::uint16_t udp_checksum_of(const ProbeSeries& series) noexcept {
  std::array<std::byte, kUdpLength> packet{};
  write_datagram(series, {}, packet.data());
  return wire::read16(packet.data() + wire::kIpSize + wire::kUdpChecksum);
}

}  // namespace trawl::osfp
