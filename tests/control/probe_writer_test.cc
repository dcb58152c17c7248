#include "control/audit/engine/probe_writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/dataplane/packet_bytes.h"

namespace trawl::control {
namespace {

using dataplane::Bytes;
using dataplane::Dissection;
using dataplane::PacketFacts;
using dataplane::PacketSpec;

const IpAddress kOurs = dataplane::ip("198.18.0.1");
const IpAddress kHost = dataplane::ip("198.18.0.2");
const IpAddress kOurs6 = dataplane::ip("2001:db8::1");
const IpAddress kHost6 = dataplane::ip("2001:db8::2");

constexpr std::uint8_t kSyn = 2, kRst = 4, kAck = 16;
constexpr unsigned kAttempts[] = {0, 1, 7, 15, 16, 33};

class ProbeWriterTest : public testing::Test {
 protected:
  // The probe as it arrives at the host.
  PacketFacts arrived(ProbeWriter& writer, const ProbeSpec& spec, unsigned attempt,
                      const IpAddress& host = kHost) {
    PacketSpec packet = writer.write(host, spec, attempt);
    packet.source = host.is_v4() ? kOurs : kOurs6;
    probe_ = dataplane::crafted(packet);
    return dataplane::dissect_packet(probe_).value().packet;
  }
  PacketFacts arrived(const ProbeSpec& spec, unsigned attempt, const IpAddress& host = kHost) {
    return arrived(writer_, spec, attempt, host);
  }

  // The other way round, with the ports exchanged.
  static Dissection answer_to(const PacketFacts& probe) {
    Dissection reply{probe, {}};
    std::swap(reply.packet.source, reply.packet.destination);
    std::swap(reply.packet.source_port, reply.packet.destination_port);
    return reply;
  }
  static Dissection tcp_answer(const PacketFacts& probe, std::uint8_t flags, std::uint32_t sequence,
                               std::uint32_t ack) {
    Dissection reply = answer_to(probe);
    reply.packet.flags = flags;
    reply.packet.sequence = sequence;
    reply.packet.ack = ack;
    return reply;
  }
  // An ICMP error of a router that quotes the probe last written, no more than it has to.
  Dissection error() const {
    const bool v4 = static_cast<unsigned>(probe_.at(0)) >> 4U == 4;
    const std::size_t size = std::min<std::size_t>(probe_.size(), (v4 ? 20 : 40) + 8);
    const std::span quoted = std::span{probe_}.first(size);
    PacketSpec packet{.source = dataplane::ip(v4 ? "198.18.0.9" : "2001:db8::9"),
                      .destination = v4 ? kOurs : kOurs6,
                      .options = {},
                      .what = dataplane::IcmpMessage{.type = static_cast<std::uint8_t>(v4 ? 3 : 1),
                                                     .data = quoted}};
    return dataplane::dissect_packet(dataplane::crafted(packet)).value();
  }

  static ProbeSet set_of(ScanType type, std::vector<std::uint16_t> ports) {
    std::vector<ProbeSpec> specs;
    for (const std::uint16_t port : ports) {
      specs.push_back({.kind = kind_of(type), .flags = flags_of(type), .number = port});
    }
    return {type, specs};
  }
  static void expect_match(const std::optional<ProbeWriter::Match>& match, std::uint32_t index,
                           int attempt) {
    ASSERT_TRUE(match);
    EXPECT_EQ(match->index, index);
    EXPECT_EQ(match->attempt, attempt);
  }

