#include "base/units.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace trawl {
namespace {

using namespace std::chrono_literals;

// Nothing turns into a unit, or one unit into another, unasked.
static_assert(!std::is_convertible_v<double, PacketsPerSecond>);
static_assert(!std::is_convertible_v<double, BitsPerSecond>);
static_assert(!std::is_convertible_v<std::uint64_t, ByteCount>);
static_assert(!std::is_convertible_v<std::uint64_t, PacketCount>);
static_assert(!std::is_constructible_v<PacketsPerSecond, BitsPerSecond>);
static_assert(!std::is_constructible_v<ByteCount, PacketCount>);

TEST(ByteCount, AddsAndCompares) {
  EXPECT_EQ(ByteCount::mebibytes(3).count(), 3U * 1024U * 1024U);
  EXPECT_EQ((ByteCount{1} + ByteCount{2}).count(), 3U);
  EXPECT_LT(ByteCount{1}, ByteCount{2});
  EXPECT_EQ(ByteCount{}.count(), 0U);
}

TEST(PacketsPerSecond, CountsPacketsInATime) {
  EXPECT_DOUBLE_EQ(PacketsPerSecond{50000}.packets_in(10ms), 500.0);
  EXPECT_DOUBLE_EQ(PacketsPerSecond{0.1}.packets_in(20s), 2.0);
}

TEST(PacketsPerSecond, DividesAmongSenders) {
  EXPECT_DOUBLE_EQ(PacketsPerSecond{100}.divided_by(4).per_second(), 25.0);
  EXPECT_TRUE(PacketsPerSecond::unlimited().divided_by(4).is_unlimited());
}

TEST(PacketsPerSecond, ZeroIsAPauseAndNotUnlimited) {
  EXPECT_FALSE(PacketsPerSecond{}.is_unlimited());
  EXPECT_DOUBLE_EQ(PacketsPerSecond{}.packets_in(1s), 0.0);
  EXPECT_NE(PacketsPerSecond{}, PacketsPerSecond::unlimited());
}

TEST(BitsPerSecond, TenGigabitOfShortestFramesIsTheKnownLineRate) {
  EXPECT_NEAR(BitsPerSecond{10e9}.as_packets(ByteCount{60}).per_second(), 14'880'952.38, 0.01);
}

TEST(BitsPerSecond, FramesBelowTheShortestArePadded) {
  EXPECT_EQ(BitsPerSecond{1e6}.as_packets(ByteCount{54}),
            BitsPerSecond{1e6}.as_packets(ByteCount{60}));
}

TEST(BitsPerSecond, FullFramesFillTheLine) {
  EXPECT_NEAR(BitsPerSecond{10e9}.as_packets(ByteCount{1514}).per_second(), 812'743.82, 0.01);
}

}  // namespace
}  // namespace trawl
