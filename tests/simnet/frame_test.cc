#include "bench/simnet/frame.h"

#include <gtest/gtest.h>

#include "tests/simnet/frames.h"

namespace trawl::simnet {
namespace {

// Worked out by another implementation: the other tests check checksums with the code's own sum.
TEST(Wire, ChecksumsAreThoseOfTheStandards) {
  TestFrame frame = tcp_frame({.to = Ipv4Address{0xc6120064}}, {.options = linux_options()});
  EXPECT_EQ(wire::read16(frame.ip() + 10), 0xee32);
  EXPECT_EQ(wire::read16(frame.l4() + 16), 0x09d7);
  const std::byte odd[] = {std::byte{1}, std::byte{2}, std::byte{3}};
  EXPECT_EQ(wire::checksum(odd, sizeof odd), 0xfbfd);
}

TEST(Frame, TcpOptionsAreRead) {
  TestFrame frame = tcp_frame({.to = kScanner}, {.options = linux_options(), .data_size = 3});
  const auto segment = parse_tcp(std::span{frame.l4(), 43});
  ASSERT_TRUE(segment);
  EXPECT_TRUE(segment->has_mss);
  EXPECT_TRUE(segment->has_sack);
  EXPECT_TRUE(segment->has_window_scale);
  EXPECT_EQ(segment->timestamp, 0x0a0b0c0dU);
  EXPECT_EQ(segment->length, 4U);
}

TEST(Frame, DecrementedTtlKeepsTheHeaderChecksumRight) {
  for (unsigned ttl = 2; ttl < 256; ++ttl) {
    for (std::uint32_t to = 0; to < 64; ++to) {
      TestFrame frame = ipv4_frame({.to = Ipv4Address{static_cast<std::uint32_t>(mix64(to))},
                                    .ttl = static_cast<std::uint8_t>(ttl)},
                                   {});
      ASSERT_TRUE(decrement_ttl(frame.frame()));
      ASSERT_EQ(wire::checksum(frame.ip(), wire::kIpSize), 0);
    }
  }
}

TEST(Frame, ATtlOfOneOrLessIsLeftAlone) {
  for (const std::uint8_t ttl : {std::uint8_t{0}, std::uint8_t{1}}) {
    TestFrame frame = ipv4_frame({.to = kScanner, .ttl = ttl}, {});
    const TestFrame before = frame;
    EXPECT_FALSE(decrement_ttl(frame.frame()));
    EXPECT_EQ(frame.bytes, before.bytes);
  }
}

}  // namespace
}  // namespace trawl::simnet
