#include "control/survey/hit_delay.h"

#include <gtest/gtest.h>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

constexpr double kMany = 10'000.0;

TEST(HitDelay, IsWhatRoundTripsGrewBy) {
  HitDelay delay;
  delay.saw(kMany, 10ms, 100ms);
  EXPECT_EQ(delay.since(0ms), 0ms);
  delay.saw(kMany, 15ms, 150ms);
  EXPECT_EQ(delay.since(50ms), 5ms);
  delay.saw(kMany, 10ms, 200ms);
  EXPECT_EQ(delay.since(50ms), 0ms) << "the queue is gone";
}

TEST(HitDelay, SaysNothingOfProbesThatLeftBefore) {
  HitDelay delay;
  delay.saw(kMany, 10ms, 100ms);
  delay.saw(kMany, 30ms, 150ms);
  EXPECT_EQ(delay.since(70ms), 20ms) << "the first of them left at 70 ms";
  EXPECT_EQ(delay.since(71ms), 0ms);
}

TEST(HitDelay, TakesWhatMayBeChanceForNothing) {
  HitDelay delay;
  delay.saw(100.0, 10ms, 100ms);
  delay.saw(100.0, 14ms, 150ms);
  EXPECT_EQ(delay.since(0ms), 0ms) << "the middle of 100 round trips";
  delay.saw(49.0, 500ms, 900ms);
  EXPECT_EQ(delay.since(0ms), 0ms) << "too few to have a middle";
}

TEST(HitDelay, PutsFewTogether) {
  HitDelay delay;
  delay.saw(kMany, 10ms, 100ms);
  delay.saw(30.0, 100ms, 150ms);
  EXPECT_EQ(delay.since(0ms), 0ms);
  delay.saw(30.0, 110ms, 200ms);
  EXPECT_EQ(delay.since(-5ms), 95ms) << "the first left 105 ms before 100 ms";
}

TEST(HitDelay, ForgetsARouteThatWasShorter) {
  HitDelay delay;
  delay.saw(kMany, 10ms, 1s);
  for (auto now = 2s; now <= 35s; now += 1s) delay.saw(kMany, 40ms, now);
  EXPECT_EQ(delay.since(0ms), 0ms);
}

}  // namespace
}  // namespace trawl::control
