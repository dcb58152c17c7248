#include "control/audit/packet_trace.h"

#include <gtest/gtest.h>

#include "tests/dataplane/packet_bytes.h"

namespace trawl::control {
namespace {

using dataplane::Bytes;
using dataplane::crafted;
using dataplane::from_hex;
using dataplane::PacketSpec;
using dataplane::TcpSegment;

PacketSpec spec(decltype(PacketSpec::what) what) {
  PacketSpec spec;
  spec.source = dataplane::ip("198.18.0.1");
  spec.destination = dataplane::ip("198.18.0.2");
  spec.ttl = 52;
  spec.id = 54344;
  spec.what = what;
  return spec;
}

std::string sent(const Bytes& packet) { return trace_line(true, Moment{29'000}, packet, false); }

// Lines of Nmap 7.93 with --packet-trace, for the same packets.

TEST(PacketTrace, TellsASyn) {
  EXPECT_EQ(sent(crafted(spec(TcpSegment{.source_port = 33007,
                                         .destination_port = 9,
                                         .sequence = 2555308612,
                                         .flags = 0x02,
                                         .has_mss = true,
                                         .data = {}}))),
            "SENT (0.0290s) TCP 198.18.0.1:33007 > 198.18.0.2:9 S ttl=52 id=54344 iplen=44  "
            "seq=2555308612 win=1024 <mss 1460>\n");
}

TEST(PacketTrace, TellsAReset) {
  const Bytes packet = crafted(spec(TcpSegment{
      .source_port = 9, .destination_port = 33007, .flags = 0x14, .window = 0, .data = {}}));
  EXPECT_EQ(trace_line(false, Moment{12'345'678}, packet, false),
            "RCVD (12.3457s) TCP 198.18.0.1:9 > 198.18.0.2:33007 RA ttl=52 id=54344 iplen=40  "
            "seq=0 win=0 \n");
}

TEST(PacketTrace, TellsAnAcknowledgement) {
  EXPECT_EQ(sent(crafted(spec(TcpSegment{.source_port = 9,
                                         .destination_port = 7,
                                         .sequence = 5,
                                         .ack = 6,
                                         .flags = 0x12,
                                         .data = {}}))),
            "SENT (0.0290s) TCP 198.18.0.1:9 > 198.18.0.2:7 SA ttl=52 id=54344 iplen=40  seq=5 "
            "ack=6 win=1024 \n");
}

TEST(PacketTrace, NamesAllFlagsInNmapsOrder) {
  const std::string line = sent(crafted(spec(TcpSegment{.flags = 0xff, .data = {}})));
  EXPECT_NE(line.find(" SFRPAUEC "), std::string::npos) << line;
}

TEST(PacketTrace, TellsOptionsOfTcpAndStopsAtBrokenOnes) {
  const auto with_options = [](std::string_view options) {
    Bytes data = from_hex(options);
    PacketSpec all = spec(TcpSegment{.flags = 0x02, .data = data});
    Bytes packet = crafted(all);
    packet[32] = static_cast<std::byte>((20 + data.size()) / 4 << 4U);
    const std::string line = sent(packet);
    return line.substr(line.find(" <") + 2, line.find('>', line.find(" <")) - line.find(" <") - 2);
  };
  EXPECT_EQ(with_options("020405b4 0402 080a 00000001 00000002 01 030307"),
            "mss 1460,sackOK,timestamp 1 2,nop,wscale 7");
  EXPECT_EQ(with_options("01010000"), "nop,nop,eol");
  EXPECT_EQ(with_options("020405b4 02ff0000"), "mss 1460");  // Longer than the header.
  EXPECT_EQ(with_options("020405b4 02000000"), "mss 1460");  // No length at all.
}

TEST(PacketTrace, TellsAnUnreachablePort) {
  const Bytes quoted = crafted(spec(dataplane::UdpDatagram{1, 2, {}}));
  PacketSpec error = spec(dataplane::IcmpMessage{.type = 3, .code = 3, .data = quoted});
  EXPECT_EQ(sent(crafted(error)),
            "SENT (0.0290s) ICMP [198.18.0.1 > 198.18.0.2 Port unreachable (type=3/code=3) ] IP "
            "[ttl=52 id=54344 iplen=56 ]\n");
}

TEST(PacketTrace, TellsArp) {
  const Bytes question = from_hex(
      "ffffffffffff 020000000001 0806 0001080006040001 020000000001 c6120001 000000000000 "
      "c6120002");
  EXPECT_EQ(trace_line(true, Moment{100}, question, true),
            "SENT (0.0001s) ARP who-has 198.18.0.2 tell 198.18.0.1\n");
  const Bytes answer = from_hex(
      "020000000001 0200000000aa 0806 0001080006040002 0200000000aa c6120002 020000000001 "
      "c6120001");
  EXPECT_EQ(trace_line(false, Moment{200}, answer, true),
            "RCVD (0.0002s) ARP reply 198.18.0.2 is-at 02:00:00:00:00:AA\n");
}

TEST(PacketTrace, TellsAFragment) {
  Bytes packet = crafted(spec(TcpSegment{.flags = 0x02, .data = {}}));
  packet[7] = std::byte{2};
  const std::string line = sent(packet);
  EXPECT_NE(line.find("198.18.0.1"), std::string::npos) << line;
  EXPECT_NE(line.find("offset=16"), std::string::npos) << line;
}

TEST(PacketTrace, SurvivesEveryCut) {
  Bytes frame = from_hex("020000000001 0200000000aa 0800");
  const Bytes packet = crafted(spec(TcpSegment{.flags = 0x02, .has_mss = true, .data = {}}));
  frame.insert(frame.end(), packet.begin(), packet.end());
  for (std::size_t size = 0; size <= frame.size(); ++size) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(trace_line(false, Moment{0}, cut, true).empty(), size < 14) << size;
  }
}

}  // namespace
}  // namespace trawl::control
