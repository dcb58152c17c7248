#include "control/survey/sentinel_loss.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

class SentinelLossTest : public testing::Test {
 protected:
  // One interval of 50 ms with `count` probes, of which the first `answered` come back after `rtt`.
  void interval(std::uint32_t count, std::uint32_t answered, nanoseconds rtt,
                std::uint32_t trial = 1) {
    loss_.begin_interval(now_, now_ + 50ms, trial, 500.0);
    std::vector<SentinelProbe> probes;
    std::vector<SentinelReply> replies;
    for (std::uint32_t host = 0; host < count; ++host) {
      probes.push_back({host, now_ + 10ms});
      if (host < answered) replies.push_back({host, now_ + 10ms, rtt});
    }
    now_ += 50ms;
    loss_.sent(probes);
    loss_.answered(replies, now_);
  }

  SentinelLoss loss_;
  SurveyTime now_{1s};
};

TEST_F(SentinelLossTest, WaitsForTheTimeoutBeforeItCountsALoss) {
  interval(10, 8, 30ms);
  EXPECT_FALSE(loss_.take_over(now_));
  EXPECT_FALSE(loss_.take_over(now_ + loss_.timeout() - 1ns));
  const auto over = loss_.take_over(now_ + loss_.timeout());
  ASSERT_TRUE(over);
  EXPECT_EQ(over->sentinels.count, 2.0);
  EXPECT_EQ(over->sentinels.trials, 10.0);
  EXPECT_EQ(over->probes, 500.0);
  EXPECT_FALSE(loss_.take_over(now_ + 1h));
}

TEST_F(SentinelLossTest, IsDoneEarlyWhenAllAnswered) {
  interval(10, 10, 30ms);
  const auto over = loss_.take_over(now_ + loss_.typical_rtt());
  ASSERT_TRUE(over);
  EXPECT_LT(loss_.typical_rtt(), loss_.timeout());
  EXPECT_EQ(over->sentinels.count, 0.0);
}

TEST_F(SentinelLossTest, TimeoutFollowsTheRoundTrips) {
  EXPECT_EQ(loss_.timeout(), 1s);  // Nothing known.
  interval(100, 100, 10ms);
  EXPECT_GT(loss_.timeout(), 30ms);
  EXPECT_LT(loss_.timeout(), 40ms);
  interval(100, 100, 300ms);
  EXPECT_GT(loss_.timeout(), 900ms) << "there may be slower ones yet";
  for (int i = 0; i < 12; ++i) interval(10, 10, 300ms);
  EXPECT_GT(loss_.timeout(), 395ms);
  EXPECT_LT(loss_.timeout(), 450ms);
  for (int i = 0; i < 60; ++i) interval(100, 100, 10ms);
  EXPECT_LT(loss_.timeout(), 40ms);
}

TEST_F(SentinelLossTest, ForgedRoundTripsDoNotStretchTheTimeoutForever) {
  interval(100, 100, 1h);
  EXPECT_EQ(loss_.timeout(), 5s);
}

TEST_F(SentinelLossTest, RepliesToOverIntervalsAndRepeatsCountForNothing) {
  interval(4, 2, 30ms);
  const SentinelReply repeats[] = {
      {0, 1s + 10ms, 30ms}, {0, 1s + 10ms, 30ms}, {0, 1s + 10ms, 30ms}};
  loss_.answered(repeats, now_);
  const auto over = loss_.take_over(now_ + 10s);
  ASSERT_TRUE(over);
  EXPECT_EQ(over->sentinels.count, 0.0);  // At most all of them answered.
  loss_.answered(repeats, now_ + 10s);
  EXPECT_TRUE(loss_.empty());
}

TEST_F(SentinelLossTest, QueueDelayIsAboveEachHostsShortest) {
  for (int i = 0; i < 4; ++i) interval(20, 20, 30ms);
  EXPECT_EQ(loss_.queue_delay(1), 0ns);
  interval(20, 20, 42ms, 2);
  EXPECT_NEAR(static_cast<double>(loss_.queue_delay(2).count()), 12e6, 1e4);
  EXPECT_EQ(loss_.queue_delay(1), 0ns);
}

TEST_F(SentinelLossTest, HitsBelongToTheIntervalTheirProbesWereSentIn) {
  interval(1, 0, 30ms, 1);
  interval(1, 0, 30ms, 2);
  loss_.hits(7.0, 60ms, now_);
  loss_.hits(3.0, 10ms, now_);
  const auto first = loss_.take_over(now_ + 10s);
  const auto second = loss_.take_over(now_ + 10s);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->hits, 7.0);
  EXPECT_EQ(second->hits, 3.0);
}

// However late they come in, and whatever else comes with them.
TEST_F(SentinelLossTest, TimedHitsCountForTheIntervalTheyWereAskedIn) {
  loss_.begin_interval(0ms, 50ms, 1, 500.0);
  loss_.begin_interval(50ms, 100ms, 2, 500.0);
  loss_.begin_interval(100ms, 450ms, 3, 0.0);
  const std::vector<TimedHits> hits{{.sent = 90ms, .rtt = 310ms, .count = 3.0},
                                    {.sent = 10ms, .rtt = 390ms, .count = 2.0},
                                    {.sent = 49ms, .rtt = 351ms},
                                    {.sent = 51ms, .rtt = 349ms}};
  loss_.hits(hits);
  const auto first = loss_.take_over(10s);
  const auto second = loss_.take_over(10s);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->hits, 3.0);
  EXPECT_EQ(second->hits, 4.0);
  // That interval is over: nobody else's.
  loss_.hits(std::vector<TimedHits>{{.sent = 20ms, .rtt = 9980ms}});
  EXPECT_EQ(loss_.take_over(10s)->hits, 0.0);
}

}  // namespace
}  // namespace trawl::control
