#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/reply.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

constexpr PortRange kPorts{.first = 61000, .last = 64999};

struct Parsed {
  Counter counter;
  ReplyClaim claim;
};

// A DNS-like payload for port 53, TFTP's on 69, nothing on 7.
std::shared_ptr<const UdpPayloads> udp_payloads() {
  using Kind = UdpReplyStep::Kind;
  const std::vector<UdpPayload> given{
      {.name = "",
       .ports = {53},
       .bytes = {},
       .slots = {},
       .reply = {{.kind = Kind::Field, .field = UdpField::Id16, .bytes = {}}}},
      {.name = "",
       .ports = {69},
       .bytes = {},
       .slots = {},
       .reply = {{.kind = Kind::Bytes, .bytes = {std::byte{0}}}},
       .any_port = true}};
  static constexpr std::uint16_t kProbed[] = {7, 53, 69};
  static const auto made = std::make_shared<const UdpPayloads>(given, kProbed);
  return made;
}

// Parses a copy that ends where the frame ends, so that the address sanitizer sees a read past it.
Parsed parse(std::span<const std::byte> frame, ProbeKind kind = ProbeKind::TcpSyn) {
  const auto exact = std::make_unique<std::byte[]>(frame.size());
  std::copy(frame.begin(), frame.end(), exact.get());
  Parsed parsed{};
  parsed.counter = ReplyParser(kOurs, kPorts, kind, udp_payloads())
                       .parse({exact.get(), frame.size()}, parsed.claim);
  return parsed;
}

Counter outcome(std::span<const std::byte> frame, ProbeKind kind = ProbeKind::TcpSyn) {
  return parse(frame, kind).counter;
}

TEST(ReplyParser, SynAckSaysOpen) {
  const auto [counter, claim] = parse(tcp_frame({.options = timestamps(0xa1b2c3d9)}));
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 443}));
  EXPECT_EQ(claim.from, kPeer);
  EXPECT_EQ(claim.sequence, 0x01020304U);
  EXPECT_EQ(claim.source_port, 61234);
  EXPECT_EQ(claim.port_mask, 0xffff);
  EXPECT_EQ(claim.stamp, 0xa1b2c3d9U);
  EXPECT_EQ(claim.ttl, 57);
  EXPECT_EQ(claim.state, PortState::Open);
  EXPECT_EQ(claim.reason, Reason::SynAck);
}

TEST(ReplyParser, ResetThatAcknowledgesSaysClosed) {
  const auto [counter, claim] =
      parse(tcp_frame({.sequence = 0, .flags = kFlagRst | kFlagAck}, {.ttl = 255}));
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 443}));
  EXPECT_EQ(claim.sequence, 0x01020304U);
  EXPECT_EQ(claim.stamp, 0U);
  EXPECT_EQ(claim.ttl, 255);
  EXPECT_EQ(claim.state, PortState::Closed);
  EXPECT_EQ(claim.reason, Reason::Reset);
}

// RFC 9293 section 3.10.7.1: its sequence number is the acknowledgement number it answers.
TEST(ReplyParser, ResetForAnAckSaysUnfiltered) {
  for (const unsigned more : {0U, kFlagAck}) {
    const auto [counter, claim] = parse(
        tcp_frame({.sequence = 0x03040102, .ack = 0, .flags = kFlagRst | more}), ProbeKind::TcpAck);
    ASSERT_EQ(counter, Counter::RxValid);
    EXPECT_EQ(claim.target, (Target{kPeer, 443}));
    EXPECT_EQ(claim.from, kPeer);
    EXPECT_EQ(claim.sequence, 0x01020304U);
    EXPECT_EQ(claim.source_port, 61234);
    EXPECT_EQ(claim.stamp, 0U);
    EXPECT_EQ(claim.state, PortState::Unfiltered);
    EXPECT_EQ(claim.reason, Reason::Reset);
  }
}

