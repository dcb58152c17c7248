#include "control/survey/recall_estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace trawl::control {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int kSurveys = 1000;
// 95 % of 1000 surveys, less four deviations of that count.
constexpr int kLeastCovered = 922;

enum class SecondPass { None, Blind, OfTheSilent };

struct Population {
  std::uint64_t open = 2000;
  double loss = 0.02;  // Of each probe.
  std::uint64_t sentinels = 3000;
  SecondPass second = SecondPass::None;
};

struct SimulatedSurvey {
  RecallEvidence evidence;
  double recall = 0.0;
};

SimulatedSurvey survey(const Population& population, std::mt19937_64& random) {
  const auto answering = [&](std::uint64_t probed) {
    return std::binomial_distribution<std::uint64_t>{probed, 1.0 - population.loss}(random);
  };
  SimulatedSurvey result;
  const std::uint64_t first = answering(population.open);
  const std::uint64_t both = population.second == SecondPass::Blind ? answering(first) : 0;
  const std::uint64_t silent = population.second == SecondPass::None ? 0 : population.open - first;
  const PassOverlap passes{.first = first, .second = both + answering(silent), .both = both};
  result.recall = static_cast<double>(passes.first + passes.second - passes.both) /
                  static_cast<double>(population.open);
  result.evidence.found = passes.first + passes.second - passes.both;
  result.evidence.rate = PacketsPerSecond{1e5};
  result.evidence.replies = passes.first + passes.second;
  if (population.second == SecondPass::Blind) result.evidence.overlap = passes;
  if (population.second == SecondPass::OfTheSilent) {
    result.evidence.removal = PassRemoval{passes.first, passes.second};
  }
  result.evidence.probed_again = population.second == SecondPass::None ? 0.0 : 1.0;
  const std::uint64_t lost = population.sentinels - answering(population.sentinels);
  result.evidence.sentinel_loss +=
      Counted{static_cast<double>(lost), static_cast<double>(population.sentinels)};
  return result;
}

// The true recall of each survey varies by chance too; the interval must hold it.
int covered(const Population& population) {
  std::mt19937_64 random{11};
  int hit = 0;
  for (int i = 0; i < kSurveys; ++i) {
    const SimulatedSurvey one = survey(population, random);
    const RecallEstimate estimate = RecallEstimate::from(one.evidence);
    hit += estimate.low <= one.recall && one.recall <= estimate.high ? 1 : 0;
  }
  return hit;
}

