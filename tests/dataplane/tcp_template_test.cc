#include "dataplane/tcp_template.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

constexpr Target kTarget{kPeer, 443};
constexpr Cookie kCookie{.sequence = 0x01020304, .source_port = 61234, .ip_id = 0x5678};
constexpr std::uint32_t kStamp = 0xa1b2c3d9;

// Where the first bytes of a frame lead: head() is ProbeTemplate::frame_head() by other means.
std::uint64_t head(MacAddress next_hop = kPeerMac) {
  Frame bytes;
  append_mac(bytes, next_hop);
  append_mac(bytes, kOurMac);
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  return word;
}

template <typename Template>
Frame prepared(const Template& probe) {
  Frame frame(probe.size().count());
  probe.prepare(frame.data());
  return frame;
}

template <typename Template>
Frame stamped() {
  const Template probe{ProbeSource{kOurMac, kOurs}};
  Frame frame = prepared(probe);
  probe.stamp(frame.data(), head(), kTarget, kCookie, kStamp);
  return frame;
}

TEST(TcpSynTemplate, StampedFrameHasValidIpAndTcpChecksums) {
  const Frame frame = stamped<TcpSynTemplate>();
  EXPECT_TRUE(ip_checksum_is_right(frame));
  EXPECT_TRUE(tcp_checksum_is_right(frame));
}

TEST(TcpSynTemplate, EthernetHeaderGoesFromUsToTheNextHop) {
  const Frame frame = stamped<TcpSynTemplate>();
  EXPECT_EQ(get_mac(frame, 0), kPeerMac);
  EXPECT_EQ(get_mac(frame, 6), kOurMac);
  EXPECT_EQ(get16(frame, 12), 0x0800U);
}

TEST(TcpSynTemplate, IpHeaderIsThatOfALinuxSyn) {
  const Frame frame = stamped<TcpSynTemplate>();
  ASSERT_EQ(frame.size(), 74U);
  EXPECT_EQ(get8(frame, 14), 0x45U);
  EXPECT_EQ(get8(frame, 15), 0U) << "type of service";
  EXPECT_EQ(get16(frame, 16), 60U) << "total length";
  EXPECT_EQ(get16(frame, 20), 0x4000U) << "don't fragment, offset 0";
  EXPECT_EQ(get8(frame, 22), 64U) << "TTL";
  EXPECT_EQ(get8(frame, 23), 6U) << "TCP";
  EXPECT_EQ(get32(frame, 26), kOurs.value());
  EXPECT_EQ(get32(frame, 30), kPeer.value());
}

TEST(TcpSynTemplate, TcpHeaderCarriesTheCookie) {
  const Frame frame = stamped<TcpSynTemplate>();
  EXPECT_EQ(get16(frame, 34), 61234U);
  EXPECT_EQ(get16(frame, 36), 443U);
  EXPECT_EQ(get32(frame, 38), 0x01020304U) << "sequence number";
  EXPECT_EQ(get32(frame, 42), 0U) << "acknowledgement number";
  EXPECT_EQ(get16(frame, 46), 0xa002U) << "40 bytes of header, SYN alone";
  EXPECT_GT(get16(frame, 48), 0U) << "window";
  EXPECT_EQ(get16(frame, 52), 0U) << "urgent pointer";
  std::uint16_t id = 0;
  std::memcpy(&id, frame.data() + 18, sizeof id);
  EXPECT_EQ(id, kCookie.ip_id);
}

TEST(TcpSynTemplate, OptionsAreThoseOfALinuxSynInTheirOrder) {
  const Frame frame = stamped<TcpSynTemplate>();
  EXPECT_EQ(get32(frame, 54), 0x020405b4U) << "maximum segment size 1460";
  EXPECT_EQ(get16(frame, 58), 0x0402U) << "selective acknowledgement permitted";
  EXPECT_EQ(get16(frame, 60), 0x080aU) << "timestamps";
  EXPECT_EQ(get32(frame, 62), kStamp);
  EXPECT_EQ(get32(frame, 66), 0U) << "timestamp echo";
  EXPECT_EQ(get32(frame, 70), 0x01030307U) << "no-op, window scale 7";
}

TEST(TcpMssSynTemplate, HasTheSegmentSizeAloneAndFitsTheSmallestFrame) {
  const Frame frame = stamped<TcpMssSynTemplate>();
  ASSERT_EQ(frame.size(), 58U);
  EXPECT_EQ(get16(frame, 16), 44U) << "total length";
  EXPECT_EQ(get32(frame, 38), 0x01020304U) << "sequence number";
  EXPECT_EQ(get16(frame, 46), 0x6002U) << "24 bytes of header, SYN alone";
  EXPECT_EQ(get32(frame, 54), 0x020405b4U) << "maximum segment size 1460";
  EXPECT_TRUE(ip_checksum_is_right(frame));
  EXPECT_TRUE(tcp_checksum_is_right(frame));
}

