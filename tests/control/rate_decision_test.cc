#include "control/survey/rate_decision.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

constexpr RateDecision kBackOff{.time = 12'400ms,
                                .phase = RatePhase::BackOff,
                                .reason = RateReason::Loss,
                                .rate_before = 80'000.0,
                                .rate = 61'000.0,
                                .loss = 0.312,
                                .baseline = 0.001,
                                .samples = 210.0,
                                .queue_ms = 4.5};

TEST(RateDecision, LineSaysWhatWasDoneAndWhy) {
  EXPECT_EQ(
      format_decision(kBackOff),
      "12.40s back-off 80000 -> 61000 pps: loss (31.2 % of 210 sentinels, 0.1 % at low rates)");
  EXPECT_EQ(format_decision({.time = 1s, .rate_before = 1000.0, .rate = 2000.0}),
            "1.00s slow-start 1000 -> 2000 pps: started");
}

TEST(RateDecision, JsonHasEveryNumber) {
  EXPECT_EQ(format_decision_json(kBackOff),
            "{\"time_s\":12.400,\"phase\":\"back-off\",\"reason\":\"loss\","
            "\"rate_before_pps\":80000.000,\"rate_pps\":61000.000,\"loss_percent\":31.200,"
            "\"baseline_percent\":0.100,\"sentinels\":210.000,\"queue_ms\":4.500}");
}

TEST(RateDecision, EveryReasonHasItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(RateReason::HeldLongEnough); ++i) {
    EXPECT_TRUE(names.insert(to_string(static_cast<RateReason>(i))).second) << i;
  }
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace trawl::control
