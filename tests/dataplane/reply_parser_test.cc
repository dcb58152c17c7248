#include <gtest/gtest.h>

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

// Parses a copy that ends where the frame ends, so that the address sanitizer sees a read past it.
Parsed parse(std::span<const std::byte> frame) {
  const auto exact = std::make_unique<std::byte[]>(frame.size());
  std::copy(frame.begin(), frame.end(), exact.get());
  Parsed parsed{};
  parsed.counter = ReplyParser(kOurs, kPorts).parse({exact.get(), frame.size()}, parsed.claim);
  return parsed;
}

Counter outcome(std::span<const std::byte> frame) { return parse(frame).counter; }

TEST(ReplyParser, SynAckSaysOpen) {
  const auto [counter, claim] = parse(tcp_frame({.options = timestamps(0xa1b2c3d9)}));
  ASSERT_EQ(counter, Counter::RxValid);
  EXPECT_EQ(claim.target, (Target{kPeer, 443}));
  EXPECT_EQ(claim.from, kPeer);
  EXPECT_EQ(claim.sequence, 0x01020304U);
  EXPECT_EQ(claim.source_port, 61234);
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
