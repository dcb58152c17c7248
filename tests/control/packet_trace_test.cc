#include "control/audit/packet_trace.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

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
            "win=1024 \n");
}

TEST(PacketTrace, NamesAllFlagsInNmapsOrder) {
  const std::string line = sent(crafted(spec(TcpSegment{.flags = 0xff, .data = {}})));
  EXPECT_NE(line.find(" SFRPAUEC "), std::string::npos) << line;
}

TEST(PacketTrace, TellsOptionsOfTcpAndNoneWhereOneIsBroken) {
  const auto sent_with = [](std::string_view options) {
    Bytes data = from_hex(options);
    PacketSpec all = spec(TcpSegment{.flags = 0x02, .data = data});
    Bytes packet = crafted(all);
    packet[32] = static_cast<std::byte>((20 + data.size()) / 4 << 4U);
    return sent(packet);
  };
  const std::string kNoOptions =
      "SENT (0.0290s) TCP 198.18.0.1:0 > 198.18.0.2:0 S ttl=52 id=54344 iplen=48  seq=0 win=1024 "
      "\n";
  const auto with_options = [&sent_with](std::string_view options) {
    const std::string line = sent_with(options);
    return line.substr(line.find(" <") + 2, line.find('>', line.find(" <")) - line.find(" <") - 2);
  };
  EXPECT_EQ(with_options("020405b4 0402 080a 00000001 00000002 01 030307"),
            "mss 1460,sackOK,timestamp 1 2,nop,wscale 7");
  EXPECT_EQ(with_options("03030701"), "wscale 7,nop");
  EXPECT_EQ(with_options("01010000"), "nop,nop,eol,eol");
  EXPECT_EQ(with_options("050a 01000000 02000000 0000"), "sack 1 {16777216:33554432},eol,eol");
  EXPECT_EQ(sent_with("020405b4 02ff0000"), kNoOptions);  // Longer than the header.
  EXPECT_EQ(sent_with("020405b4 02000000"), kNoOptions);  // No length at all.
}

// What stands between the addresses and the IP header of an ICMP message with its checksum.
std::string icmp(std::string_view hex) {
  const Bytes message = from_hex(hex);
  Bytes packet = from_hex("45000000 d4480000 34010000 c6120001 c6120002");
  packet[3] = static_cast<std::byte>(packet.size() + message.size());
  packet.insert(packet.end(), message.begin(), message.end());
  std::string line = sent(packet);
  const std::string begin = "SENT (0.0290s) ICMP [198.18.0.1 > 198.18.0.2 ";
  if (!line.starts_with(begin)) return line;
  return line.substr(begin.size(), line.find("] IP [ttl=52 id=54344") - begin.size());
}

// Of a packet to 198.18.1.77 with `protocol` and the ports 4369 and 2222.
std::string unreachable(unsigned code, unsigned protocol, std::string_view more = {}) {
  return icmp(
      fmt::format("03{:02x}0000 00000578 45000000 00010000 40{:02x}0000 c6120001 c612014d "
                  "111108ae 00000000 {}",
                  code, protocol, more));
}

TEST(PacketTrace, TellsOfWhatAnIcmpErrorQuotes) {
  EXPECT_EQ(unreachable(0, 6), "Network 198.18.1.77 unreachable (type=3/code=0) ");
  EXPECT_EQ(unreachable(1, 6), "Host 198.18.1.77 unreachable (type=3/code=1) ");
  EXPECT_EQ(unreachable(2, 132), "Protocol 132 unreachable (type=3/code=2) ");
  EXPECT_EQ(unreachable(3, 17), "Port unreachable (type=3/code=3) ");
  EXPECT_EQ(unreachable(3, 17, "00"), "Port 2222 unreachable (type=3/code=3) ");
  EXPECT_EQ(unreachable(3, 132, "00"), "Port 2222 unreachable (type=3/code=3) ");
  EXPECT_EQ(unreachable(3, 1, "00"), "Port unreachable (unknown protocol 1) (type=3/code=3) ");
  EXPECT_EQ(unreachable(4, 6), "Fragmentation required (type=3/code=4) Next-Hop-MTU=1400");
  EXPECT_EQ(unreachable(9, 6),
            "Destination network 198.18.1.77 administratively prohibited (type=3/code=9) ");
  EXPECT_EQ(unreachable(16, 6), "Destination unreachable (unknown code) (type=3/code=16) ");
  EXPECT_EQ(icmp("03010000 00000000 4500"),
            "SENT (0.0290s) ICMP 198.18.0.1 > 198.18.0.2 Destination unreachable (type=3/code=1) "
            "ttl=52 id=54344 iplen=30 \n");
}

