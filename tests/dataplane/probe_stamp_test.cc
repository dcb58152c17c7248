#include "dataplane/probe_stamp.h"

#include <gtest/gtest.h>

namespace trawl::dataplane {
namespace {

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