TEST(ReplyParser, OnlyResetsAnswerAnAck) {
  for (unsigned flags = 0; flags < 64; ++flags) {
    EXPECT_EQ(outcome(tcp_frame({.flags = flags}), ProbeKind::TcpAck),
              (flags & kFlagRst) != 0 ? Counter::RxValid : Counter::RxNotAReply)
        << flags;
  }
}

TEST(ReplyParser, AcknowledgementOfSequenceAllOnesIsZero) {
  EXPECT_EQ(parse(tcp_frame({.ack = 0})).claim.sequence, 0xffffffffU);
}

TEST(ReplyParser, OnlyFlagsThatAnswerASynCount) {
  for (unsigned flags = 0; flags < 64; ++flags) {
    const bool acknowledges = (flags & kFlagAck) != 0;
    const bool reset = (flags & kFlagRst) != 0 && acknowledges;
    const bool syn_ack =
        acknowledges && (flags & kFlagSyn) != 0 && (flags & (kFlagRst | kFlagFin)) == 0;
    const auto [counter, claim] = parse(tcp_frame({.flags = flags}));
    if (!reset && !syn_ack) {
      EXPECT_EQ(counter, Counter::RxNotAReply) << flags;
      continue;
    }
    EXPECT_EQ(counter, Counter::RxValid) << flags;
    EXPECT_EQ(claim.state, syn_ack ? PortState::Open : PortState::Closed) << flags;
  }
}

// RFC 3168 section 6.1.1: a SYN-ACK may set ECE.
TEST(ReplyParser, CongestionFlagsDoNotMatter) {
  EXPECT_EQ(outcome(tcp_frame({.flags = kFlagSyn | kFlagAck | kFlagEce})), Counter::RxValid);
}

TEST(ReplyParser, SourcePortsMustBeOurs) {
  EXPECT_EQ(outcome(tcp_frame({.to_port = 61000})), Counter::RxValid);
  EXPECT_EQ(outcome(tcp_frame({.to_port = 64999})), Counter::RxValid);
  EXPECT_EQ(outcome(tcp_frame({.to_port = 60999})), Counter::RxOtherPort);
  EXPECT_EQ(outcome(tcp_frame({.to_port = 65000})), Counter::RxOtherPort);
}

struct OptionCase {
  const char* what;
  std::vector<std::uint8_t> options;
  std::uint32_t stamp;
};

TEST(ReplyParser, FindsTheEchoedTimestampAmongAnyOptions) {
  const std::vector<OptionCase> cases{
      {"none", {}, 0},
      {"Linux", {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 1, 1, 1, 0, 0, 0, 42, 1, 3, 3, 7}, 42},
      {"BSD", {2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, 8, 10, 1, 1, 1, 1, 0, 0, 0, 43}, 43},
      {"alone", {8, 10, 1, 1, 1, 1, 0, 0, 0, 44}, 44},
      {"after unknown ones", {254, 6, 1, 2, 3, 4, 28, 2, 8, 10, 1, 1, 1, 1, 0, 0, 0, 45}, 45},
      {"after the end", {0, 0, 8, 10, 1, 1, 1, 1, 0, 0, 0, 46}, 0},
      {"of a wrong length", {8, 9, 1, 1, 1, 1, 0, 0, 47, 1, 1, 1}, 0},
      {"cut off", {1, 1, 1, 1, 1, 1, 8, 10}, 0},
      {"one byte short", {1, 1, 1, 8, 10, 1, 1, 1, 1, 0, 0, 48}, 0},
      {"behind a length of zero", {3, 0, 8, 10, 1, 1, 1, 1, 0, 0, 0, 49}, 0},
      {"behind a length of one", {3, 1, 8, 10, 1, 1, 1, 1, 0, 0, 0, 50}, 0},
      {"behind a length beyond the end", {3, 200, 8, 10, 1, 1, 1, 1, 0, 0, 0, 51}, 0},
      {"a kind without length", {1, 1, 1, 3}, 0},
      {"twice, the first counts",
       {8, 10, 1, 1, 1, 1, 0, 0, 0, 52, 8, 10, 1, 1, 1, 1, 0, 0, 0, 53},
       52}};
  for (const auto& [what, options, stamp] : cases) {
    const auto [counter, claim] = parse(tcp_frame({.options = options}));
    EXPECT_EQ(counter, Counter::RxValid) << what;
    EXPECT_EQ(claim.stamp, stamp) << what;
  }
}