TEST(PacketTrace, TellsOfEachKindOfIcmp) {
  EXPECT_EQ(icmp("00000000 01020304"), "Echo reply (type=0/code=0) id=258 seq=772");
  EXPECT_EQ(icmp("05010000 c6120707"), "Host redirect (type=5/code=1) addr=198.18.7.7");
  EXPECT_EQ(icmp("09100000 01020304"),
            "Router advertisement (Mobile Agent Only) (type=9/code=16) addrs=1 addrlen=2 "
            "lifetime=772");
  EXPECT_EQ(icmp("0b010000 01020304"), "TTL=0 during reassembly (type=11/code=1) ");
  EXPECT_EQ(icmp("0c000000 09000000"),
            "Parameter problem (pointer indicates error) (type=12/code=0) pointer=9");
  EXPECT_EQ(icmp("0d000000 01020304 00000005 00000006 00000007"),
            "Timestamp request (type=13/code=0) id=258 seq=772 orig=5 recv=6 trans=7");
  // What is not there counts as zeros.
  EXPECT_EQ(icmp("0e000000 01020304 45"),
            "Timestamp reply (type=14/code=0) id=258 seq=772 orig=1157627904 recv=0 trans=0");
  EXPECT_EQ(icmp("12000000 01020304 ffffff00"),
            "Address mask reply (type=18/code=0) id=258 seq=772 mask=255.255.255.0");
  EXPECT_EQ(icmp("ff070000 01020304"), "Unknown type (type=255/code=7) ");
  EXPECT_EQ(icmp("08000000 010203"),
            "SENT (0.0290s) ICMP 198.18.0.1 > 198.18.0.2 [??] ttl=52 id=54344 iplen=27 \n");
}

TEST(PacketTrace, TellsIpOptions) {
  const auto with_options = [](std::string_view options) {
    const Bytes bytes = from_hex(options);
    Bytes packet = from_hex("45000000 d4480000 34020000 c6120001 c6120002");
    packet[0] = static_cast<std::byte>(0x45 + bytes.size() / 4);
    packet.insert(packet.end(), bytes.begin(), bytes.end());
    const std::string line = sent(packet);
    return line.substr(line.find("ipopts="), line.size() - line.find("ipopts=") - 1);
  };
  EXPECT_EQ(with_options("01010000"), "ipopts={ NOP NOP EOL EOL}");
  EXPECT_EQ(with_options("070f08c6120001c6120002c612000300"),
            "ipopts={ RR{ 198.18.0.1#198.18.0.2 198.18.0.3} EOL}");
  EXPECT_EQ(with_options("8307080102030400"), "ipopts={ LSRR{ 1.2.3.4#} EOL}");
  EXPECT_EQ(with_options("890704 01020304 00"), "ipopts={ SSRR{#1.2.3.4} EOL}");
  EXPECT_EQ(with_options("07ff0000"), "ipopts={ RR{ [bad ptr=00]\\x00}}");
  EXPECT_EQ(with_options("07010000"), "ipopts={ RR{} EOL EOL}");
  EXPECT_EQ(with_options("440c0500 11111111 22222222"),
            "ipopts={ TM{[0 hosts not recorded]#286331153 572662306 }}");
  EXPECT_EQ(with_options("440cf531 11111111 22222222"),
            "ipopts={ TM{ [bad ptr=245][3 hosts not recorded] 17.17.17.17@572662306 }}");
  EXPECT_EQ(with_options("44080573 00000000"),
            "ipopts={ TM{[7 hosts not recorded]\\x00\\x00\\x00\\x00}}");
  EXPECT_EQ(with_options("44080900 01020304"), "ipopts={ TM{[0 hosts not recorded] 16909060#}}");
  EXPECT_EQ(with_options("44090500 11111111 ff000000"),
            "ipopts={ TM{[0 hosts not recorded]#286331153\\xff} EOL EOL EOL}");
  EXPECT_EQ(with_options("07070c0102030400"), "ipopts={ RR{ [bad ptr=12] 1.2.3.4} EOL}");
  EXPECT_EQ(with_options("0707050102030400"),
            "ipopts={ RR{ [bad ptr=05]\\x01\\x02\\x03\\x04} EOL}");
  EXPECT_EQ(with_options("88040007"), "ipopts={ SI{id=7}}");
  EXPECT_EQ(with_options("8803aa00"), "ipopts={ SI{[bad len 03]\\xaa} EOL}");
  EXPECT_EQ(with_options("94040000"), "ipopts={ ??{\\x94\\x04\\x00\\x00}}");
}