  std::vector<dataplane::UdpPayload> none_;
  dataplane::UdpPayloads payloads_{none_, {}};
  ProbeWriter writer_{ProbeStyle{}, payloads_};
  Bytes probe_;
};

TEST_F(ProbeWriterTest, SynIsAnsweredByItsAcknowledgement) {
  const ProbeSet set = set_of(ScanType::Syn, {443, 22, 80});
  for (const unsigned attempt : kAttempts) {
    const PacketFacts probe = arrived(set.specs()[2], attempt);
    EXPECT_EQ(probe.flags, kSyn);
    EXPECT_EQ(probe.destination_port, 80);
    for (const int flags : {kSyn | kAck, kRst | kAck}) {
      expect_match(writer_.match(kHost, set,
                                 tcp_answer(probe, static_cast<std::uint8_t>(flags), 12345,
                                            probe.sequence + 1)),
                   2, static_cast<int>(attempt % 16));
    }
    expect_match(writer_.match(kHost, set, error()), 2, static_cast<int>(attempt % 16));
  }
}

TEST_F(ProbeWriterTest, EveryTcpScansResetsMatch) {
  for (const ScanType type : {ScanType::Ack, ScanType::Window, ScanType::Maimon, ScanType::Null,
                              ScanType::Fin, ScanType::Xmas}) {
    const ProbeSet set = set_of(type, {22, 80});
    for (const unsigned attempt : kAttempts) {
      const PacketFacts probe = arrived(set.specs()[1], attempt);
      EXPECT_EQ(probe.flags, flags_of(type));
      // RFC 9293 section 3.10.7.1: with an ACK its number is the reset's sequence, without the
      // reset acknowledges the segment's length, FIN included.
      const bool acks = (probe.flags & kAck) != 0;
      const Dissection reset =
          acks ? tcp_answer(probe, kRst, probe.ack, 0)
               : tcp_answer(probe, kRst | kAck, 0, probe.sequence + (probe.flags & 1U));
      expect_match(writer_.match(kHost, set, reset), 1, static_cast<int>(attempt % 16));
      expect_match(writer_.match(kHost, set, error()), 1, static_cast<int>(attempt % 16));
    }
  }
}

TEST_F(ProbeWriterTest, DataMayBeAcknowledgedOrNot) {
  ProbeStyle style;
  style.data = Bytes(100);
  style.has_data = true;
  ProbeWriter writer{style, payloads_};
  const ProbeSet set = set_of(ScanType::Syn, {80});
  const PacketFacts probe = arrived(writer, set.specs()[0], 3);
  expect_match(writer.match(kHost, set, tcp_answer(probe, kSyn | kAck, 1, probe.sequence + 1)), 0,
               3);
  expect_match(writer.match(kHost, set, tcp_answer(probe, kRst | kAck, 0, probe.sequence + 101)), 0,
               3);
}

TEST_F(ProbeWriterTest, ForgedTcpDoesNotMatch) {
  const ProbeSet set = set_of(ScanType::Syn, {22, 80});
  const PacketFacts probe = arrived(set.specs()[1], 0);
  const auto match = [&](const Dissection& reply, const IpAddress& host = kHost) {
    return writer_.match(host, set, reply).has_value();
  };
  const Dissection right = tcp_answer(probe, kSyn | kAck, 1, probe.sequence + 1);
  EXPECT_TRUE(match(right));
  for (unsigned bit = 5; bit < 32; ++bit) {
    Dissection forged = right;
    forged.packet.ack ^= 1U << bit;
    EXPECT_FALSE(match(forged)) << bit;
  }
  Dissection other_port = right;
  other_port.packet.source_port = 22;
  EXPECT_FALSE(match(other_port));
  other_port.packet.source_port = 81;
  EXPECT_FALSE(match(other_port));
  Dissection elsewhere = right;
  elsewhere.packet.destination_port = 40000;
  EXPECT_FALSE(match(elsewhere));
  EXPECT_FALSE(match(right, dataplane::ip("198.18.0.3")));
  ProbeWriter other{ProbeStyle{}, payloads_};
  EXPECT_FALSE(other.match(kHost, set, right));
}

TEST_F(ProbeWriterTest, ForgedQuotesDoNotMatch) {
  for (const ScanType type : {ScanType::Syn, ScanType::Udp, ScanType::SctpInit}) {
    const ProbeSet set = set_of(type, {22, 80});
    (void)arrived(set.specs()[1], 0);
    const Dissection right = error();
    ASSERT_TRUE(writer_.match(kHost, set, right));
    Dissection forged = right;
    forged.quoted->destination_port = 22;
    EXPECT_EQ(writer_.match(kHost, set, forged).has_value(), type != ScanType::Syn);
    forged.quoted->destination_port = 81;
    EXPECT_FALSE(writer_.match(kHost, set, forged));
    forged = right;
    forged.quoted->sequence ^= 0x100;
    forged.quoted->source_port = 40000;
    EXPECT_FALSE(writer_.match(kHost, set, forged));
    forged = right;
    forged.quoted->protocol = 99;
    EXPECT_FALSE(writer_.match(kHost, set, forged));
  }
}

TEST_F(ProbeWriterTest, UdpIsToldApartByItsPorts) {
  const ProbeSet set = set_of(ScanType::Udp, {53, 161});
  for (const unsigned attempt : kAttempts) {
    const PacketFacts probe = arrived(set.specs()[1], attempt);
    EXPECT_EQ(probe.destination_port, 161);
    expect_match(writer_.match(kHost, set, answer_to(probe)), 1, static_cast<int>(attempt % 16));
    expect_match(writer_.match(kHost, set, error()), 1, static_cast<int>(attempt % 16));
    Dissection forged = answer_to(probe);
    forged.packet.destination_port = 40000;
    EXPECT_FALSE(writer_.match(kHost, set, forged));
  }
}

TEST_F(ProbeWriterTest, AFixedSourcePortDoesNotTellUdpAttempts) {
  ProbeStyle style;
  style.source_port = 53;
  ProbeWriter writer{style, payloads_};
  const ProbeSet udp = set_of(ScanType::Udp, {161});
  const PacketFacts probe = arrived(writer, udp.specs()[0], 5);
  EXPECT_EQ(probe.source_port, 53);
  expect_match(writer.match(kHost, udp, answer_to(probe)), 0, -1);
  expect_match(writer.match(kHost, udp, error()), 0, -1);
  const ProbeSet tcp = set_of(ScanType::Syn, {80});
  const PacketFacts syn = arrived(writer, tcp.specs()[0], 5);
  EXPECT_EQ(syn.source_port, 53);
  expect_match(writer.match(kHost, tcp, tcp_answer(syn, kSyn | kAck, 1, syn.sequence + 1)), 0, 5);
}

TEST_F(ProbeWriterTest, SctpAnswersCarryOurTag) {
  for (const ScanType type : {ScanType::SctpInit, ScanType::SctpCookie}) {
    const ProbeSet set = set_of(type, {38412, 80});
    for (const unsigned attempt : kAttempts) {
      const PacketFacts probe = arrived(set.specs()[1], attempt);
      const bool init = type == ScanType::SctpInit;
      EXPECT_EQ(probe.chunk, init ? 1 : 10);
      Dissection reply = answer_to(probe);
      // An INIT's tag is in its chunk; an answer to anything else reflects the packet's own.
      if (init) {
        EXPECT_EQ(probe.tag, 0U);
        reply.packet.tag = 0;
        for (int i = 0; i < 4; ++i) {
          reply.packet.tag = reply.packet.tag << 8U |
                             static_cast<unsigned>(probe_.at(36 + static_cast<unsigned>(i)));
        }
      }
      reply.packet.chunk = 6;
      expect_match(writer_.match(kHost, set, reply), 1, static_cast<int>(attempt % 16));
      reply.packet.tag ^= 0x40;
      EXPECT_FALSE(writer_.match(kHost, set, reply));
      expect_match(writer_.match(kHost, set, error()), 1, static_cast<int>(attempt % 16));
    }
  }
}

TEST_F(ProbeWriterTest, PingsOfEveryKindMatchTheirReplies) {
  const ProbeSet set{ScanType::Discovery,
                     {{.kind = ProbeKind::IcmpEcho},
                      {.kind = ProbeKind::Tcp, .flags = kSyn, .number = 443},
                      {.kind = ProbeKind::Tcp, .flags = kAck, .number = 80},
                      {.kind = ProbeKind::Tcp, .flags = kSyn, .number = 80},
                      {.kind = ProbeKind::IcmpTimestamp},
                      {.kind = ProbeKind::IcmpMask},
                      {.kind = ProbeKind::Udp, .number = 40125}}};
  const std::uint8_t replies[] = {0, 0, 0, 0, 14, 18};
  for (const std::uint32_t index : {0U, 4U, 5U}) {
    const PacketFacts probe = arrived(set.specs()[index], 2);
    Dissection reply = answer_to(probe);
    reply.packet.icmp_type = replies[index];
    expect_match(writer_.match(kHost, set, reply), index, 2);
    expect_match(writer_.match(kHost, set, error()), index, 2);
    reply.packet.icmp_rest ^= 0x10000;
    EXPECT_FALSE(writer_.match(kHost, set, reply));
  }
  const PacketFacts ack = arrived(set.specs()[2], 4);
  expect_match(writer_.match(kHost, set, tcp_answer(ack, kRst, ack.ack, 0)), 2, 4);
  expect_match(writer_.match(kHost, set, error()), 2, 4);
  const PacketFacts syn = arrived(set.specs()[3], 4);
  expect_match(writer_.match(kHost, set, tcp_answer(syn, kSyn | kAck, 9, syn.sequence + 1)), 3, 4);
  expect_match(writer_.match(kHost, set, error()), 3, 4);
  const PacketFacts udp = arrived(set.specs()[6], 1);
  expect_match(writer_.match(kHost, set, answer_to(udp)), 6, 1);
}

TEST_F(ProbeWriterTest, OurOwnRequestIsNoReply) {
  const ProbeSet set{ScanType::Discovery, {{.kind = ProbeKind::IcmpEcho}}};
  for (const IpAddress& host : {kHost, kHost6}) {
    const PacketFacts probe = arrived(set.specs()[0], 0, host);
    EXPECT_EQ(probe.icmp_type, host.is_v4() ? 8 : 128);
    Dissection reply = answer_to(probe);
    EXPECT_FALSE(writer_.match(host, set, reply));
    reply.packet.icmp_type = host.is_v4() ? 0 : 129;
    expect_match(writer_.match(host, set, reply), 0, 0);
  }
}

TEST_F(ProbeWriterTest, AnythingByAProtocolProvesIt) {
  const ProbeSet set = set_of(ScanType::IpProtocol, {1, 2, 6, 17, 47, 132});
  for (std::uint32_t index = 0; index < set.size(); ++index) {
    const PacketFacts probe = arrived(set.specs()[index], 3);
    EXPECT_EQ(probe.protocol, set.specs()[index].number);
    expect_match(writer_.match(kHost, set, error()), index, -1);
    expect_match(writer_.match(kHost, set, answer_to(probe)), index, -1);
  }
  Dissection other = answer_to(arrived(set.specs()[0], 0));
  other.packet.protocol = 99;
  EXPECT_FALSE(writer_.match(kHost, set, other));
}

TEST_F(ProbeWriterTest, LooksAsTheStyleSays) {
  ProbeStyle style;
  style.ttl = 7;
  style.data = dataplane::bytes_of("hello");
  style.has_data = true;
  ProbeWriter writer{style, payloads_};
  const PacketFacts probe = arrived(writer, {.kind = ProbeKind::Udp, .number = 9}, 0);
  EXPECT_EQ(probe.ttl, 7);
  EXPECT_EQ(probe.length, 33);
  EXPECT_EQ(dataplane::hex_of(std::span{probe_}.last(5)), "68656c6c6f");
}

TEST_F(ProbeWriterTest, Ipv6ProbesMatchToo) {
  const ProbeSet set = set_of(ScanType::Syn, {80});
  const PacketFacts probe = arrived(set.specs()[0], 1, kHost6);
  const Dissection reply = tcp_answer(probe, kSyn | kAck, 1, probe.sequence + 1);
  expect_match(writer_.match(kHost6, set, reply), 0, 1);
  expect_match(writer_.match(kHost6, set, error()), 0, 1);
}

}  // namespace
}  // namespace trawl::control
