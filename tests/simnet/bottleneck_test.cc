#include "bench/simnet/bottleneck.h"

#include <gtest/gtest.h>

#include <vector>

namespace trawl::simnet {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr std::size_t kFrame = 60;

BottleneckOptions packets(double per_second, double queue) {
  return {.per_second = per_second, .queue = queue, .burst = 1};
}

// When each of `count` frames that come `every` so often leaves; dropped ones are left out.
std::vector<nanoseconds> departures(const BottleneckOptions& options, int count, nanoseconds every,
                                    nanoseconds start = 5s) {
  Bottleneck bottleneck{options};
  std::vector<nanoseconds> left;
  for (int i = 0; i < count; ++i) {
    const nanoseconds now = start + i * every;
    if (const auto wait = bottleneck.pass(kFrame, now)) left.push_back(now + *wait - start);
  }
  return left;
}

TEST(Bottleneck, SlowTrafficPassesWithoutWaiting) {
  const auto left = departures(packets(1000, 10), 50, 1ms);
  ASSERT_EQ(left.size(), 50U);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(left[static_cast<std::size_t>(i)], i * 1ms) << i;
}

TEST(Bottleneck, AFullQueueDropsAndTheRestLeavesAtTheRate) {
  // One in service and ten waiting, all at once.
  const auto left = departures(packets(1000, 10), 100, 0ns);
  ASSERT_EQ(left.size(), 11U);
  for (int i = 0; i < 11; ++i) EXPECT_EQ(left[static_cast<std::size_t>(i)], i * 1ms) << i;
}

TEST(Bottleneck, TwiceTheRateLosesHalf) {
  const auto left = departures(packets(1000, 20), 10'000, 500us);
  EXPECT_NEAR(static_cast<double>(left.size()), 5020, 2);
  for (std::size_t i = 1; i < left.size(); ++i) {
    EXPECT_GE(left[i] - left[i - 1], 1ms - 1us) << i;
  }
}

TEST(Bottleneck, ABurstPassesAtOnceAfterAPause) {
  BottleneckOptions options = packets(1000, 0);
  options.burst = 8;
  Bottleneck bottleneck{options};
  for (const nanoseconds at : {0s, 1s}) {
    int passed = 0;
    for (int i = 0; i < 20; ++i) passed += bottleneck.pass(kFrame, at).has_value() ? 1 : 0;
    EXPECT_EQ(passed, 8);
  }
}

TEST(Bottleneck, QueuedPacketsFeelAStepOfTheCapacity) {
  BottleneckOptions options = packets(1000, 100);
  options.steps = {{10ms, 100, false}, {110ms, 10'000, false}};
  const auto left = departures(options, 100, 0ns);
  ASSERT_EQ(left.size(), 100U);
  EXPECT_EQ(left[9], 9ms);
  EXPECT_EQ(left[10], 10ms);
  EXPECT_EQ(left[11], 20ms);
  EXPECT_EQ(left[20], 110ms);
  EXPECT_EQ(left[30], 111ms);
}

TEST(Bottleneck, StepsCountFromTheFirstPacket) {
  BottleneckOptions options = packets(1000, 100);
  options.steps = {{1s, 10, false}};
  EXPECT_EQ(departures(options, 40, 0ns, 0s), departures(options, 40, 0ns, 1000s));
}

TEST(Bottleneck, BitsCountTheWholeFrameOnTheWire) {
  // 60 bytes of frame and 24 around it are 672 bits; two frames of queue.
  Bottleneck bottleneck{{.per_second = 672'000, .counts_bits = true, .queue = 168, .burst = 84}};
  EXPECT_EQ(bottleneck.pass(60, 0s), 0ns);
  EXPECT_EQ(bottleneck.pass(42, 0s), 1ms);  // Padded.
  EXPECT_EQ(bottleneck.pass(60, 0s), 2ms);
  EXPECT_EQ(bottleneck.pass(60, 0s), std::nullopt);
  EXPECT_EQ(bottleneck.longest_wait(), 2ms);
}

}  // namespace
}  // namespace trawl::simnet