TEST(ReplyParser, TcpHeaderLengthMustBePossible) {
  Frame frame = tcp_frame({});
  for (unsigned words = 0; words < 16; ++words) {
    set16(frame, 46, words << 12U | kFlagSyn | kFlagAck);
    const Counter expected = words < 5    ? Counter::RxBadHeader
                             : words == 5 ? Counter::RxValid
                                          : Counter::RxTruncated;
    EXPECT_EQ(outcome(frame), expected) << words;
  }
}

TEST(ReplyParser, IpHeaderMustBePossible) {
  const Frame frame = tcp_frame({});
  for (unsigned first = 0; first < 256; ++first) {
    if (first == 0x45) continue;
    Frame bad = frame;
    bad[14] = std::byte{static_cast<unsigned char>(first)};
    EXPECT_NE(outcome(bad), Counter::RxValid) << first;
    if (first >> 4U != 4 || (first & 0xfU) < 5) {
      EXPECT_EQ(outcome(bad), Counter::RxBadHeader) << first;
    }
  }
  Frame short_total = frame;
  set16(short_total, 16, 19);
  EXPECT_EQ(outcome(short_total), Counter::RxBadHeader);
}

TEST(ReplyParser, IpOptionsAreSteppedOver) {
  for (std::size_t words = 0; words <= 10; ++words) {
    const auto [counter, claim] = parse(tcp_frame({}, {.option_words = words}));
    EXPECT_EQ(counter, Counter::RxValid) << words;
    EXPECT_EQ(claim.sequence, 0x01020304U) << words;
  }
}

TEST(ReplyParser, EthernetPaddingIsNotPartOfThePacket) {
  Frame frame = tcp_frame({.flags = kFlagRst | kFlagAck});
  ASSERT_EQ(frame.size(), 54U);
  frame.resize(60, std::byte{0xff});
  EXPECT_EQ(outcome(frame), Counter::RxValid);
  // A length that says the header's end lies in the padding is a lie.
  set16(frame, 16, 39);
  EXPECT_EQ(outcome(frame), Counter::RxTruncated);
}

TEST(ReplyParser, FramesCutShortAnywhereAreTruncated) {
  const std::vector<Frame> frames{
      tcp_frame({.options = timestamps(7)}), tcp_frame({}, {.option_words = 10}),
      icmp_error(3, 1, quoted_probe()), icmp_error(11, 0, quoted_probe(20, 10)), ip_frame({}, {})};
  for (const Frame& frame : frames) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      EXPECT_EQ(outcome({frame.data(), size}), Counter::RxTruncated) << size;
    }
  }
  for (const Frame& frame : {icmp_frame({}, echo_data()), icmp_error(3, 1, quoted_icmp())}) {
    for (std::size_t size = 0; size < frame.size(); ++size) {
      EXPECT_EQ(outcome({frame.data(), size}, ProbeKind::IcmpEcho), Counter::RxTruncated) << size;
    }
  }
}

// The length field and the frame agree here; the headers inside do not fit.
TEST(ReplyParser, PacketsTooShortForTheirHeadersAreTruncated) {
  const auto shortened = [](Frame frame, std::size_t by) {
    frame.resize(frame.size() - by);
    set16(frame, 16, static_cast<unsigned>(frame.size() - 14));
    return frame;
  };
  for (std::size_t by = 1; by <= 20; ++by) {
    EXPECT_EQ(outcome(shortened(tcp_frame({}), by)), Counter::RxTruncated) << by;
  }
  for (std::size_t by = 1; by <= 36; ++by) {
    EXPECT_EQ(outcome(shortened(icmp_error(3, 3, quoted_probe()), by)), Counter::RxTruncated) << by;
  }
}