TEST(RecallEstimate, SentinelIntervalsHoldTheTruth) {
  for (const double loss : {0.0, 0.003, 0.02, 0.1, 0.3}) {
    // Many targets, so that their own chance is small beside that of the sentinels.
    EXPECT_GE(covered({.open = 40'000, .loss = loss, .sentinels = 1000}), kLeastCovered) << loss;
  }
}

TEST(RecallEstimate, BlindPassIntervalsHoldTheTruth) {
  for (const double loss : {0.05, 0.2, 0.4}) {
    EXPECT_GE(covered({.loss = loss, .sentinels = 0, .second = SecondPass::Blind}), kLeastCovered)
        << loss;
  }
}

TEST(RecallEstimate, SilentPassIntervalsHoldTheTruth) {
  for (const double loss : {0.05, 0.2, 0.4}) {
    EXPECT_GE(covered({.loss = loss, .sentinels = 0, .second = SecondPass::OfTheSilent}),
              kLeastCovered)
        << loss;
  }
}

TEST(RecallEstimate, BothTogetherHoldTheTruth) {
  for (const double loss : {0.05, 0.2}) {
    EXPECT_GE(covered({.loss = loss, .sentinels = 1000, .second = SecondPass::OfTheSilent}),
              kLeastCovered)
        << loss;
  }
}

TEST(RecallEstimate, ChapmansEstimateIsThePublishedFormula) {
  RecallEvidence evidence;
  evidence.overlap = PassOverlap{.first = 200, .second = 150, .both = 100};
  // (201 * 151 / 101) - 1 = 299.5 in all, 250 of them found.
  EXPECT_NEAR(RecallEstimate::from(evidence).recall, 250.0 / 299.505, 1e-4);
}

TEST(RecallEstimate, RemovalEstimateIsThePublishedFormula) {
  RecallEvidence evidence;
  evidence.removal = PassRemoval{.first = 900, .second = 90};
  // 900 * 900 / 810 = 1000 in all, 990 of them found.
  EXPECT_NEAR(RecallEstimate::from(evidence).recall, 0.99, 1e-9);
}

TEST(RecallEstimate, CleanSurveyIsTrustworthy) {
  RecallEvidence evidence{.sentinel_loss = {3.0, 5000.0}, .baseline_loss = {1.0, 2000.0}};
  const RecallEstimate estimate = RecallEstimate::from(evidence);
  EXPECT_EQ(estimate.verdict, RecallVerdict::Trustworthy);
  EXPECT_EQ(estimate.verdict_text(), "trustworthy");
  EXPECT_THAT(estimate.to_string(), StartsWith("0.9994 (0.99"));
}

TEST(RecallEstimate, LossThatGrewWithTheRateAsksForALowerOne) {
  RecallEvidence evidence{.sentinel_loss = {1500.0, 5000.0}, .baseline_loss = {10.0, 1000.0}};
  evidence.rate = PacketsPerSecond{100'000.0};
  const RecallEstimate estimate = RecallEstimate::from(evidence);
  EXPECT_EQ(estimate.verdict, RecallVerdict::LowerRate);
  // 0.9 of what came through: 0.7 / 0.99 of the rate.
  EXPECT_NEAR(estimate.try_at_most.per_second(), 63'636.0, 1.0);
  EXPECT_EQ(estimate.verdict_text(), "degraded: try <= 63636 pps");
}

TEST(RecallEstimate, LossAtAnyRateAsksForRetries) {
  RecallEvidence evidence{.sentinel_loss = {250.0, 5000.0}, .baseline_loss = {50.0, 1000.0}};
  EXPECT_EQ(RecallEstimate::from(evidence).verdict, RecallVerdict::MoreRetries);
  evidence.probed_again = 1.0;
  EXPECT_EQ(RecallEstimate::from(evidence).verdict, RecallVerdict::Trustworthy);
}

TEST(RecallEstimate, FramesLostHereDegradeHoweverGoodThePath) {
  RecallEvidence evidence{.sentinel_loss = {0.0, 5000.0}, .baseline_loss = {0.0, 1000.0}};
  evidence.rate = PacketsPerSecond{1e6};
  evidence.replies = 90'000;
  evidence.lost_here = 10'000;
  const RecallEstimate estimate = RecallEstimate::from(evidence);
  EXPECT_EQ(estimate.verdict, RecallVerdict::LowerRate);
  EXPECT_NEAR(estimate.try_at_most.per_second(), 0.9 * 0.9 * 1e6, 1.0);
}

TEST(RecallEstimate, NothingMeasuredIsNotTrusted) {
  const RecallEstimate estimate = RecallEstimate::from({});
  EXPECT_EQ(estimate.verdict, RecallVerdict::Unknown);
  EXPECT_EQ(estimate.low, 0.0);
  EXPECT_THAT(estimate.verdict_text(), HasSubstr("unknown"));
}

TEST(RecallEstimate, DisagreementWidensTheInterval) {
  RecallEvidence evidence{.sentinel_loss = {10.0, 10'000.0}, .baseline_loss = {1.0, 1000.0}};
  evidence.overlap = PassOverlap{.first = 500, .second = 500, .both = 250};
  const RecallEstimate estimate = RecallEstimate::from(evidence);
  EXPECT_LT(estimate.low, 0.8);
  EXPECT_GT(estimate.high, 0.998);
  EXPECT_NE(estimate.verdict, RecallVerdict::Trustworthy);
}

}  // namespace
}  // namespace trawl::control
