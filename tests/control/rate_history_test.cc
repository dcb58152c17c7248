#include "control/survey/rate_history.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

RatePoint second(std::chrono::seconds start, std::uint64_t sent, double asked = 1000.0) {
  return {.start = start,
          .length = 1s,
          .asked = asked,
          .sent = sent,
          .found = sent / 100,
          .reason = {}};
}

TEST(RateHistory, KeepsEveryPointOfAShortSurvey) {
  RateHistory history;
  for (int i = 0; i < 5; ++i) history.add(second(std::chrono::seconds{i}, 1000));
  ASSERT_EQ(history.points().size(), 5U);
  EXPECT_EQ(history.points()[3].start, 3s);
  EXPECT_DOUBLE_EQ(history.points()[3].rate(), 1000.0);
}

TEST(RateHistory, IsBoundedHoweverLongTheSurveyAndLosesNoPacket) {
  RateHistory history;
  std::uint64_t sent = 0;
  constexpr int kSeconds = 100'000;
  for (int i = 0; i < kSeconds; ++i) {
    const auto packets = static_cast<std::uint64_t>(i);
    sent += packets;
    history.add(second(std::chrono::seconds{i}, packets, i));
    ASSERT_LE(history.points().size(), RateHistory::kMost);
  }
  const auto points = history.points();
  EXPECT_GE(points.size(), RateHistory::kMost / 2);
  std::uint64_t kept = 0;
  std::chrono::nanoseconds end{0};
  for (const RatePoint& point : points) {
    EXPECT_EQ(point.start, end) << "no gap";
    end = point.start + point.length;
    kept += point.sent;
    EXPECT_NEAR(point.asked, point.rate(), 1.0) << "the mean of what was asked for";
  }
  EXPECT_EQ(end, std::chrono::seconds{kSeconds});
  EXPECT_EQ(kept, sent);
  EXPECT_LT(points.front().length, 2 * points[points.size() - 2].length);
}

TEST(RateHistory, MergedPointsKeepTheLastReasonAndTheLackOfALimit) {
  RateHistory history;
  for (int i = 0; i < 65; ++i) {
    RatePoint point = second(std::chrono::seconds{i}, 10, i == 3 ? -1.0 : 10.0);
    if (i == 4) point.reason = RateReason::Loss;
    if (i == 10) point.reason = RateReason::NoLoss;
    if (i == 11) point.reason = RateReason::QueueGrows;
    history.add(point);
  }
  const auto points = history.points();
  ASSERT_EQ(points.size(), 33U);
  EXPECT_LT(points[1].asked, 0.0);
  EXPECT_EQ(points[2].reason, RateReason::Loss);
  EXPECT_EQ(points[5].reason, RateReason::QueueGrows);
  EXPECT_FALSE(points[6].reason);
}

TEST(RateHistory, WhatIsFoundLateBelongsToTheLastPoint) {
  RateHistory history;
  history.add_found(7);
  EXPECT_TRUE(history.points().empty());
  history.add(second(0s, 1000));
  history.add_found(7);
  EXPECT_EQ(history.points()[0].found, 17U);
}

TEST(RateHistory, ReadsAsOneShortLine) {
  RateHistory history;
  EXPECT_EQ(format_history(history.points()), "");
  history.add(second(0s, 1000));
  EXPECT_EQ(format_history(history.points()), "") << "one rate is no course";
  history.add(second(1s, 12));
  history.add(second(2s, 38'100));
  EXPECT_EQ(format_history(history.points()), "1.00K 12 38.1K p/s");
  for (int i = 3; i < 60; ++i) history.add(second(std::chrono::seconds{i}, 40'000));
  const std::string line = format_history(history.points());
  EXPECT_EQ(std::ranges::count(line, ' '), 12);
}

TEST(RateHistory, IsAnArrayOfObjects) {
  RateHistory history;
  EXPECT_EQ(format_history_json(history.points()), "[]");
  history.add(second(0s, 1000, -1.0));
  RatePoint slower = second(1s, 500, 750.0);
  slower.reason = RateReason::Loss;
  history.add(slower);
  EXPECT_EQ(format_history_json(history.points()),
            R"([{"time_s":0.000,"seconds":1.000,"asked_pps":null,"sent_pps":1000.000,"sent":1000,)"
            R"("found":10},{"time_s":1.000,"seconds":1.000,"asked_pps":750.000,)"
            R"("sent_pps":500.000,"sent":500,"found":5,"reason":"loss"}])");
}

}  // namespace
}  // namespace trawl::control