TEST(ReplyParser, FragmentsArePutAside) {
  for (const unsigned fragment : {0x2000U, 0x0001U, 0x1fffU, 0x6000U, 0x20b9U}) {
    EXPECT_EQ(outcome(tcp_frame({}, {.fragment = fragment})), Counter::RxFragment) << fragment;
  }
  EXPECT_EQ(outcome(tcp_frame({}, {.fragment = 0})), Counter::RxValid);
}

TEST(ReplyParser, OtherFramesAreCountedByWhatTheyAre) {
  EXPECT_EQ(outcome(tcp_frame({}, {.type = 0x86dd})), Counter::RxNotIpv4) << "IPv6";
  EXPECT_EQ(outcome(tcp_frame({}, {.type = 0x8100})), Counter::RxNotIpv4) << "VLAN";
  EXPECT_EQ(outcome(tcp_frame({}, {.to = Ipv4Address{kOurs.value() + 1}})),
            Counter::RxOtherAddress);
  EXPECT_EQ(outcome(tcp_frame({}, {.protocol = 17})), Counter::RxOtherProtocol);
  EXPECT_EQ(outcome(arp_frame({})), Counter::RxArp);
  EXPECT_EQ(outcome({}), Counter::RxTruncated);
}

struct IcmpCase {
  unsigned type;
  unsigned code;
  Reason reason;
};

TEST(ReplyParser, IcmpErrorsSayWhyATargetIsUnreachable) {
  for (const auto [type, code, reason] :
       {IcmpCase{3, 0, Reason::NetUnreachable}, IcmpCase{3, 1, Reason::HostUnreachable},
        IcmpCase{3, 2, Reason::ProtoUnreachable}, IcmpCase{3, 3, Reason::PortUnreachable},
        IcmpCase{3, 9, Reason::NetProhibited}, IcmpCase{3, 10, Reason::HostProhibited},
        IcmpCase{3, 13, Reason::AdminProhibited}, IcmpCase{3, 4, Reason::OtherUnreachable},
        IcmpCase{3, 255, Reason::OtherUnreachable}, IcmpCase{11, 0, Reason::TtlExceeded},
        IcmpCase{11, 1, Reason::TtlExceeded}}) {
    const auto [counter, claim] = parse(icmp_error(type, code, quoted_probe()));
    ASSERT_EQ(counter, Counter::RxValid) << type << "/" << code;
    EXPECT_EQ(claim.reason, reason) << type << "/" << code;
    EXPECT_EQ(claim.state, PortState::Unreachable);
    EXPECT_EQ(claim.target, (Target{kPeer, 443}));
    EXPECT_EQ(claim.from.to_string(), "198.18.0.2");
    EXPECT_EQ(claim.sequence, 0x01020304U);
    EXPECT_EQ(claim.source_port, 61234);
    EXPECT_EQ(claim.stamp, 0U);
    EXPECT_EQ(claim.ttl, 57);
  }
}

TEST(ReplyParser, EchoReplySaysUp) {
  const auto [counter, claim] =
      parse(icmp_frame({}, echo_data(), {.protocol = 1}), ProbeKind::IcmpEcho);
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 0}));
  EXPECT_EQ(claim.from, kPeer);
  EXPECT_EQ(claim.sequence, 0x01020304U);
  EXPECT_EQ(claim.source_port, 61234);
  EXPECT_EQ(claim.port_mask, 0xffff);
  EXPECT_EQ(claim.stamp, 0xa1b2c3d9U);
  EXPECT_EQ(claim.ttl, 57);
  EXPECT_EQ(claim.state, PortState::Up);
  EXPECT_EQ(claim.reason, Reason::EchoReply);
}

TEST(ReplyParser, EchoRepliesAnswerEchoRequestsAlone) {
  const Frame reply = icmp_frame({}, echo_data());
  EXPECT_EQ(outcome(reply, ProbeKind::TcpSyn), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(reply, ProbeKind::TcpAck), Counter::RxIcmpOther);
  for (const unsigned type : {8U, 13U, 14U, 17U, 18U}) {
    EXPECT_EQ(outcome(icmp_frame({.type = type}, echo_data()), ProbeKind::IcmpEcho),
              Counter::RxIcmpOther)
        << type;
  }
  EXPECT_EQ(outcome(tcp_frame({}), ProbeKind::IcmpEcho), Counter::RxOtherProtocol);
}

