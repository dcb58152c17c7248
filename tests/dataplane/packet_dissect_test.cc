#include <gtest/gtest.h>

#include <array>

#include "dataplane/packet/dissect.h"
#include "tests/dataplane/packet_bytes.h"

namespace trawl::dataplane {
namespace {

PacketSpec spec_of(bool v4, decltype(PacketSpec::what) what) {
  PacketSpec spec;
  spec.source = ip(v4 ? "198.18.0.1" : "2001:db8::1");
  spec.destination = ip(v4 ? "198.18.0.2" : "2001:db8::2");
  spec.ttl = 52;
  spec.id = 54344;
  spec.what = what;
  return spec;
}

TcpSegment segment() {
  return {.source_port = 33007,
          .destination_port = 9,
          .sequence = 0x11223344,
          .ack = 0x55667788,
          .flags = 0x12,
          .window = 4711,
          .has_mss = true,
          .data = {}};
}

// Of every kind, in the order of the tests.
std::vector<decltype(PacketSpec::what)> all_kinds() {
  return {segment(), UdpDatagram{33007, 9, {}},
          IcmpMessage{.type = 8, .rest = 0xabcd1234, .data = {}},
          SctpPacket{.source_port = 33007, .destination_port = 9, .tag = 0x55667788, .data = {}},
          RawPayload{99, {}}};
}

// An ICMP error of the other side that quotes the first `size` bytes behind the IP header.
Bytes error_quoting(const Bytes& packet, bool v4, std::size_t size, std::uint8_t type,
                    std::uint8_t code) {
  const std::span quoted = std::span{packet}.first(std::min(packet.size(), (v4 ? 20 : 40) + size));
  PacketSpec spec = spec_of(v4, IcmpMessage{.type = type, .code = code, .data = quoted});
  std::swap(spec.source, spec.destination);
  return crafted(spec);
}

TEST(DissectPacket, ReadsWhatWasCrafted) {
  for (const bool v4 : {true, false}) {
    for (const auto& kind : all_kinds()) {
      const Bytes packet = crafted(spec_of(v4, kind));
      const auto found = dissect_packet(packet);
      ASSERT_TRUE(found);
      EXPECT_FALSE(found->quoted);
      EXPECT_EQ(found->packet.source, ip(v4 ? "198.18.0.1" : "2001:db8::1"));
      EXPECT_EQ(found->packet.destination, ip(v4 ? "198.18.0.2" : "2001:db8::2"));
      EXPECT_EQ(found->packet.ttl, 52);
      EXPECT_EQ(found->packet.id, v4 ? 54344 : 0);
      EXPECT_EQ(found->packet.length, packet.size());
    }
    const auto tcp = dissect_packet(crafted(spec_of(v4, segment())))->packet;
    EXPECT_EQ(tcp.protocol, 6);
    EXPECT_EQ(tcp.source_port, 33007);
    EXPECT_EQ(tcp.destination_port, 9);
    EXPECT_EQ(tcp.sequence, 0x11223344U);
    EXPECT_EQ(tcp.ack, 0x55667788U);
    EXPECT_EQ(tcp.flags, 0x12);
    EXPECT_EQ(tcp.window, 4711);
    const auto udp = dissect_packet(crafted(spec_of(v4, UdpDatagram{33007, 9, {}})))->packet;
    EXPECT_EQ(udp.protocol, 17);
    EXPECT_EQ(udp.destination_port, 9);
    const auto echo =
        dissect_packet(
            crafted(
                spec_of(v4, IcmpMessage{.type = 129, .code = 3, .rest = 0xabcd1234, .data = {}})))
            ->packet;
    EXPECT_EQ(echo.protocol, v4 ? 1 : 58);
    EXPECT_EQ(echo.icmp_type, 129);
    EXPECT_EQ(echo.icmp_code, 3);
    EXPECT_EQ(echo.icmp_rest, 0xabcd1234U);
    const auto sctp =
        dissect_packet(
            crafted(spec_of(
                v4, SctpPacket{.source_port = 33007, .tag = 0x55667788, .chunk = 6, .data = {}})))
            ->packet;
    EXPECT_EQ(sctp.source_port, 33007);
    EXPECT_EQ(sctp.tag, 0x55667788U);
    EXPECT_EQ(sctp.chunk, 6);
    EXPECT_EQ(dissect_packet(crafted(spec_of(v4, RawPayload{99, {}})))->packet.protocol, 99);
  }
}

TEST(DissectPacket, EightQuotedBytesAreEnough) {
  for (const bool v4 : {true, false}) {
    for (const auto& kind : all_kinds()) {
      const Bytes sent = crafted(spec_of(v4, kind));
      const auto found = dissect_packet(error_quoting(sent, v4, 8, v4 ? 3 : 1, v4 ? 3 : 4));
      ASSERT_TRUE(found && found->quoted);
      EXPECT_EQ(found->packet.source, ip(v4 ? "198.18.0.2" : "2001:db8::2"));
      EXPECT_EQ(found->packet.icmp_type, v4 ? 3 : 1);
      EXPECT_EQ(found->packet.icmp_code, v4 ? 3 : 4);
      const PacketFacts& quoted = *found->quoted;
      EXPECT_EQ(quoted.destination, ip(v4 ? "198.18.0.2" : "2001:db8::2"));
      EXPECT_EQ(quoted.length, sent.size());
      EXPECT_EQ(quoted.sequence, quoted.protocol == 6 ? 0x11223344U : 0U);
      EXPECT_EQ(quoted.tag, quoted.protocol == 132 ? 0x55667788U : 0U);
      if (quoted.protocol == 1 || quoted.protocol == 58) {
        EXPECT_EQ(quoted.icmp_type, 8);
        EXPECT_EQ(quoted.icmp_rest, 0xabcd1234U);
      } else if (quoted.protocol != 99) {
        EXPECT_EQ(quoted.source_port, 33007);
        EXPECT_EQ(quoted.destination_port, 9);
      }
    }
  }
}

TEST(DissectPacket, FewerQuotedBytesTellTheProtocolAlone) {
  const auto found =
      dissect_packet(error_quoting(crafted(spec_of(true, segment())), true, 7, 3, 2));
  ASSERT_TRUE(found && found->quoted);
  EXPECT_EQ(found->quoted->protocol, 6);
  EXPECT_EQ(found->quoted->source_port, 0);
  EXPECT_EQ(found->quoted->sequence, 0U);
}

TEST(DissectPacket, OnlyErrorsQuote) {
  const Bytes sent = crafted(spec_of(true, segment()));
  for (const int type : {3, 4, 5, 11, 12}) {
    EXPECT_TRUE(
        dissect_packet(error_quoting(sent, true, 8, static_cast<std::uint8_t>(type), 0))->quoted)
        << type;
  }
  for (const int type : {0, 8, 13, 14, 17, 18}) {
    EXPECT_FALSE(
        dissect_packet(error_quoting(sent, true, 8, static_cast<std::uint8_t>(type), 0))->quoted)
        << type;
  }
  const Bytes sent6 = crafted(spec_of(false, segment()));
  EXPECT_TRUE(dissect_packet(error_quoting(sent6, false, 8, 127, 0))->quoted);
  EXPECT_FALSE(dissect_packet(error_quoting(sent6, false, 8, 129, 0))->quoted);
}

TEST(DissectPacket, PaddingBehindThePacketIsNotItsData) {
  Bytes packet = crafted(spec_of(true, UdpDatagram{33007, 9, {}}));
  packet.resize(46);
  EXPECT_EQ(dissect_packet(packet)->packet.length, 28);
  // Seven bytes of UDP and padding are no datagram.
  packet[3] = std::byte{27};
  EXPECT_FALSE(dissect_packet(packet));
}

TEST(DissectPacket, OptionsOfIpv4AreSkipped) {
  PacketSpec spec = spec_of(true, segment());
  const Bytes options(40, std::byte{1});
  spec.options = options;
  const auto found = dissect_packet(crafted(spec));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->packet.destination_port, 9);
  const auto quoting = dissect_packet(error_quoting(crafted(spec), true, 48, 3, 13));
  ASSERT_TRUE(quoting && quoting->quoted);
  EXPECT_EQ(quoting->quoted->sequence, 0x11223344U);
}

TEST(DissectPacket, ExtensionHeadersOfIpv6AreSkipped) {
  // Hop by hop of 8 bytes, destination options of 16, routing of 8, a first fragment; then UDP.
  const Bytes data = from_hex(
      "3c00010400000000"
      "2b01010c000000000000000000000000"
      "2c00000000000000"
      "1100000112345678"
      "80ef000900080000");
  const Bytes packet = crafted(spec_of(false, RawPayload{0, data}));
  const auto found = dissect_packet(packet);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->packet.protocol, 17);
  EXPECT_EQ(found->packet.source_port, 33007);
  EXPECT_EQ(found->packet.destination_port, 9);
  for (std::size_t size = 0; size < packet.size(); ++size) {
    const Bytes cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(dissect_packet(cut)) << size;
  }
}

