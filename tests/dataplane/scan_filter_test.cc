#include "dataplane/exception/scan_filter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "dataplane/wire.h"

namespace trawl::dataplane {
namespace {

using Bytes = std::vector<__u8>;

constexpr __u8 kTcp = 6;
constexpr __u8 kUdp = 17;

ScanTraffic traffic(ProbeKind kind = ProbeKind::TcpSyn, const char* source = "198.18.0.1",
                    std::uint16_t vlan = 0) {
  return {.kind = kind,
          .ports = {.first = 61000, .last = 61063},
          .vlan = vlan == 0 ? VlanId{} : VlanId{vlan},
          .sources = {*IpAddress::parse(source)}};
}

void put16(Bytes& frame, unsigned value) {
  frame.push_back(static_cast<__u8>(value >> 8U));
  frame.push_back(static_cast<__u8>(value));
}

void put_address(Bytes& frame, const char* text) {
  const IpAddress address = *IpAddress::parse(text);
  if (address.is_v4()) {
    put16(frame, address.v4().value() >> 16U);
    put16(frame, address.v4().value() & 0xffffU);
  } else {
    for (int shift = 112; shift >= 0; shift -= 16) {
      put16(frame, static_cast<unsigned>(address.v6().value() >> shift) & 0xffffU);
    }
  }
}

Bytes ip_packet(__u8 protocol, const char* from, const char* to, const Bytes& payload,
                unsigned options = 0, unsigned fragment = 0) {
  Bytes packet;
  if (IpAddress::parse(from)->is_v4()) {
    packet = {static_cast<__u8>(0x45 + options / 4), 0};
    put16(packet, static_cast<unsigned>(20 + options + payload.size()));
    put16(packet, 7);
    put16(packet, fragment);
    packet.insert(packet.end(), {64, protocol, 0, 0});
    put_address(packet, from);
    put_address(packet, to);
    packet.resize(packet.size() + options, 1);
  } else {
    packet = {0x60, 0, 0, 0};
    put16(packet, static_cast<unsigned>(payload.size()));
    packet.insert(packet.end(), {protocol, 64});
    put_address(packet, from);
    put_address(packet, to);
  }
  packet.insert(packet.end(), payload.begin(), payload.end());
  return packet;
}

Bytes segment(unsigned from, unsigned to) {
  Bytes bytes;
  put16(bytes, from);
  put16(bytes, to);
  bytes.resize(20);
  return bytes;
}

Bytes icmp(__u8 type, const Bytes& rest) {
  Bytes bytes{type, 0, 0, 0, 0, 0, 0, 0};
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

Bytes frame_of(const Bytes& packet, unsigned vlan = 0) {
  Bytes frame(12, 2);
  if (vlan != 0) {
    put16(frame, 0x8100);
    put16(frame, 0x6000 | vlan);  // Some priority.
  }
  put16(frame, packet[0] >> 4 == 4 ? 0x0800 : 0x86dd);
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

bool wants(const ScanTraffic& scan, const Bytes& frame) {
  const ScanFilterConfig config = scan_filter_config(scan);
  const __u8 nothing = 0;  // An empty frame is somewhere, too.
  const __u8* const start = frame.empty() ? &nothing : frame.data();
  return scan_filter_wants(&config, start, start + frame.size()) != 0;
}

Bytes reply(__u8 protocol, unsigned port, const char* to = "198.18.0.1") {
  const char* const from = IpAddress::parse(to)->is_v4() ? "198.18.9.9" : "2001:db8::99";
  return frame_of(ip_packet(protocol, from, to, segment(80, port)));
}

TEST(ScanFilter, TakesRepliesToScanPortsOfOurAddressOnly) {
  EXPECT_TRUE(wants(traffic(), reply(kTcp, 61000)));
  EXPECT_TRUE(wants(traffic(), reply(kTcp, 61063)));
  EXPECT_TRUE(wants(traffic(), reply(kUdp, 61030)));
  EXPECT_FALSE(wants(traffic(), reply(kTcp, 60999)));
  EXPECT_FALSE(wants(traffic(), reply(kTcp, 61064)));
  EXPECT_FALSE(wants(traffic(), reply(132, 61000)));
  EXPECT_FALSE(wants(traffic(), reply(kTcp, 61000, "198.18.0.2")));
  EXPECT_TRUE(wants(traffic(ProbeKind::Udp, "2001:db8::1"), reply(kUdp, 61000, "2001:db8::1")));
  EXPECT_FALSE(wants(traffic(ProbeKind::Udp, "2001:db8::1"), reply(kUdp, 61000, "2001:db8::2")));
  EXPECT_FALSE(wants(traffic(), reply(kTcp, 61000, "2001:db8::1")));
}

TEST(ScanFilter, ReadsPastIpOptionsAndLeavesFragments) {
  const auto packet = [](unsigned options, unsigned fragment) {
    return frame_of(
        ip_packet(kTcp, "198.18.9.9", "198.18.0.1", segment(80, 61000), options, fragment));
  };
  EXPECT_TRUE(wants(traffic(), packet(40, 0x4000)));
  EXPECT_FALSE(wants(traffic(), packet(0, 0x2000)));
  EXPECT_FALSE(wants(traffic(), packet(0, 1)));
}

TEST(ScanFilter, TakesErrorsThatQuoteAProbe) {
  const auto error = [](__u8 type, const char* from, unsigned port, __u8 protocol = kTcp) {
    return frame_of(
        ip_packet(1, "198.18.9.9", "198.18.0.1",
                  icmp(type, ip_packet(protocol, from, "198.18.7.7", segment(port, 443), 4))));
  };
  EXPECT_TRUE(wants(traffic(), error(3, "198.18.0.1", 61001)));
  EXPECT_TRUE(wants(traffic(), error(11, "198.18.0.1", 61001, kUdp)));
  EXPECT_FALSE(wants(traffic(), error(5, "198.18.0.1", 61001)));
  EXPECT_FALSE(wants(traffic(), error(3, "198.18.0.3", 61001)));
  EXPECT_FALSE(wants(traffic(), error(3, "198.18.0.1", 40000)));
  const auto error6 = [](__u8 type, unsigned port) {
    return frame_of(
        ip_packet(58, "2001:db8::99", "2001:db8::1",
                  icmp(type, ip_packet(kTcp, "2001:db8::1", "2001:db8::7", segment(port, 443)))));
  };
  const auto scan = traffic(ProbeKind::TcpSyn, "2001:db8::1");
  EXPECT_TRUE(wants(scan, error6(1, 61001)));
  EXPECT_FALSE(wants(scan, error6(1, 60001)));
  EXPECT_FALSE(wants(scan, error6(2, 61001))) << "packet too big is the kernel's";
}

TEST(ScanFilter, LeavesEchoRepliesUnlessTheyAnswerProbes) {
  const Bytes data(16, 0);
  const Bytes echo = frame_of(ip_packet(1, "198.18.9.9", "198.18.0.1", icmp(0, data)));
  EXPECT_FALSE(wants(traffic(), echo));
  EXPECT_TRUE(wants(traffic(ProbeKind::IcmpEcho), echo));
  EXPECT_FALSE(wants(traffic(ProbeKind::IcmpTimestamp), echo));
  const Bytes stamp = frame_of(ip_packet(1, "198.18.9.9", "198.18.0.1", icmp(14, data)));
  EXPECT_TRUE(wants(traffic(ProbeKind::IcmpTimestamp), stamp));
  EXPECT_FALSE(wants(traffic(ProbeKind::IcmpEcho), reply(kTcp, 61000)));
  const Bytes quoted = ip_packet(1, "198.18.0.1", "198.18.7.7", icmp(8, data));
  const Bytes error = frame_of(ip_packet(1, "198.18.9.9", "198.18.0.1", icmp(3, quoted)));
  EXPECT_TRUE(wants(traffic(ProbeKind::IcmpEcho), error));
  EXPECT_FALSE(wants(traffic(ProbeKind::IcmpTimestamp), error));
}

TEST(ScanFilter, LeavesNeighbourDiscoveryAndArp) {
  const auto scan = traffic(ProbeKind::IcmpEcho, "2001:db8::1");
  for (const __u8 type : Bytes{133, 134, 135, 136, 137}) {
    EXPECT_FALSE(wants(
        scan, frame_of(ip_packet(58, "2001:db8::99", "2001:db8::1", icmp(type, Bytes(24, 0))))));
  }
  Bytes arp(12, 2);
  put16(arp, 0x0806);
  arp.resize(60);
  EXPECT_FALSE(wants(traffic(), arp));
}

TEST(ScanFilter, TakesItsOwnVlanAlone) {
  const Bytes packet = ip_packet(kTcp, "198.18.9.9", "198.18.0.1", segment(80, 61000));
  EXPECT_FALSE(wants(traffic(), frame_of(packet, 5)));
  const auto scan = traffic(ProbeKind::TcpSyn, "198.18.0.1", 5);
  EXPECT_TRUE(wants(scan, frame_of(packet, 5)));
  EXPECT_FALSE(wants(scan, frame_of(packet, 6)));
  EXPECT_FALSE(wants(scan, frame_of(packet)));
}

TEST(ScanFilter, NeedsWholeHeaders) {
  const Bytes quoted = ip_packet(kTcp, "198.18.0.1", "198.18.7.7", segment(61000, 443));
  const Bytes error = frame_of(ip_packet(1, "198.18.9.9", "198.18.0.1", icmp(3, quoted)));
  constexpr std::size_t kEnough = 14 + 20 + 8 + 20 + 8;
  for (std::size_t size = 0; size <= error.size(); ++size) {
    EXPECT_EQ(size >= kEnough, wants(traffic(), Bytes(error.begin(), error.begin() + size)));
  }
}

TEST(ScanFilter, ManySourcesBecomeAtMostSixteenRanges) {
  ScanTraffic scan = traffic();
  scan.sources.clear();
  for (std::uint32_t i = 0; i < 40; ++i) scan.sources.push_back(Ipv4Address{0xc6120000 + 3 * i});
  scan.sources.push_back(Ipv4Address{0xc6130000});
  const ScanFilterConfig config = scan_filter_config(scan);
  EXPECT_EQ(16U, config.ranges);
  for (const IpAddress& source : scan.sources) {
    EXPECT_TRUE(wants(scan, reply(kTcp, 61000, source.to_string().c_str())));
  }
  EXPECT_FALSE(wants(scan, reply(kTcp, 61000, "198.18.200.1"))) << "in the widest gap";
  scan.sources.resize(2);
  EXPECT_FALSE(wants(scan, reply(kTcp, 61000, "198.18.0.1")));
}

TEST(ScanFilter, TheObjectHoldsTheConfigurationOnce) {
  const auto object = scan_filter_object(traffic());
  const auto config = scan_filter_config(traffic());
  const auto* const bytes = reinterpret_cast<const std::byte*>(&config);
  const auto at = std::search(object.begin(), object.end(), bytes, bytes + sizeof config);
  ASSERT_NE(object.end(), at);
  EXPECT_EQ(object.end(), std::search(at + 1, object.end(), bytes, bytes + kScanFilterMarkerSize));
  const auto file = ScanFilterFile::make(traffic());
  ASSERT_TRUE(file);
  std::ifstream in{file->path(), std::ios::binary};
  const std::string read{std::istreambuf_iterator<char>{in}, {}};
  EXPECT_EQ(object.size(), read.size());
  EXPECT_EQ(
      "\x7f"
      "ELF",
      read.substr(0, 4));
}

TEST(ScanFilter, EchoRepliesAreTheScannersWhereItSendsEchoesOfTheirIdentifier) {
  const auto answer = [](__u8 type, unsigned id) {
    Bytes message = icmp(type, {});
    message[4] = static_cast<__u8>(id >> 8U);
    message[5] = static_cast<__u8>(id);
    return frame_of(ip_packet(1, "198.18.0.9", "198.18.0.1", message));
  };
  ScanTraffic scan = traffic();
  EXPECT_FALSE(wants(scan, answer(0, 61070)));
  scan.echoes = PortRange{61064, 61319};
  EXPECT_TRUE(wants(scan, answer(0, 61064)));
  EXPECT_TRUE(wants(scan, answer(0, 61319)));
  EXPECT_FALSE(wants(scan, answer(0, 61063)));
  EXPECT_FALSE(wants(scan, answer(0, 61320)));
  EXPECT_FALSE(wants(scan, answer(8, 61070)));
}

}  // namespace
}  // namespace trawl::dataplane