TEST(ReplyParser, EchoRepliesWithLessDataThanWeSendAreNotOurs) {
  const Frame data = echo_data();
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_EQ(outcome(icmp_frame({}, {data.data(), size}), ProbeKind::IcmpEcho),
              Counter::RxNotAReply)
        << size;
  }
}

TEST(ReplyParser, TimestampReplySaysUp) {
  const Frame reply = icmp_frame({.type = 14}, timestamp_data());
  const auto [counter, claim] = parse(reply, ProbeKind::IcmpTimestamp);
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 0}));
  EXPECT_EQ(claim.sequence, 0x01020304U);
  EXPECT_EQ(claim.port_mask, 0);
  EXPECT_EQ(claim.stamp, 0x21b2c3d9U) << "without the mark of a time that is not of the day";
  EXPECT_EQ(claim.state, PortState::Up);
  EXPECT_EQ(claim.reason, Reason::TimestampReply);
  EXPECT_EQ(outcome(reply, ProbeKind::IcmpEcho), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(reply, ProbeKind::TcpSyn), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(icmp_frame({.type = 13}, timestamp_data()), ProbeKind::IcmpTimestamp),
            Counter::RxIcmpOther);
  const Frame data = timestamp_data();
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_EQ(outcome(icmp_frame({.type = 14}, {data.data(), size}), ProbeKind::IcmpTimestamp),
              Counter::RxTruncated)
        << size;
  }
}

TEST(ReplyParser, ErrorsMustQuoteTheRequestThatWasSent) {
  const Frame echo = icmp_error(11, 0, quoted_icmp(8));
  const Frame timestamp = icmp_error(11, 0, quoted_icmp(13));
  EXPECT_EQ(outcome(echo, ProbeKind::IcmpEcho), Counter::RxValid);
  EXPECT_EQ(outcome(timestamp, ProbeKind::IcmpEcho), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(echo, ProbeKind::IcmpTimestamp), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(timestamp, ProbeKind::IcmpTimestamp), Counter::RxValid);
}

TEST(ReplyParser, ErrorsThatQuoteAnIcmpProbeTellItsSequenceAlone) {
  const auto [counter, claim] = parse(icmp_error(3, 1, quoted_icmp()), ProbeKind::IcmpEcho);
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 0}));
  EXPECT_EQ(claim.sequence, 0x01020304U);
  EXPECT_EQ(claim.port_mask, 0);
  EXPECT_EQ(claim.stamp, 0U);
  EXPECT_EQ(claim.state, PortState::Unreachable);
  EXPECT_EQ(claim.reason, Reason::HostUnreachable);
  EXPECT_EQ(outcome(icmp_error(3, 1, quoted_icmp(0)), ProbeKind::IcmpEcho), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(icmp_error(3, 1, quoted_probe()), ProbeKind::IcmpEcho), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(icmp_error(3, 1, quoted_icmp()), ProbeKind::TcpSyn), Counter::RxIcmpOther);
}

TEST(ReplyParser, UdpReplySaysOpen) {
  const Frame data(2, std::byte{0x42});
  const auto [counter, claim] = parse(udp_frame(53, 61234, data), ProbeKind::Udp);
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 53}));
  EXPECT_EQ(claim.source_port, 61234);
  EXPECT_EQ(claim.port_mask, 0xffff);
  EXPECT_EQ(claim.sequence, 0x4242U);
  EXPECT_EQ(claim.sequence_mask, 0xffffU);
  EXPECT_EQ(claim.id_mask, 0);
  EXPECT_EQ(claim.stamp, 0U);
  EXPECT_EQ(claim.state, PortState::Open);
  EXPECT_EQ(claim.reason, Reason::UdpResponse);
  const auto [any, other] = parse(udp_frame(50001, 61234, Frame(4)), ProbeKind::Udp);
  ASSERT_EQ(any, Counter::RxValid);
  EXPECT_EQ(other.target, (Target{kPeer, 69}));
  EXPECT_EQ(other.sequence_mask, 0U);
}

