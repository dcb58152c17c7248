#include "control/survey/proportion.h"

#include <gtest/gtest.h>

#include <random>

namespace trawl::control {
namespace {

TEST(Counted, WilsonIntervalIsThePublishedOne) {
  // E. B. Wilson's interval for 10 of 100 at 95 %.
  const ProportionInterval interval = Counted{10.0, 100.0}.interval(k95Percent);
  EXPECT_NEAR(interval.low, 0.0552, 1e-4);
  EXPECT_NEAR(interval.high, 0.1744, 1e-4);
}

TEST(Counted, NoneAndAllStillLeaveDoubt) {
  EXPECT_EQ(Counted({0.0, 100.0}).interval(k95Percent).low, 0.0);
  EXPECT_NEAR(Counted({0.0, 100.0}).interval(k95Percent).high, 0.037, 1e-3);
  EXPECT_EQ(Counted({100.0, 100.0}).interval(k95Percent).high, 1.0);
  EXPECT_LT(Counted({100.0, 100.0}).interval(k95Percent).low, 0.97);
  EXPECT_EQ(Counted{}.interval(k95Percent).high, 1.0);
  EXPECT_EQ(Counted{}.ratio(), 0.0);
}

TEST(DeviationsAbove, IsZeroForLessOrNothing) {
  EXPECT_EQ(deviations_above({1.0, 100.0}, {2.0, 100.0}), 0.0);
  EXPECT_EQ(deviations_above({}, {2.0, 100.0}), 0.0);
  EXPECT_EQ(deviations_above({2.0, 100.0}, {}), 0.0);
}

TEST(DeviationsAbove, CertaintyIsLarge) {
  EXPECT_GT(deviations_above({1000.0, 1000.0}, {0.0, 1000.0}), 10.0);
}

// Samples of one and the same path seem worse than it by three deviations hardly ever.
TEST(DeviationsAbove, ChanceSeldomLooksLikeLoss) {
  std::mt19937_64 random{1};
  for (const double loss : {0.001, 0.01, 0.05, 0.3}) {
    int alarms = 0;
    for (int i = 0; i < 20'000; ++i) {
      const Counted sample{static_cast<double>(std::binomial_distribution{100, loss}(random)), 100};
      const Counted known{static_cast<double>(std::binomial_distribution{1000, loss}(random)),
                          1000};
      alarms += deviations_above(sample, known) > 3.3 ? 1 : 0;
    }
    EXPECT_LE(alarms, 20'000 / 150) << loss;
  }
}

}  // namespace
}  // namespace trawl::control