TEST(PacketTrace, TellsOtherProtocolsByName) {
  const ProtocolTable names = ProtocolTable::parse(std::make_shared<const std::string>("gre 47\n"));
  const auto line = [&names](std::string_view protocol) {
    const Bytes packet =
        from_hex(fmt::format("45000014 d4480000 34{}0000 c6120001 c6120002", protocol));
    return trace_line(true, Moment{0}, packet, false, &names).substr(15);
  };
  EXPECT_EQ(line("2f"), "gre (47) 198.18.0.1 > 198.18.0.2: ttl=52 id=54344 iplen=20 \n");
  EXPECT_EQ(line("ff"), "unknown (255) 198.18.0.1 > 198.18.0.2: ttl=52 id=54344 iplen=20 \n");
  EXPECT_EQ(line("3a"),
            "ICMPv6 (58) 198.18.0.1 > 198.18.0.2 (type=?/code=?) ttl=52 id=54344 "
            "iplen=20 \n");
}

TEST(PacketTrace, TellsIpv6) {
  const auto line = [](std::string_view next, std::string_view payload) {
    const Bytes bytes = from_hex(payload);
    Bytes packet =
        from_hex(fmt::format("600abcde {:04x}{}40 20010db8000000000000000000000001 "
                             "20010db8000000000000000000000002",
                             bytes.size(), next));
    packet.insert(packet.end(), bytes.begin(), bytes.end());
    return trace_line(false, Moment{0}, packet, false).substr(15);
  };
  EXPECT_EQ(line("11", "00350007 00080000"),
            "UDP 2001:db8::1:53 > 2001:db8::2:7 hopl=64 flow=abcde payloadlen=8\n");
  EXPECT_EQ(line("06", "00500051 00000005 00000006 50120400 00000000"),
            "TCP 2001:db8::1:80 > 2001:db8::2:81 SA hopl=64 flow=abcde payloadlen=20 seq=5 "
            "win=1024 \n");
  EXPECT_EQ(line("3a", "80000000 00000000"),
            "ICMPv6 (58) 2001:db8::1 > 2001:db8::2 (type=128/code=0) hopl=64 flow=abcde "
            "payloadlen=8\n");
  // Behind options for each hop.
  EXPECT_EQ(line("00", "3a00000000000000 81000000 00000000").substr(0, 59),
            "ICMPv6 (58) 2001:db8::1 > 2001:db8::2 (type=129/code=0) hop");
}

TEST(PacketTrace, TellsOfConnections) {
  const IpAddress host = dataplane::ip("198.18.0.2");
  EXPECT_EQ(trace_connection_line(Moment{47'500}, host, 80, 0),
            "CONN (0.0475s) TCP localhost > 198.18.0.2:80 => Connected\n");
  EXPECT_EQ(trace_connection_line(Moment{47'500}, host, 80, ECONNREFUSED),
            "CONN (0.0475s) TCP localhost > 198.18.0.2:80 => Connection refused\n");
}

TEST(PacketTrace, TellsANeighbour) {
  const Bytes frame = from_hex(
      "020000000001 0200000000aa 86dd 60000000 00203aff 20010db8000000000000000000000001 "
      "20010db8000000000000000000000002 88000000 60000000 20010db8000000000000000000000001 "
      "0201 0200000000aa");
  EXPECT_EQ(trace_line(false, Moment{0}, frame, true),
            "RCVD (0.0000s) neighbor advertisement 2001:db8::1 > 2001:db8::2 2001:db8::1 is at "
            "02:00:00:00:00:aa\n");
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
  packet[6] = std::byte{0x20};
  EXPECT_NE(sent(packet).find(" S ttl=52 id=54344 iplen=40 frag offset=0+  seq="),
            std::string::npos)
      << sent(packet);
  packet[7] = std::byte{2};
  EXPECT_EQ(sent(packet),
            "SENT (0.0290s) unknown (6) 198.18.0.1 > 198.18.0.2: ttl=52 id=54344 iplen=40 frag "
            "offset=16+ \n");
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