TEST(ReplyParser, OtherDatagramsArePutAside) {
  const Frame data(1);
  EXPECT_EQ(outcome(udp_frame(53, 61234, data), ProbeKind::Udp), Counter::RxNotAReply);
  EXPECT_EQ(outcome(udp_frame(7, 61234, {}), ProbeKind::Udp), Counter::RxValid);
  EXPECT_EQ(outcome(udp_frame(7, 60999, {}), ProbeKind::Udp), Counter::RxOtherPort);
  EXPECT_EQ(outcome(udp_frame(7, 61234, {}), ProbeKind::TcpSyn), Counter::RxOtherProtocol);
  EXPECT_EQ(outcome(tcp_frame({}), ProbeKind::Udp), Counter::RxOtherProtocol);
  Frame frame = udp_frame(7, 61234, data);
  set16(frame, 38, 7);
  EXPECT_EQ(outcome(frame, ProbeKind::Udp), Counter::RxBadHeader);
  set16(frame, 38, 10);
  EXPECT_EQ(outcome(frame, ProbeKind::Udp), Counter::RxTruncated);
  set16(frame, 38, 8);
  EXPECT_EQ(outcome(frame, ProbeKind::Udp), Counter::RxValid) << "shorter than the packet";
  for (std::size_t size = 0; size < frame.size(); ++size) {
    EXPECT_EQ(outcome({frame.data(), size}, ProbeKind::Udp), Counter::RxTruncated) << size;
  }
}

TEST(ReplyParser, PortUnreachableFromTheTargetSaysClosed) {
  const auto [counter, claim] = parse(icmp_error(3, 3, quoted_udp(), kPeer), ProbeKind::Udp);
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 53}));
  EXPECT_EQ(claim.state, PortState::Closed);
  EXPECT_EQ(claim.reason, Reason::PortUnreachable);
  EXPECT_EQ(claim.source_port, 61234);
  EXPECT_EQ(claim.sequence_mask, 0U);
  EXPECT_EQ(claim.id_mask, 0xffff);
  std::uint16_t as_it_lies = 0;
  std::memcpy(&as_it_lies, quoted_udp().data() + 4, sizeof as_it_lies);
  EXPECT_EQ(claim.ip_id, as_it_lies);
}

TEST(ReplyParser, OtherErrorsForUdpSayUnreachable) {
  const auto from_router = parse(icmp_error(3, 3, quoted_udp()), ProbeKind::Udp);
  ASSERT_EQ(from_router.counter, Counter::RxValid);
  EXPECT_EQ(from_router.claim.state, PortState::Unreachable) << "a router does not know";
  for (const unsigned code : {0U, 1U, 2U, 9U, 10U, 13U}) {
    EXPECT_EQ(parse(icmp_error(3, code, quoted_udp(), kPeer), ProbeKind::Udp).claim.state,
              PortState::Unreachable)
        << code;
  }
  EXPECT_EQ(parse(icmp_error(11, 3, quoted_udp(), kPeer), ProbeKind::Udp).claim.state,
            PortState::Unreachable);
  EXPECT_EQ(outcome(icmp_error(3, 3, quoted_udp(60999)), ProbeKind::Udp), Counter::RxOtherPort);
  EXPECT_EQ(outcome(icmp_error(3, 3, quoted_probe()), ProbeKind::Udp), Counter::RxIcmpOther);
  EXPECT_EQ(outcome(icmp_error(3, 3, quoted_udp()), ProbeKind::TcpSyn), Counter::RxIcmpOther);
}