TEST(TcpAckTemplate, IsABareAckWithTheCookieInBothNumbers) {
  const Frame frame = stamped<TcpAckTemplate>();
  ASSERT_EQ(frame.size(), 54U);
  EXPECT_EQ(get_mac(frame, 0), kPeerMac);
  EXPECT_EQ(get_mac(frame, 6), kOurMac);
  EXPECT_EQ(get16(frame, 16), 40U) << "total length";
  EXPECT_EQ(get16(frame, 20), 0x4000U) << "don't fragment, offset 0";
  EXPECT_EQ(get8(frame, 22), 64U) << "TTL";
  EXPECT_EQ(get8(frame, 23), 6U) << "TCP";
  EXPECT_EQ(get32(frame, 26), kOurs.value());
  EXPECT_EQ(get32(frame, 30), kPeer.value());
  EXPECT_EQ(get16(frame, 34), 61234U);
  EXPECT_EQ(get16(frame, 36), 443U);
  EXPECT_EQ(get32(frame, 38), 0x01020304U) << "sequence number";
  EXPECT_EQ(get32(frame, 42), 0x03040102U) << "acknowledgement number";
  EXPECT_EQ(get16(frame, 46), 0x5010U) << "20 bytes of header, ACK alone";
  EXPECT_GT(get16(frame, 48), 0U) << "window";
  EXPECT_EQ(get16(frame, 52), 0U) << "urgent pointer";
  EXPECT_TRUE(ip_checksum_is_right(frame));
  EXPECT_TRUE(tcp_checksum_is_right(frame));
}

TEST(TcpAckTemplate, NumbersLeadToEachOther) {
  for (const std::uint32_t number : {0U, 1U, 0x01020304U, 0xffff0000U, 0xffffffffU}) {
    EXPECT_EQ(TcpAckTemplate::other_number(TcpAckTemplate::other_number(number)), number);
  }
}

template <typename Template>
class TcpTemplate : public testing::Test {};
using Templates = testing::Types<TcpSynTemplate, TcpMssSynTemplate, TcpAckTemplate>;
TYPED_TEST_SUITE(TcpTemplate, Templates);

TYPED_TEST(TcpTemplate, SecondStampLeavesNoTraceOfTheFirst) {
  std::mt19937_64 random{9};
  const TypeParam probe{ProbeSource{kOurMac, kOurs}};
  Frame frame = prepared(probe);
  for (int i = 0; i < 100; ++i) {
    const auto bits = random();
    const Cookie cookie{static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(bits),
                        static_cast<std::uint16_t>(bits >> 16U)};
    const Target target{Ipv4Address{static_cast<std::uint32_t>(random())},
                        static_cast<std::uint16_t>(bits >> 32U)};
    probe.stamp(frame.data(), random(), target, cookie, static_cast<std::uint32_t>(random()));
  }
  probe.stamp(frame.data(), head(), kTarget, kCookie, kStamp);
  EXPECT_EQ(frame, stamped<TypeParam>());
}

TYPED_TEST(TcpTemplate, ChecksumsAreRightAtTheEndsOfEveryField) {
  const TypeParam probe{ProbeSource{kOurMac, kOurs}};
  Frame frame = prepared(probe);
  for (const std::uint32_t ip : {0x00000000U, 0x00000001U, 0x0000ffffU, 0xffff0000U, 0xffffffffU}) {
    for (const unsigned value : {0x0000U, 0x0001U, 0x7fffU, 0x8000U, 0xfffeU, 0xffffU}) {
      const auto half = static_cast<std::uint16_t>(value);
      for (const std::uint32_t word : {0x00000000U, 0x0000ffffU, 0xffff0000U, 0xffffffffU}) {
        probe.stamp(frame.data(), head(), {Ipv4Address{ip}, half}, {word, half, half}, ~word);
        ASSERT_TRUE(ip_checksum_is_right(frame)) << ip << " " << half;
        ASSERT_TRUE(tcp_checksum_is_right(frame)) << ip << " " << half << " " << word;
      }
    }
  }
}

TYPED_TEST(TcpTemplate, ChecksumsAreRightForRandomProbesFromRandomSources) {
  std::mt19937_64 random{10};
  for (int i = 0; i < 20'000; ++i) {
    const TypeParam probe{ProbeSource{MacAddress::from_integer(random()),
                                      Ipv4Address{static_cast<std::uint32_t>(random())}}};
    Frame frame = prepared(probe);
    const auto bits = random();
    probe.stamp(
        frame.data(), random(),
        {Ipv4Address{static_cast<std::uint32_t>(random())}, static_cast<std::uint16_t>(bits)},
        {static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(bits >> 16U),
         static_cast<std::uint16_t>(bits >> 32U)},
        static_cast<std::uint32_t>(random()));
    ASSERT_TRUE(ip_checksum_is_right(frame));
    ASSERT_TRUE(tcp_checksum_is_right(frame));
  }
}

TYPED_TEST(TcpTemplate, StampWritesNothingBehindTheFrame) {
  const TypeParam probe{ProbeSource{kOurMac, kOurs}};
  Frame frame(128, std::byte{0x5a});
  probe.prepare(frame.data());
  probe.stamp(frame.data(), head(), kTarget, kCookie, kStamp);
  for (std::size_t i = probe.size().count(); i < frame.size(); ++i) {
    ASSERT_EQ(frame[i], std::byte{0x5a});
  }
}

}  // namespace
}  // namespace trawl::dataplane
