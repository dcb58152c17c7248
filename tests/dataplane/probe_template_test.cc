#include "dataplane/probe_template.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

constexpr Target kTarget{kPeer, 443};
constexpr Cookie kCookie{.sequence = 0x01020304, .source_port = 61234, .ip_id = 0x5678};
constexpr std::uint32_t kStamp = 0xa1b2c3d9;

const ProbeTemplate& probe() {
  static const ProbeTemplate instance{kOurMac, kOurs};
  return instance;
}

Frame prepared() {
  Frame frame(ProbeTemplate::kSize.count());
  probe().prepare(frame);
  return frame;
}

void stamp(Frame& frame, Target target, Cookie cookie, std::uint32_t stamp) {
  probe().stamp(frame.data(), probe().frame_head(kPeerMac), target, cookie, stamp);
}

Frame stamped() {
  Frame frame = prepared();
  stamp(frame, kTarget, kCookie, kStamp);
  return frame;
}

TEST(ProbeTemplate, StampedFrameHasValidIpAndTcpChecksums) {
  const Frame frame = stamped();
  EXPECT_TRUE(ip_checksum_is_right(frame));
  EXPECT_TRUE(tcp_checksum_is_right(frame));
}

TEST(ProbeTemplate, EthernetHeaderGoesFromUsToTheNextHop) {
  const Frame frame = stamped();
  EXPECT_EQ(get_mac(frame, 0), kPeerMac);
  EXPECT_EQ(get_mac(frame, 6), kOurMac);
  EXPECT_EQ(get16(frame, 12), 0x0800U);
}

TEST(ProbeTemplate, IpHeaderIsThatOfALinuxSyn) {
  const Frame frame = stamped();
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

TEST(ProbeTemplate, TcpHeaderCarriesTheCookie) {
  const Frame frame = stamped();
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

TEST(ProbeTemplate, OptionsAreThoseOfALinuxSynInTheirOrder) {
  const Frame frame = stamped();
  EXPECT_EQ(get32(frame, 54), 0x020405b4U) << "maximum segment size 1460";
  EXPECT_EQ(get16(frame, 58), 0x0402U) << "selective acknowledgement permitted";
  EXPECT_EQ(get16(frame, 60), 0x080aU) << "timestamps";
  EXPECT_EQ(get32(frame, 62), kStamp);
  EXPECT_EQ(get32(frame, 66), 0U) << "timestamp echo";
  EXPECT_EQ(get32(frame, 70), 0x01030307U) << "no-op, window scale 7";
}

TEST(ProbeTemplate, SecondStampLeavesNoTraceOfTheFirst) {
  std::mt19937_64 random{9};
  Frame frame = prepared();
  for (int i = 0; i < 100; ++i) {
    const auto bits = random();
    const Cookie cookie{static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(bits),
                        static_cast<std::uint16_t>(bits >> 16U)};
    const Target target{Ipv4Address{static_cast<std::uint32_t>(random())},
                        static_cast<std::uint16_t>(bits >> 32U)};
    probe().stamp(frame.data(), probe().frame_head(MacAddress::from_integer(random())), target,
                  cookie, static_cast<std::uint32_t>(random()));
  }
  stamp(frame, kTarget, kCookie, kStamp);
  EXPECT_EQ(frame, stamped());
}

TEST(ProbeTemplate, ChecksumsAreRightAtTheEndsOfEveryField) {
  Frame frame = prepared();
  for (const std::uint32_t ip : {0x00000000U, 0x00000001U, 0x0000ffffU, 0xffff0000U, 0xffffffffU}) {
    for (const unsigned value : {0x0000U, 0x0001U, 0x7fffU, 0x8000U, 0xfffeU, 0xffffU}) {
      const auto half = static_cast<std::uint16_t>(value);
      for (const std::uint32_t word : {0x00000000U, 0x0000ffffU, 0xffff0000U, 0xffffffffU}) {
        stamp(frame, {Ipv4Address{ip}, half}, {word, half, half}, ~word);
        ASSERT_TRUE(ip_checksum_is_right(frame)) << ip << " " << half;
        ASSERT_TRUE(tcp_checksum_is_right(frame)) << ip << " " << half << " " << word;
      }
    }
  }
}

TEST(ProbeTemplate, ChecksumsAreRightForRandomProbesFromRandomSources) {
  std::mt19937_64 random{10};
  for (int i = 0; i < 20'000; ++i) {
    const ProbeTemplate made{MacAddress::from_integer(random()),
                             Ipv4Address{static_cast<std::uint32_t>(random())}};
    Frame frame(ProbeTemplate::kSize.count());
    made.prepare(frame);
    const auto bits = random();
    made.stamp(
        frame.data(), random(),
        {Ipv4Address{static_cast<std::uint32_t>(random())}, static_cast<std::uint16_t>(bits)},
        {static_cast<std::uint32_t>(random()), static_cast<std::uint16_t>(bits >> 16U),
         static_cast<std::uint16_t>(bits >> 32U)},
        static_cast<std::uint32_t>(random()));
    ASSERT_TRUE(ip_checksum_is_right(frame));
    ASSERT_TRUE(tcp_checksum_is_right(frame));
  }
}

TEST(ProbeTemplate, StampWritesNothingBehindTheFrame) {
  Frame frame = prepared();
  frame.resize(128, std::byte{0x5a});
  stamp(frame, kTarget, kCookie, kStamp);
  for (std::size_t i = ProbeTemplate::kSize.count(); i < frame.size(); ++i) {
    ASSERT_EQ(frame[i], std::byte{0x5a});
  }
}

TEST(ProbeStamp, GivesBackAttemptAndAge) {
  for (std::uint32_t attempt = 1; attempt <= ProbeStamp::kMostAttempts; ++attempt) {
    for (const std::uint64_t sent :
         {0ULL, 1ULL, 123'456'789ULL, 0x1fffffffULL, 0x20000000ULL, 0x123456789abcULL}) {
      const std::uint32_t stamp = ProbeStamp::encode(sent, attempt);
      EXPECT_NE(stamp, 0U);
      EXPECT_EQ(ProbeStamp::attempt(stamp), attempt);
      for (const std::uint64_t age : {0ULL, 1ULL, 8123ULL, 500'000'000ULL}) {
        EXPECT_EQ(ProbeStamp::age(stamp, sent + age), age) << sent;
      }
    }
  }
}

TEST(ProbeStamp, AgeWrapsAfterNineMinutes) {
  constexpr std::uint64_t kTurn = std::uint64_t{1} << 29U;  // Microseconds: 536.9 s.
  const std::uint32_t stamp = ProbeStamp::encode(kTurn - 10, 1);
  EXPECT_EQ(ProbeStamp::age(stamp, kTurn + 5), 15U) << "across the wrap";
  EXPECT_EQ(ProbeStamp::age(stamp, 2 * kTurn - 11), kTurn - 1);
  EXPECT_EQ(ProbeStamp::age(stamp, 2 * kTurn - 10), 0U);
}

}  // namespace
}  // namespace trawl::dataplane