TEST(ReplyParser, RepliesMayComeToAnyOfSeveralSources) {
  const Ipv4Address second{kOurs.value() + 5};
  const ReplyParser parser{SourceAddresses{std::vector{kOurs, second}}, kPorts};
  ReplyClaim claim;
  EXPECT_EQ(parser.parse(tcp_frame({}), claim), Counter::RxValid);
  EXPECT_EQ(claim.source, kOurs);
  EXPECT_EQ(parser.parse(tcp_frame({}, {.to = second}), claim), Counter::RxValid);
  EXPECT_EQ(claim.source, second);
  EXPECT_EQ(parser.parse(tcp_frame({}, {.to = Ipv4Address{kOurs.value() + 1}}), claim),
            Counter::RxOtherAddress);
  // An error that comes to one source and quotes another is nobody's.
  Frame quoted = quoted_probe();
  EXPECT_EQ(parser.parse(icmp_error(3, 1, quoted), claim), Counter::RxValid);
  set32(quoted, 12, second.value());
  EXPECT_EQ(parser.parse(icmp_error(3, 1, quoted), claim), Counter::RxIcmpOther);
}

TEST(ReplyParser, InAVlanOnlyItsFramesCount) {
  const ReplyParser parser{kOurs, kPorts, ProbeKind::TcpSyn, nullptr, VlanId{7}};
  const Frame plain = tcp_frame({.options = timestamps(0xa1b2c3d9)});
  ReplyClaim claim;
  for (const unsigned control : {7U, 0xe007U, 0x1007U}) {
    ASSERT_EQ(parser.parse(with_tag(plain, control), claim), Counter::RxValid) << control;
    EXPECT_EQ(claim.target, (Target{kPeer, 443}));
    EXPECT_EQ(claim.stamp, 0xa1b2c3d9U);
  }
  EXPECT_EQ(parser.parse(plain, claim), Counter::RxOtherVlan);
  EXPECT_EQ(parser.parse(with_tag(plain, 8), claim), Counter::RxOtherVlan);
  EXPECT_EQ(parser.parse(with_tag(plain, 0), claim), Counter::RxOtherVlan);
  EXPECT_EQ(parser.parse(with_tag(with_tag(plain, 7), 7), claim), Counter::RxNotIpv4) << "twice";
  EXPECT_EQ(parser.parse(with_tag(arp_frame({}), 7), claim), Counter::RxArp);
  const Frame whole = with_tag(plain, 7);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(parser.parse({whole.data(), size}, claim), Counter::RxTruncated) << size;
  }
}

TEST(ReplyParser, OtherIcmpMessagesQuoteNoProbe) {
  for (unsigned type = 0; type < 256; ++type) {
    if (type == 3 || type == 11) continue;
    EXPECT_EQ(outcome(icmp_error(type, 0, quoted_probe())), Counter::RxIcmpOther) << type;
  }
}

TEST(ReplyParser, QuotationsMustBeOfOurProbes) {
  Frame udp = quoted_probe();
  udp[9] = std::byte{17};
  EXPECT_EQ(outcome(icmp_error(3, 3, udp)), Counter::RxIcmpOther);
  Frame foreign = quoted_probe();
  set32(foreign, 12, kOurs.value() + 1);
  EXPECT_EQ(outcome(icmp_error(3, 3, foreign)), Counter::RxIcmpOther);
  Frame bad_header = quoted_probe();
  bad_header[0] = std::byte{0x44};
  EXPECT_EQ(outcome(icmp_error(3, 3, bad_header)), Counter::RxIcmpOther);
  Frame long_header = quoted_probe();
  long_header[0] = std::byte{0x4f};
  EXPECT_EQ(outcome(icmp_error(3, 3, long_header)), Counter::RxTruncated);
  Frame other_port = quoted_probe();
  set16(other_port, 20, 60999);
  EXPECT_EQ(outcome(icmp_error(3, 3, other_port)), Counter::RxOtherPort);
}

TEST(ReplyParser, LongerQuotationsAndIpOptionsAreUnderstood) {
  for (std::size_t words = 0; words <= 10; ++words) {
    for (const std::size_t transport : {8U, 20U}) {
      const auto [counter, claim] = parse(icmp_error(3, 1, quoted_probe(transport, words)));
      EXPECT_EQ(counter, Counter::RxValid);
      EXPECT_EQ(claim.sequence, 0x01020304U);
    }
  }
}

}  // namespace
}  // namespace trawl::dataplane