TEST(DissectPacket, EndlessExtensionHeadersEnd) {
  Bytes data;
  for (int i = 0; i < 100; ++i) {
    const Bytes one = from_hex("3c00010400000000");
    data.insert(data.end(), one.begin(), one.end());
  }
  const auto found = dissect_packet(crafted(spec_of(false, RawPayload{60, data})));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->packet.protocol, 60);
}

TEST(DissectPacket, LaterFragmentsAreRefused) {
  Bytes packet = crafted(spec_of(true, segment()));
  packet[7] = std::byte{1};
  EXPECT_FALSE(dissect_packet(packet));
  packet[7] = std::byte{0};
  packet[6] = std::byte{0x60};  // More fragments and DF are no offset.
  EXPECT_TRUE(dissect_packet(packet));
  const Bytes later = from_hex("110000081234567880ef000900080000");
  EXPECT_FALSE(dissect_packet(crafted(spec_of(false, RawPayload{44, later}))));
}

TEST(DissectPacket, WhatIsCutAnywhereIsReadNoFurther) {
  // The smallest whole packets; what is cut shorter is refused.
  const std::array<std::size_t, 5> kNeeded{20, 8, 8, 16, 0};
  const auto kinds = all_kinds();
  for (const bool v4 : {true, false}) {
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      const Bytes packet = crafted(spec_of(v4, kinds[kind]));
      for (std::size_t size = 0; size <= packet.size(); ++size) {
        const Bytes cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_EQ(dissect_packet(cut).has_value(), size >= (v4 ? 20 : 40) + kNeeded[kind])
            << kind << " " << size;
      }
      const Bytes error = error_quoting(packet, v4, 64, v4 ? 3 : 1, 0);
      for (std::size_t size = 0; size <= error.size(); ++size) {
        const Bytes cut(error.begin(), error.begin() + static_cast<std::ptrdiff_t>(size));
        const auto found = dissect_packet(cut);
        const std::size_t header = v4 ? 20 : 40;
        EXPECT_EQ(found.has_value(), size >= header + 8) << size;
        EXPECT_EQ(found && found->quoted, size >= header + 8 + header) << size;
      }
    }
  }
}

