#include "dataplane/exception/kernel_frame_check.h"

#include <gtest/gtest.h>

#include "tests/dataplane/frames6.h"

namespace trawl::dataplane {
namespace {

using Verdict = KernelFrameCheck::Verdict;

constexpr Ipv4Address kBlocked{0xc6130308};
constexpr Ipv6Address kBlocked6{kDocumentation + 0xbad};
constexpr Ipv6Address kGateway6{kDocumentation + 2};

PacketGuard guard() {
  Ipv4Set v4;
  v4.add(Ipv4Prefix{kBlocked, 32});
  v4.add(Ipv4Prefix{Ipv4Address{0xe0000000}, 3});
  Ipv6Set v6;
  v6.add(Ipv6Prefix{kBlocked6, 128});
  v6.add(Ipv6Prefix{kGateway6, 128});
  v6.add(Ipv6Prefix{Ipv6Address{Uint128{0xff} << 120U}, 8});
  return {v4, v6};
}

KernelFrameCheck check(const IpAddress& source = kOurs, ProbeKind kind = ProbeKind::TcpSyn) {
  return {{.kind = kind, .ports = {.first = 61000, .last = 61063}, .vlan = {}, .sources = {source}},
          source.is_v4() ? std::nullopt : std::optional{IpAddress{kGateway6}}};
}

Verdict judge(const Frame& frame) { return check().judge(frame, guard()); }
Verdict judge6(const Frame& frame) { return check(kOurs6).judge(frame, guard()); }

Frame own_tcp(unsigned from_port, Ipv4Address to, unsigned fragment = 0x4000,
              Ipv4Address from = kOurs) {
  return tcp_frame({.from_port = from_port, .to_port = 80},
                   {.from = from, .to = to, .fragment = fragment});
}

TEST(KernelFrameCheck, PacketsGoWhereProbesMayGo) {
  EXPECT_EQ(judge(own_tcp(40000, kPeer)), Verdict::Allowed);
  EXPECT_EQ(judge(own_tcp(40000, kBlocked)), Verdict::Blocked);
  EXPECT_EQ(judge(own_tcp(40000, Ipv4Address{0xe00000fb})), Verdict::Blocked);
  EXPECT_EQ(judge(own_tcp(40000, kBlocked, 0x0010)), Verdict::Blocked) << "a later fragment";
  const Frame v6 = tcp6_frame({.from_port = 40000}, {.from = kOurs6, .to = kPeer6});
  EXPECT_EQ(judge6(v6), Verdict::Allowed);
  EXPECT_EQ(judge6(tcp6_frame({.from_port = 40000}, {.from = kOurs6, .to = kBlocked6})),
            Verdict::Blocked);
}

TEST(KernelFrameCheck, NothingLeavesFromAPortOfTheSurvey) {
  for (const unsigned port : {61000U, 61063U}) {
    EXPECT_EQ(judge(own_tcp(port, kPeer)), Verdict::ScanPort);
    EXPECT_EQ(judge6(udp6_frame(port, 53, {}, {.from = kOurs6, .to = kPeer6, .protocol = 17})),
              Verdict::ScanPort);
  }
  EXPECT_EQ(judge(own_tcp(60999, kPeer)), Verdict::Allowed);
  EXPECT_EQ(judge(own_tcp(61064, kPeer)), Verdict::Allowed);
  EXPECT_EQ(judge(own_tcp(61000, kPeer, 0x4000, kPeer)), Verdict::Allowed) << "another address";
  EXPECT_EQ(judge(own_tcp(61000, kPeer, 0x0010)), Verdict::Allowed) << "no ports in there";
  EXPECT_EQ(check(kOurs, ProbeKind::IcmpEcho).judge(own_tcp(61000, kPeer), guard()),
            Verdict::Allowed)
      << "the survey has no ports";
}

TEST(KernelFrameCheck, ArpMayLeave) {
  Frame arp(60);
  set16(arp, 12, 0x0806);
  EXPECT_EQ(judge(arp), Verdict::Allowed);
  arp.resize(41);
  EXPECT_EQ(judge(arp), Verdict::Blocked);
}

TEST(KernelFrameCheck, NeighbourDiscoveryGoesToTheLinkAndTheGateway) {
  const auto solicitation = [](Ipv6Address to, unsigned hop_limit, unsigned type) {
    return icmp6_frame(type, 0, 0, Frame(24),
                       {.from = kOurs6, .to = to, .protocol = 58, .hop_limit = hop_limit});
  };
  const Ipv6Address group{Uint128{0xff02} << 112U | 0x1ff000002};
  const Ipv6Address local{Uint128{0xfe80} << 112U | 2};
  EXPECT_EQ(judge6(solicitation(group, 255, 135)), Verdict::Allowed);
  EXPECT_EQ(judge6(solicitation(local, 255, 136)), Verdict::Allowed);
  EXPECT_EQ(judge6(solicitation(kGateway6, 255, 135)), Verdict::Allowed);
  EXPECT_EQ(judge6(solicitation(kBlocked6, 255, 135)), Verdict::Blocked);
  EXPECT_EQ(judge6(solicitation(group, 64, 135)), Verdict::Blocked) << "a router would pass it on";
  EXPECT_EQ(judge6(solicitation(group, 255, 137)), Verdict::Blocked) << "a redirect";
}

TEST(KernelFrameCheck, PacketsThatChooseTheirWayStay) {
  // Source routes of IPv4 through a blocked and through an allowed address.
  Frame routed = ip_frame({.from = kOurs, .to = kPeer, .option_words = 2},
                          tcp_segment({.from_port = 40000, .to_port = 80}));
  set32(routed, 34, 0x83070400);
  set32(routed, 38, kPeer.value() << 8U);
  routed[37] = std::byte{static_cast<std::uint8_t>(kPeer.value() >> 24U)};
  EXPECT_EQ(judge(routed), Verdict::Allowed);
  set32(routed, 38, kBlocked.value() << 8U);
  EXPECT_EQ(judge(routed), Verdict::Blocked);
  // Hop-by-hop options, then a routing header or TCP from a port of the survey.
  Frame rest(16);
  rest[0] = std::byte{43};
  EXPECT_EQ(judge6(ip6_frame({.from = kOurs6, .to = kPeer6, .protocol = 0}, rest, 14)),
            Verdict::Blocked);
  rest[0] = std::byte{6};
  EXPECT_EQ(judge6(ip6_frame({.from = kOurs6, .to = kPeer6, .protocol = 0}, rest, 14)),
            Verdict::Allowed);
  set16(rest, 8, 61000);
  EXPECT_EQ(judge6(ip6_frame({.from = kOurs6, .to = kPeer6, .protocol = 0}, rest, 14)),
            Verdict::ScanPort);
}

TEST(KernelFrameCheck, WhatCanNotBeReadStays) {
  const Frame whole = own_tcp(40000, kPeer);
  for (std::size_t size = 0; size < 34; ++size) {
    EXPECT_EQ(judge(Frame(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
              Verdict::Blocked)
        << size;
  }
  Frame other = whole;
  set16(other, 12, 0x8100);
  EXPECT_EQ(judge(other), Verdict::Blocked);
  other = whole;
  other[14] = std::byte{0x44};
  EXPECT_EQ(judge(other), Verdict::Blocked);
}

}  // namespace
}  // namespace trawl::dataplane
