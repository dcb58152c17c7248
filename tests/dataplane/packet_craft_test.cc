#include <gtest/gtest.h>

#include <array>

#include "dataplane/packet/dissect.h"
#include "tests/dataplane/packet_bytes.h"

namespace trawl::dataplane {
namespace {

PacketSpec spec_v4(decltype(PacketSpec::what) what) {
  PacketSpec spec;
  spec.source = ip("198.18.0.1");
  spec.destination = ip("198.18.0.2");
  spec.id = 1;
  spec.what = what;
  return spec;
}

PacketSpec spec_v6(decltype(PacketSpec::what) what) {
  PacketSpec spec = spec_v4(what);
  spec.source = ip("2001:db8::1");
  spec.destination = ip("2001:db8::2");
  return spec;
}

TcpSegment syn() {
  return {.source_port = 33007,
          .destination_port = 9,
          .sequence = 2555308612,
          .flags = 0x02,
          .has_mss = true,
          .data = {}};
}

unsigned word_at(const Bytes& packet, std::size_t at) {
  return static_cast<unsigned>(packet.at(at)) << 8U | static_cast<unsigned>(packet.at(at + 1));
}

// RFC 1071 over a whole header: a right one sums to 0xffff.
unsigned header_sum(const Bytes& packet) {
  unsigned sum = 0;
  for (unsigned i = 0; i < (static_cast<unsigned>(packet.at(0)) & 0xfU) * 4U; i += 2) {
    sum += word_at(packet, i);
  }
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  return sum;
}

// The golden packets were made by a program of their own, from the RFCs.

TEST(CraftPacket, SynWithMaximumSegmentSize) {
  PacketSpec spec = spec_v4(syn());
  spec.ttl = 52;
  spec.id = 54344;
  EXPECT_EQ(hex_of(crafted(spec)),
            "4500002cd44800003406265cc6120001c6120002"
            "80ef0009984eea44000000006002040004730000020405b4");
}

TEST(CraftPacket, UdpWithDataOfOddLength) {
  const Bytes data = bytes_of("abc");
  EXPECT_EQ(hex_of(crafted(spec_v4(UdpDatagram{40000, 53, data}))),
            "4500001f000100004011eea5c6120001c6120002"
            "9c400035000b12d8616263");
}

TEST(CraftPacket, UdpChecksumOfZeroIsWrittenAsAllOnes) {
  const Bytes data = from_hex("d73c");  // Chosen so that the checksum comes out as zero.
  const Bytes packet = crafted(spec_v4(UdpDatagram{40000, 53, data}));
  EXPECT_EQ(word_at(packet, 26), 0xffffU);
}

TEST(CraftPacket, EchoRequestThatMayNotBeFragmented) {
  const Bytes data = bytes_of("hi");
  PacketSpec spec = spec_v4(IcmpMessage{.type = 8, .rest = 0x12345678, .data = data});
  spec.may_fragment = false;
  EXPECT_EQ(hex_of(crafted(spec)),
            "4500001e000140004001aeb6c6120001c6120002"
            "080026ea123456786869");
}

TEST(CraftPacket, Icmpv6IsSummedWithItsPseudoHeader) {
  PacketSpec spec = spec_v6(IcmpMessage{.type = 128, .rest = 0x12345678, .data = {}});
  spec.ttl = 33;
  spec.id = 7;
  EXPECT_EQ(hex_of(crafted(spec)),
            "6000000700083a21"
            "20010db8000000000000000000000001"
            "20010db8000000000000000000000002"
            "8000bb9b12345678");
}

TEST(CraftPacket, SctpInitWithEitherChecksum) {
  SctpPacket init{
      .source_port = 40000, .destination_port = 80, .initiate_tag = 0x11223344, .data = {}};
  const std::string chunk =
      "01000014112233440000800000"
      "0a080011223344";
  EXPECT_EQ(hex_of(crafted(spec_v4(init))).substr(40), "9c4000500000000024cde4b3" + chunk);
  init.adler32 = true;
  EXPECT_EQ(hex_of(crafted(spec_v4(init))).substr(40), "9c4000500000000035ee0328" + chunk);
}

TEST(CraftPacket, SctpCookieHasItsTagAndDataPaddedToFour) {
  const Bytes data = bytes_of("abcde");
  const SctpPacket cookie{.source_port = 1,
                          .destination_port = 2,
                          .tag = 0xaabbccdd,
                          .chunk = SctpPacket::kCookieEcho,
                          .data = data};
  const Bytes packet = crafted(spec_v4(cookie));
  EXPECT_EQ(hex_of(std::span{packet}.subspan(20, 8)), "00010002aabbccdd");
  EXPECT_EQ(hex_of(std::span{packet}.subspan(32)),
            "0a00000800000000"
            "6162636465000000");
}

TEST(CraftPacket, OptionsComeBehindTheHeaderAndAreSummed) {
  const Bytes options = from_hex("8307040000000000");
  PacketSpec spec = spec_v4(TcpSegment{.source_port = 33007,
                                       .destination_port = 9,
                                       .sequence = 1,
                                       .ack = 2,
                                       .flags = 0x10,
                                       .data = {}});
  spec.ttl = 52;
  spec.options = options;
  EXPECT_EQ(hex_of(crafted(spec)),
            "470000300001000034067198c6120001c61200028307040000000000"
            "80ef00090000000100000002501004009eb10000");
}

TEST(CraftPacket, BadChecksumIsWrongForTcpUdpAndSctpButNotInTheIpHeader) {
  const std::array<decltype(PacketSpec::what), 3> kinds{syn(), UdpDatagram{1, 2, {}},
                                                        SctpPacket{.source_port = 1, .data = {}}};
  const std::array<std::size_t, 3> checksum_at{36, 26, 28};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    PacketSpec spec = spec_v4(kinds[i]);
    const Bytes right = crafted(spec);
    spec.bad_checksum = true;
    Bytes wrong = crafted(spec);
    ASSERT_EQ(right.size(), wrong.size());
    const std::size_t size = i == 2 ? 4 : 2;
    EXPECT_NE(hex_of(std::span{right}.subspan(checksum_at[i], size)),
              hex_of(std::span{wrong}.subspan(checksum_at[i], size)));
    for (std::size_t at = 0; at < size; ++at)
      wrong[checksum_at[i] + at] = right[checksum_at[i] + at];
    EXPECT_EQ(hex_of(right), hex_of(wrong)) << i;
    EXPECT_EQ(header_sum(wrong), 0xffffU);
  }
}

TEST(CraftPacket, RawProtocolIsItsBytesAlone) {
  const Bytes data = from_hex("1100eeff00000000");
  const Bytes packet = crafted(spec_v4(RawPayload{2, data}));
  EXPECT_EQ(static_cast<unsigned>(packet.at(9)), 2U);
  EXPECT_EQ(hex_of(std::span{packet}.subspan(20)), hex_of(data));
  EXPECT_EQ(crafted(spec_v4(RawPayload{99, {}})).size(), 20U);
}

TEST(CraftPacket, WhatDoesNotFitIsNotWritten) {
  const Bytes data = bytes_of("some data");
  const std::array<decltype(PacketSpec::what), 5> kinds{
      syn(), UdpDatagram{1, 2, data}, IcmpMessage{.type = 8, .data = data},
      SctpPacket{.source_port = 1, .data = data}, RawPayload{99, data}};
  for (const auto& kind : kinds) {
    for (const PacketSpec& spec : {spec_v4(kind), spec_v6(kind)}) {
      const std::size_t needed = crafted(spec).size();
      for (std::size_t size = 0; size < needed; ++size) {
        Bytes room(size);
        EXPECT_EQ(craft_packet(spec, room), 0U) << size;
      }
      Bytes room(needed);
      EXPECT_EQ(craft_packet(spec, room), needed);
    }
  }
}

TEST(CraftPacket, NothingIsLongerThanItsLengthFieldCanSay) {
  const Bytes data(65536);
  Bytes room(70000);
  EXPECT_EQ(craft_packet(spec_v4(UdpDatagram{1, 2, data}), room), 0U);
}

TEST(Fragments, PutTogetherAreTheWholePacket) {
  Bytes data(100);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(i);
  const Bytes options = from_hex("8307040000000000");
  PacketSpec spec = spec_v4(UdpDatagram{1, 2, data});
  spec.options = options;
  const Bytes whole = crafted(spec);
  for (const std::size_t mtu : {8U, 16U, 24U, 104U, 112U}) {
    Bytes payload;
    const std::size_t count = fragments_of(whole, mtu);
    EXPECT_EQ(count, (108 + mtu - 1) / mtu);
    for (std::size_t i = 0; i < count; ++i) {
      Bytes fragment(whole.size());
      const std::size_t size = write_fragment(whole, mtu, i, fragment);
      ASSERT_GT(size, 28U);
      fragment.resize(size);
      EXPECT_EQ(header_sum(fragment), 0xffffU);
      EXPECT_EQ(word_at(fragment, 2), size);
      EXPECT_EQ(word_at(fragment, 4), 1U);
      const unsigned place = word_at(fragment, 6);
      EXPECT_EQ((place & 0x1fffU) * 8, payload.size());
      EXPECT_EQ((place & 0x2000U) != 0, i + 1 < count) << mtu;
      EXPECT_LE(size - 28, mtu);
      payload.insert(payload.end(), fragment.begin() + 28, fragment.end());
    }
    EXPECT_EQ(hex_of(payload), hex_of(std::span{whole}.subspan(28))) << mtu;
  }
}

// RFC 791, section 3.1: a route is recorded by the first fragment alone, a source route by all.
TEST(Fragments, OptionsWithoutTheCopiedFlagAreOfTheFirstAlone) {
  const Bytes data(20);
  PacketSpec spec = spec_v4(UdpDatagram{1, 2, data});
  const Bytes padded = from_hex("01070704000000008307040000000000");
  spec.options = padded;
  const Bytes whole = crafted(spec);
  Bytes first(whole.size());
  Bytes later(whole.size());
  first.resize(write_fragment(whole, 16, 0, first));
  later.resize(write_fragment(whole, 16, 1, later));
  EXPECT_EQ(hex_of(std::span{first}.subspan(20, 16)), hex_of(padded));
  ASSERT_EQ(later.size(), 20U + 8U + 12U);
  EXPECT_EQ(hex_of(std::span{later}.first(1)), "47");
  EXPECT_EQ(hex_of(std::span{later}.subspan(20, 8)), "8307040000000000");
  EXPECT_EQ(header_sum(later), 0xffffU);
  EXPECT_EQ(word_at(later, 2), later.size());
}

TEST(Fragments, WithoutDataThereIsOne) {
  const Bytes whole = crafted(spec_v4(RawPayload{99, {}}));
  ASSERT_EQ(fragments_of(whole, 8), 1U);
  Bytes out(20);
  EXPECT_EQ(write_fragment(whole, 8, 0, out), 20U);
  EXPECT_EQ(hex_of(out), hex_of(whole));
}

TEST(Fragments, NeedTheirRoom) {
  const Bytes whole = crafted(spec_v4(syn()));
  Bytes out(27);
  EXPECT_EQ(write_fragment(whole, 8, 0, out), 0U);
  out.resize(28);
  EXPECT_EQ(write_fragment(whole, 8, 0, out), 28U);
}

TEST(NeighbourQuestion, IsAnArpRequestToAll) {
  Bytes frame(100);
  const std::size_t size = write_neighbour_question(
      {MacAddress::from_integer(0x020000000001), ip("198.18.0.1"), ip("198.18.0.2")}, frame);
  EXPECT_EQ(hex_of(std::span{frame}.first(size)),
            "ffffffffffff0200000000010806"
            "0001080006040001020000000001c6120001000000000000c6120002");
}

TEST(NeighbourQuestion, IsASolicitationToTheGroupOfTheAddress) {
  Bytes frame(100);
  const std::size_t size = write_neighbour_question(
      {MacAddress::from_integer(0x020000000001), ip("2001:db8::1"), ip("2001:db8::12:3456")},
      frame);
  ASSERT_EQ(size, 86U);
  EXPECT_EQ(hex_of(std::span{frame}.first(14)), "3333ff12345602000000000186dd");
  EXPECT_EQ(static_cast<unsigned>(frame[14 + 7]), 255U);
  EXPECT_EQ(hex_of(std::span{frame}.subspan(14 + 24, 16)), "ff0200000000000000000001ff123456");
  EXPECT_EQ(hex_of(std::span{frame}.subspan(14 + 40, 2)), "8700");
  EXPECT_EQ(hex_of(std::span{frame}.subspan(14 + 44, 28)),
            "00000000"
            "20010db8000000000000000000123456"
            "0101020000000001");
  Bytes small(85);
  EXPECT_EQ(write_neighbour_question({MacAddress{}, ip("2001:db8::1"), ip("2001:db8::2")}, small),
            0U);
}

TEST(Checksums, AreThoseOfTheirStandards) {
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xe3069283U);
  EXPECT_EQ(crc32c(Bytes(32)), 0x8a9136aaU);  // RFC 3720 appendix B.4
  EXPECT_EQ(crc32c({}), 0U);
  EXPECT_EQ(adler32(bytes_of("Wikipedia")), 0x11e60398U);
  EXPECT_EQ(adler32({}), 1U);
}

}  // namespace
}  // namespace trawl::dataplane