TEST(DissectPacket, WrongLengthsOfHeadersAreRefused) {
  Bytes packet = crafted(spec_of(true, segment()));
  packet[0] = std::byte{0x44};
  EXPECT_FALSE(dissect_packet(packet));
  packet[0] = std::byte{0x4f};
  EXPECT_FALSE(dissect_packet(packet));
  packet[0] = std::byte{0x55};
  EXPECT_FALSE(dissect_packet(packet));
}

TEST(NeighbourAnswer, OfArp) {
  Bytes frame = from_hex(
      "020000000001 0200000000aa 0806 0001080006040002 0200000000aa c6120002 020000000001 "
      "c6120001");
  const auto found = dissect_neighbour_answer(frame);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->ip, ip("198.18.0.2"));
  EXPECT_EQ(found->mac, MacAddress::from_integer(0x0200000000aa));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(dissect_neighbour_answer(cut)) << size;
  }
  frame[21] = std::byte{1};  // A request.
  EXPECT_FALSE(dissect_neighbour_answer(frame));
}

Bytes advertisement(std::uint8_t hop_limit, std::string_view option) {
  Bytes data = from_hex("20010db8000000000000000000000002");
  const Bytes tail = from_hex(option);
  data.insert(data.end(), tail.begin(), tail.end());
  PacketSpec spec = spec_of(false, IcmpMessage{.type = 136, .rest = 0x60000000, .data = data});
  spec.ttl = hop_limit;
  Bytes frame = from_hex("020000000001 0200000000aa 86dd");
  const Bytes packet = crafted(spec);
  frame.insert(frame.end(), packet.begin(), packet.end());
  return frame;
}

TEST(NeighbourAnswer, OfAnAdvertisement) {
  const Bytes frame = advertisement(255, "02010200000000bb");
  const auto found = dissect_neighbour_answer(frame);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->ip, ip("2001:db8::2"));
  EXPECT_EQ(found->mac, MacAddress::from_integer(0x0200000000bb));
  for (std::size_t size = 0; size < frame.size(); ++size) {
    const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(dissect_neighbour_answer(cut).has_value(), size >= 78) << size;
  }
  // Without the option the frame's sender is the neighbour.
  EXPECT_EQ(dissect_neighbour_answer(advertisement(255, ""))->mac,
            MacAddress::from_integer(0x0200000000aa));
}

TEST(NeighbourAnswer, FromBehindARouterIsForged) {
  EXPECT_FALSE(dissect_neighbour_answer(advertisement(254, "02010200000000bb")));
}

}  // namespace
}  // namespace trawl::dataplane
