#include "osfp/active/probe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/wire.h"

namespace trawl::osfp {
namespace {

namespace wire = dataplane::wire;

constexpr ProbeSeries kSeries{.source = Ipv4Address{0xc6120001},
                              .destination = Ipv4Address{0xc6120002},
                              .open_port = 80,
                              .closed_port = 81,
                              .udp_port = 30173,
                              .source_port = 33430,
                              .udp_source_port = 33237,
                              .sequence = 0x148242af,
                              .ack = 0x77cf2da3,
                              .echo_id = 0xcef4};

std::vector<std::byte> packet_of(Probe probe, ProbeStamp stamp = {.id = 0x1234, .ttl = 50}) {
  std::vector<std::byte> packet(kMostProbeSize);
  packet.resize(write_probe(probe, kSeries, stamp, packet));
  return packet;
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

// RFC 1071, over the whole packet's header and its transport part.
bool has_good_checksums(const std::vector<std::byte>& packet) {
  const std::byte* const at = packet.data();
  const std::size_t length = packet.size() - wire::kIpSize;
  if (wire::ChecksumPart::over(at, wire::kIpSize).finish() != 0) return false;
  wire::ChecksumPart sum = wire::ChecksumPart::over(at + wire::kIpSize, length);
  if (wire::read8(at + wire::kIpProtocol) != wire::kProtocolIcmp) {
    sum.add(wire::ChecksumPart::over(at + wire::kIpSource, 8));
    sum.add(wire::swap16(wire::read8(at + wire::kIpProtocol)));
    sum.add(wire::swap16(static_cast<std::uint16_t>(length)));
  }
  return sum.finish() == 0;
}

struct Segment {
  Probe probe;
  bool df;
  std::uint16_t source_port;
  std::uint16_t destination_port;
  const char* rest;  // From the sequence number on, without the checksum.
};

// As nmap 7.93 sends them, from a capture.
constexpr Segment kSegments[] = {
    {Probe::Seq1, false, 33430, 80,
     "148242af77cf2da3a0020001000003030a01020405b4080affffffff000000000402"},
    {Probe::Seq2, false, 33431, 80,
     "148242b077cf2da3a002003f0000020405780303000402080affffffff0000000000"},
    {Probe::Seq3, false, 33432, 80,
     "148242b177cf2da3a00200040000080affffffff0000000001010303050102040280"},
    {Probe::Seq4, false, 33433, 80, "148242b277cf2da39002000400000402080affffffff0000000003030a00"},
    {Probe::Seq5, false, 33434, 80,
     "148242b377cf2da3a00200100000020402180402080affffffff0000000003030a00"},
    {Probe::Seq6, false, 33435, 80, "148242b477cf2da3900202000000020401090402080affffffff00000000"},
    {Probe::Ecn, false, 33439, 80, "148242af0000000088c20003f7f503030a01020405b404020101"},
    {Probe::T2, true, 33440, 80,
     "148242af77cf2da3a0000080000003030a0102040109080affffffff000000000402"},
    {Probe::T3, false, 33441, 80,
     "148242af77cf2da3a02b0100000003030a0102040109080affffffff000000000402"},
    {Probe::T4, true, 33442, 80,
     "148242af77cf2da3a0100400000003030a0102040109080affffffff000000000402"},
    {Probe::T5, false, 33443, 81,
     "148242af77cf2da3a0027a69000003030a0102040109080affffffff000000000402"},
    {Probe::T6, true, 33444, 81,
     "148242af77cf2da3a0108000000003030a0102040109080affffffff000000000402"},
    {Probe::T7, false, 33445, 81,
     "148242af77cf2da3a029ffff000003030f0102040109080affffffff000000000402"},
};

TEST(Probe, SegmentsAreTheDocumentedOnes) {
  for (const Segment& expected : kSegments) {
    SCOPED_TRACE(to_string(expected.probe));
    const std::vector<std::byte> packet = packet_of(expected.probe);
    EXPECT_TRUE(has_good_checksums(packet));
    EXPECT_EQ(hex(std::span{packet}.first(10)),
              fmt::format("4500{:04x}1234{}3206", packet.size(), expected.df ? "4000" : "0000"));
    EXPECT_EQ(sets_df(expected.probe), expected.df);
    const std::span<const std::byte> tcp = std::span{packet}.subspan(wire::kIpSize);
    EXPECT_EQ(wire::read16(tcp.data()), expected.source_port);
    EXPECT_EQ(wire::read16(tcp.data() + 2), expected.destination_port);
    EXPECT_EQ(hex(tcp.subspan(4, 12)) + hex(tcp.subspan(18)), expected.rest);
  }
}

TEST(Probe, EchoesAreTheDocumentedOnes) {
  const std::vector<std::byte> first = packet_of(Probe::Echo1);
  EXPECT_TRUE(has_good_checksums(first));
  EXPECT_EQ(hex(std::span{first}.first(10)), "45000094123440003201");
  EXPECT_EQ(hex(std::span{first}.subspan(20, 2)) + hex(std::span{first}.subspan(24)),
            "0809cef40127" + std::string(240, '0'));
  const std::vector<std::byte> second = packet_of(Probe::Echo2);
  EXPECT_TRUE(has_good_checksums(second));
  EXPECT_EQ(hex(std::span{second}.first(10)), "450400b2123400003201");
  EXPECT_EQ(hex(std::span{second}.subspan(20, 2)) + hex(std::span{second}.subspan(24)),
            "0800cef50128" + std::string(300, '0'));
}

TEST(Probe, DatagramIsTheDocumentedOne) {
  const std::vector<std::byte> packet = packet_of(Probe::Udp);
  EXPECT_TRUE(has_good_checksums(packet));
  EXPECT_EQ(hex(std::span{packet}.first(10)), "45000148104200003211");
  std::string data;
  for (int i = 0; i < 300; ++i) data += "43";
  EXPECT_EQ(hex(std::span{packet}.subspan(28)), data);
  EXPECT_EQ(wire::read16(packet.data() + 26), udp_checksum_of(kSeries));
}

TEST(Probe, EveryTcpProbeHasASourcePortOfItsOwn) {
  std::vector<bool> seen(65536);
  for (std::size_t i = 0; i < kProbes; ++i) {
    if (!is_tcp(probe_at(i))) continue;
    EXPECT_FALSE(seen[source_port_of(probe_at(i), kSeries)]);
    seen[source_port_of(probe_at(i), kSeries)] = true;
  }
}

}  // namespace
}  // namespace trawl::osfp
