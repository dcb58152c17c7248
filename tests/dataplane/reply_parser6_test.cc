// Replies over IPv6, and the probes they answer: what a template writes, the parser has to know
// again.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <tuple>

#include "dataplane/probe_template.h"
#include "dataplane/reply.h"
#include "tests/dataplane/frames6.h"

namespace trawl::dataplane {
namespace {

constexpr PortRange kPorts{.first = 61000, .last = 64999};
constexpr Target6 kTarget{kPeer6, 443};
constexpr Cookie kCookie{.sequence = 0x01020304, .source_port = 61234, .ip_id = 0x5678};
constexpr std::uint32_t kStamp = 0xa1b2c3d9;
constexpr std::uint16_t kLabel = 0x7856;  // kCookie.ip_id as it lies in a frame.

// A service that is asked by an id of 16 bits, and an empty datagram elsewhere.
std::shared_ptr<const UdpPayloads> payloads() {
  const std::array<UdpPayload, 1> given{UdpPayload{
      .name = "dns",
      .ports = {53},
      .bytes = std::vector<std::byte>(12),
      .slots = {{.field = UdpField::Id16, .at = 0}},
      .reply = {{.kind = UdpReplyStep::Kind::Field, .field = UdpField::Id16, .bytes = {}}}}};
  static constexpr std::array<std::uint16_t, 2> kProbed{53, 443};
  return std::make_shared<const UdpPayloads>(given, kProbed);
}

Frame probe(ProbeKind kind, VlanId vlan = {}, Ipv6Address source = kOurs6,
            Target6 target = kTarget) {
  const ProbeTemplate6 made{kind, {kOurMac, source, vlan, 33}, payloads()};
  const std::uint64_t head = made.frame_head(kPeerMac);
  Frame frame;
  made.visit([&]<typename Probe>(const Probe& one) {
    if constexpr (std::is_same_v<Probe, BasicUdpTemplate<Ipv6Address>>) {
      frame.resize(Probe::kLargestFrame);
      frame.resize(one.write(frame.data(), head, target, kCookie, kStamp));
    } else {
      frame.resize(one.size().count());
      one.prepare(frame.data());
      one.stamp(frame.data(), head, target, kCookie, kStamp);
    }
  });
  if (source == Ipv6Address{}) made.set_source(frame.data(), kOurs6);
  return frame;
}

std::pair<Counter, BasicReplyClaim<Ipv6Address>> parse(const Frame& frame,
                                                       ProbeKind kind = ProbeKind::TcpSyn,
                                                       VlanId vlan = {}) {
  std::pair<Counter, BasicReplyClaim<Ipv6Address>> result;
  const ReplyParser6 parser{kOurs6, kPorts, kind, payloads(), vlan};
  result.first = parser.parse(frame, result.second);
  return result;
}

constexpr std::array kKinds{ProbeKind::TcpSyn, ProbeKind::TcpAck, ProbeKind::IcmpEcho,
                            ProbeKind::Udp};

TEST(ProbeTemplate6, EveryKindHasRightHeadersAndChecksums) {
  for (const ProbeKind kind : kKinds) {
    for (const Ipv6Address source : {kOurs6, Ipv6Address{}}) {
      const Frame frame = probe(kind, {}, source);
      EXPECT_EQ(get_mac(frame, 0), kPeerMac);
      EXPECT_EQ(get_mac(frame, 6), kOurMac);
      EXPECT_EQ(get16(frame, 12), 0x86ddU);
      EXPECT_EQ(get16(frame, 14), 0x6000U);
      EXPECT_EQ(get16(frame, 16), kLabel);
      EXPECT_EQ(get16(frame, 18), frame.size() - 54) << to_string(kind);
      EXPECT_EQ(get8(frame, 21), 33U) << "hop limit";
      EXPECT_EQ(sum6_of(std::span{frame}.subspan(14)), 0xffffU) << to_string(kind);
      EXPECT_EQ(get32(frame, 34), 1U) << "our address";
      EXPECT_EQ(get32(frame, 50), 0x12345678U) << "theirs";
    }
    const Frame tagged = probe(kind, VlanId{7});
    EXPECT_EQ(get32(tagged, 12), 0x81000007U);
    EXPECT_EQ(sum6_of(std::span{tagged}.subspan(18)), 0xffffU);
  }
}

TEST(ProbeTemplate6, SynAsksForSegmentsThatFitAnEthernetFrame) {
  const Frame frame = probe(ProbeKind::TcpSyn);
  EXPECT_EQ(get32(frame, 74), 0x020405a0U) << "1440 = 1500 - 60";
}

TEST(ReplyParser6, SynAckTellsTheCookieTheStampAndTheHopLimit) {
  const auto [outcome, claim] = parse(tcp6_frame({.options = timestamps(kStamp)}));
  ASSERT_EQ(outcome, Counter::RxValid);
  EXPECT_EQ(claim.target, kTarget);
  EXPECT_EQ(claim.from, kPeer6);
  EXPECT_EQ(claim.source, kOurs6);
  EXPECT_EQ(claim.sequence, kCookie.sequence);
  EXPECT_EQ(claim.source_port, kCookie.source_port);
  EXPECT_EQ(claim.stamp, kStamp);
  EXPECT_EQ(claim.ttl, 57);
  EXPECT_EQ(claim.state, PortState::Open);
  const auto [closed, reset] = parse(tcp6_frame({.flags = kFlagRst | kFlagAck}));
  ASSERT_EQ(closed, Counter::RxValid);
  EXPECT_EQ(reset.state, PortState::Closed);
}

TEST(ReplyParser6, EchoReplyTellsTheWholeCookie) {
  const Frame data = echo_data();
  const auto [outcome, claim] =
      parse(icmp6_frame(129, 0, kCookie.sequence, data), ProbeKind::IcmpEcho);
  ASSERT_EQ(outcome, Counter::RxValid);
  EXPECT_EQ(claim.state, PortState::Up);
  EXPECT_EQ(claim.sequence, kCookie.sequence);
  EXPECT_EQ(claim.source_port, kCookie.source_port);
  EXPECT_EQ(claim.stamp, kStamp);
  EXPECT_EQ(parse(icmp6_frame(129, 0, 1, data)).first, Counter::RxIcmpOther) << "of no SYN";
}

TEST(ReplyParser6, UdpReplyTellsTheIdOfItsPayload) {
  Frame data(12);
  set16(data, 0, kCookie.sequence & 0xffffU);
  const auto [outcome, claim] = parse(udp6_frame(53, 61234, data), ProbeKind::Udp);
  ASSERT_EQ(outcome, Counter::RxValid);
  EXPECT_EQ(claim.state, PortState::Open);
  EXPECT_EQ(claim.sequence & claim.sequence_mask, kCookie.sequence & 0xffffU);
}

TEST(ReplyParser6, ErrorsQuoteTheProbeOfEveryKind) {
  for (const ProbeKind kind : kKinds) {
    const auto [outcome, claim] = parse(icmp6_error(1, 0, probe(kind)), kind);
    ASSERT_EQ(outcome, Counter::RxValid) << to_string(kind);
    EXPECT_EQ(claim.target.ip, kPeer6);
    EXPECT_EQ(claim.target.port, has_ports(kind) ? 443 : 0);
    EXPECT_EQ(claim.state, PortState::Unreachable);
    EXPECT_EQ((claim.sequence ^ kCookie.sequence) & claim.sequence_mask, 0U) << to_string(kind);
    EXPECT_EQ((claim.source_port ^ kCookie.source_port) & claim.port_mask, 0) << to_string(kind);
    EXPECT_EQ((claim.ip_id ^ kCookie.ip_id) & claim.id_mask, 0) << to_string(kind);
    EXPECT_NE(claim.sequence_mask | claim.id_mask, 0U) << "nothing proves it";
  }
}

TEST(ReplyParser6, CodesOfErrorsHaveTheNamesOfIpv4) {
  const Frame syn = probe(ProbeKind::TcpSyn);
  for (const auto& [type, code, reason] :
       {std::tuple{1U, 0U, Reason::NetUnreachable}, std::tuple{1U, 1U, Reason::AdminProhibited},
        std::tuple{1U, 2U, Reason::OtherUnreachable}, std::tuple{1U, 3U, Reason::HostUnreachable},
        std::tuple{1U, 4U, Reason::PortUnreachable}, std::tuple{1U, 5U, Reason::AdminProhibited},
        std::tuple{1U, 6U, Reason::NetProhibited}, std::tuple{3U, 0U, Reason::TtlExceeded},
        std::tuple{4U, 1U, Reason::ProtoUnreachable}}) {
    const auto [outcome, claim] = parse(icmp6_error(type, code, syn));
    ASSERT_EQ(outcome, Counter::RxValid) << type << ' ' << code;
    EXPECT_EQ(claim.reason, reason) << type << ' ' << code;
  }
  EXPECT_EQ(parse(icmp6_error(2, 0, syn)).first, Counter::RxIcmpOther) << "too big";
  EXPECT_EQ(parse(icmp6_error(4, 0, syn)).first, Counter::RxIcmpOther);
}

TEST(ReplyParser6, PortUnreachableOfTheTargetItselfClosesAUdpPort) {
  const Frame udp = probe(ProbeKind::Udp);
  EXPECT_EQ(parse(icmp6_error(1, 4, udp, kPeer6), ProbeKind::Udp).second.state, PortState::Closed);
  EXPECT_EQ(parse(icmp6_error(1, 4, udp), ProbeKind::Udp).second.state, PortState::Unreachable);
}

TEST(ReplyParser6, OtherFramesArePutAsideByName) {
  EXPECT_EQ(parse(tcp_frame({})).first, Counter::RxNotIpv6);
  EXPECT_EQ(parse(arp_frame({})).first, Counter::RxNotIpv6);
  EXPECT_EQ(parse(neighbour_frame({})).first, Counter::RxNeighbour);
  EXPECT_EQ(parse(tcp6_frame({}, {.to = kPeer6})).first, Counter::RxOtherAddress);
  EXPECT_EQ(parse(tcp6_frame({.to_port = 80})).first, Counter::RxOtherPort);
  EXPECT_EQ(parse(tcp6_frame({}, {.protocol = 44})).first, Counter::RxFragment);
  EXPECT_EQ(parse(tcp6_frame({}, {.protocol = 0})).first, Counter::RxOtherProtocol);
  Frame four = tcp6_frame({});
  four[14] = std::byte{0x45};
  EXPECT_EQ(parse(four).first, Counter::RxBadHeader);
  const Frame foreign = tcp6_frame({.flags = kFlagSyn}, {.from = kPeer6, .to = kOurs6});
  EXPECT_EQ(parse(icmp6_error(1, 0, foreign)).first, Counter::RxIcmpOther) << "no probe of ours";
}

TEST(ReplyParser6, TagOfTheVlanIsNeeded) {
  const Frame reply = tcp6_frame({});
  EXPECT_EQ(parse(with_tag(reply, 7), ProbeKind::TcpSyn, VlanId{7}).first, Counter::RxValid);
  EXPECT_EQ(parse(with_tag(reply, 8), ProbeKind::TcpSyn, VlanId{7}).first, Counter::RxOtherVlan);
  EXPECT_EQ(parse(reply, ProbeKind::TcpSyn, VlanId{7}).first, Counter::RxOtherVlan);
}

TEST(ReplyParser6, CutFramesAreNeverValid) {
  for (const Frame& whole : {tcp6_frame({}), icmp6_error(1, 0, probe(ProbeKind::TcpSyn))}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Frame cut{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
      EXPECT_NE(parse(cut).first, Counter::RxValid) << size;
    }
  }
}

}  // namespace
}  // namespace trawl::dataplane
