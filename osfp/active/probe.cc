#include "osfp/active/probe.h"

#include <cstring>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr std::uint16_t kDontFragment = 0x4000;
constexpr std::size_t kUrgent = 18;  // The urgent pointer, RFC 9293 section 3.1.
constexpr std::uint8_t kUrg = 0x20;
constexpr std::uint8_t kEce = 0x40;  // RFC 3168 section 6.1.
constexpr std::uint8_t kCwr = 0x80;
constexpr std::uint8_t kReservedBit = 0x08;  // The one next to CWR.
constexpr std::uint16_t kEcnUrgent = 0xf7f5;
constexpr std::uint8_t kReliability = 4;  // The type of service of the second echo, RFC 1349.
constexpr std::size_t kEchoSize[] = {120, 150};
constexpr std::size_t kMostOptions = 20;

struct SegmentShape {
  std::uint8_t flags;
  std::uint16_t window;
  bool df;
  std::uint8_t options_size;
  std::array<std::uint8_t, kMostOptions> options;
};

// NOLINTBEGIN(*-magic-numbers): option kinds, lengths and values as they lie in the segment.
constexpr SegmentShape kShapes[] = {
    // SEQ 1 to 6.
    {wire::kSyn, 1, false, 20, {3,   3,   10,  1,   2, 4, 0x05, 0xb4, 8, 10,
                                255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kSyn, 63, false, 20, {2,  4,   0x05, 0x78, 3,   3, 0, 4, 2, 8,
                                 10, 255, 255,  255,  255, 0, 0, 0, 0, 0}},
    {wire::kSyn, 4, false, 20, {8, 10, 255, 255, 255, 255, 0, 0, 0,    0,
                                1, 1,  3,   3,   5,   1,   2, 4, 0x02, 0x80}},
    {wire::kSyn, 4, false, 16, {4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 3, 3, 10, 0}},
    {wire::kSyn, 16, false, 20, {2,   4,   0x02, 0x18, 4, 2, 8, 10, 255, 255,
                                 255, 255, 0,    0,    0, 0, 3, 3,  10,  0}},
    {wire::kSyn, 512, false, 16, {2, 4, 0x01, 0x09, 4, 2, 8, 10, 255, 255, 255, 255, 0, 0, 0, 0}},
    // ECN.
    {wire::kSyn | kEce | kCwr, 3, false, 12, {3, 3, 10, 1, 2, 4, 0x05, 0xb4, 4, 2, 1, 1}},
    // T2 to T7.
    {0, 128, true, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                        255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kSyn | wire::kFin | kUrg | wire::kPsh, 256, false, 20, {3,    3, 10, 1,   2,   4,   0x01,
                                                                   0x09, 8, 10, 255, 255, 255, 255,
                                                                   0,    0, 0,  0,   4,   2}},
    {wire::kAck, 1024, true, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                                  255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kSyn, 31337, false, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                                    255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kAck, 32768, true, 20, {3,   3,   10,  1,   2, 4, 0x01, 0x09, 8, 10,
                                   255, 255, 255, 255, 0, 0, 0,    0,    4, 2}},
    {wire::kFin | wire::kPsh | kUrg, 65535, false, 20, {3,    3, 15, 1,   2,   4,   0x01,
                                                        0x09, 8, 10, 255, 255, 255, 255,
                                                        0,    0, 0,  0,   4,   2}},
};
// NOLINTEND(*-magic-numbers)

const SegmentShape& shape_of(Probe probe) noexcept {
  const std::size_t index = index_of(probe);
  return kShapes[is_seq(probe) ? index : index - index_of(Probe::Ecn) + kSeqProbes];
}

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

std::size_t write_segment(Probe probe, const ProbeSeries& series, ProbeStamp stamp,
                          std::byte* out) noexcept {
  const SegmentShape& shape = shape_of(probe);
  const std::size_t header = wire::kTcpSize + shape.options_size;
  const std::size_t size = wire::kIpSize + header;
  write_ip(series, stamp, wire::kProtocolTcp, size, 0, shape.df, out);
  std::byte* const at = out + wire::kIpSize;
  wire::write16(at + wire::kTcpSourcePort, source_port_of(probe, series));
  wire::write16(at + wire::kTcpDestinationPort, destination_port_of(probe, series));
  wire::write32(at + wire::kTcpSequence, sequence_of(probe, series));
  wire::write32(at + wire::kTcpAck, ack_of(probe, series));
  const auto reserved = probe == Probe::Ecn ? kReservedBit : std::uint8_t{0};
  wire::write8(at + wire::kTcpOffset, static_cast<std::uint8_t>(header / 4 << 4U | reserved));
  wire::write8(at + wire::kTcpFlags, shape.flags);
  wire::write16(at + wire::kTcpWindow, shape.window);
  wire::write16(at + wire::kTcpChecksum, 0);
  wire::write16(at + kUrgent, probe == Probe::Ecn ? kEcnUrgent : std::uint16_t{0});
  std::memcpy(at + wire::kTcpSize, shape.options.data(), shape.options_size);
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
  return probe == Probe::Echo1 || (is_tcp(probe) && shape_of(probe).df);
}

std::size_t write_probe(Probe probe, const ProbeSeries& series, ProbeStamp stamp,
                        std::span<std::byte> out) noexcept {
  if (is_tcp(probe)) return write_segment(probe, series, stamp, out.data());
  if (probe == Probe::Udp) return write_datagram(series, stamp, out.data());
  return write_echo(probe, series, stamp, out.data());
}

std::uint16_t udp_checksum_of(const ProbeSeries& series) noexcept {
  std::array<std::byte, kUdpLength> packet{};
  write_datagram(series, {}, packet.data());
  return wire::read16(packet.data() + wire::kIpSize + wire::kUdpChecksum);
}

}  // namespace trawl::osfp
