#include "dataplane/icmp_template.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

constexpr Target kTarget{kPeer, 0};
constexpr Cookie kCookie{.sequence = 0x01020304, .source_port = 61234, .ip_id = 0x5678};
constexpr std::uint32_t kStamp = 0xa1b2c3d9;

template <typename Template>
Frame stamped() {
  const Template probe{ProbeSource{kOurMac, kOurs}};
  Frame frame(probe.size().count());
  probe.prepare(frame.data());
  probe.stamp(frame.data(), 0, kTarget, kCookie, kStamp);
  return frame;
}

TEST(IcmpEchoTemplate, IsAnEchoRequestThatCarriesTheCookie) {
  const Frame frame = stamped<IcmpEchoTemplate>();
  ASSERT_EQ(frame.size(), 50U);
  EXPECT_EQ(get16(frame, 12), 0x0800U);
  EXPECT_EQ(get16(frame, 16), 36U) << "total length";
  EXPECT_EQ(get8(frame, 23), 1U) << "ICMP";
  EXPECT_EQ(get32(frame, 26), kOurs.value());
  EXPECT_EQ(get32(frame, 30), kPeer.value());
  EXPECT_EQ(get16(frame, 34), 0x0800U) << "type 8, code 0";
  EXPECT_EQ(get16(frame, 38), 0x0102U) << "identifier";
  EXPECT_EQ(get16(frame, 40), 0x0304U) << "sequence number";
  EXPECT_EQ(get16(frame, 42), 61234U);
  EXPECT_EQ(get16(frame, 44), 0x5678U);
  EXPECT_EQ(get32(frame, 46), kStamp);
  EXPECT_TRUE(ip_checksum_is_right(frame));
  EXPECT_TRUE(icmp_checksum_is_right(frame));
}

TEST(IcmpTimestampTemplate, IsATimestampRequestThatSaysItsTimeIsNoTimeOfDay) {
  const Frame frame = stamped<IcmpTimestampTemplate>();
  ASSERT_EQ(frame.size(), 54U);
  EXPECT_EQ(get16(frame, 16), 40U) << "total length";
  EXPECT_EQ(get8(frame, 23), 1U) << "ICMP";
  EXPECT_EQ(get16(frame, 34), 0x0d00U) << "type 13, code 0";
  EXPECT_EQ(get32(frame, 38), 0x01020304U) << "identifier and sequence number";
  EXPECT_EQ(get32(frame, 42), 0xa1b2c3d9U) << "originate";
  EXPECT_EQ(get32(frame, 46), 0U) << "receive";
  EXPECT_EQ(get32(frame, 50), 0U) << "transmit";
  EXPECT_TRUE(ip_checksum_is_right(frame));
  EXPECT_TRUE(icmp_checksum_is_right(frame));
  Frame low(54);
  const IcmpTimestampTemplate probe{ProbeSource{kOurMac, kOurs}};
  probe.prepare(low.data());
  probe.stamp(low.data(), 0, kTarget, kCookie, 0x21b2c3d9);
  EXPECT_EQ(get32(low, 42), 0xa1b2c3d9U);
}

template <typename Template>
class IcmpTemplate : public testing::Test {};
using Templates = testing::Types<IcmpEchoTemplate, IcmpTimestampTemplate>;
TYPED_TEST_SUITE(IcmpTemplate, Templates);

TYPED_TEST(IcmpTemplate, ChecksumsAreRightAndNothingStaysOfTheProbeBefore) {
  std::mt19937_64 random{11};
  const TypeParam probe{ProbeSource{kOurMac, kOurs}};
  Frame frame(128, std::byte{0x5a});
  probe.prepare(frame.data());
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random();
    const std::uint32_t word = i % 3 == 0 ? 0xffffffff : static_cast<std::uint32_t>(random());
    probe.stamp(frame.data(), random(), {Ipv4Address{static_cast<std::uint32_t>(random())}, 0},
                {word, static_cast<std::uint16_t>(bits), static_cast<std::uint16_t>(bits >> 16U)},
                static_cast<std::uint32_t>(bits >> 32U));
    ASSERT_TRUE(ip_checksum_is_right(frame));
    ASSERT_TRUE(icmp_checksum_is_right(frame));
  }
  probe.stamp(frame.data(), 0, kTarget, kCookie, kStamp);
  for (std::size_t i = probe.size().count(); i < frame.size(); ++i) {
    ASSERT_EQ(frame[i], std::byte{0x5a});
  }
  frame.resize(probe.size().count());
  EXPECT_EQ(frame, stamped<TypeParam>());
}

}  // namespace
}  // namespace trawl::dataplane
