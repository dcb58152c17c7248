#include "control/audit/engine/host_pace.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "control/audit/engine/timing.h"

namespace trawl::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Moment kRtt{50'000};

RttEstimator rtt_of(Moment rtt = kRtt) {
  RttEstimator estimator{timing_template(3)};
  for (int i = 0; i < 20; ++i) estimator.add(rtt);
  return estimator;
}

// Sends first probes in rounds of the window; `answers` of each hundred are answered a round trip
// later, the rest are given up. Returns when the last round was over.
Moment run_rounds(HostPace& pace, int rounds, unsigned answers, Moment start = Moment{0}) {
  std::mt19937 random{7};
  const RttEstimator rtt = rtt_of();
  Moment now = start;
  for (int round = 0; round < rounds; ++round) {
    unsigned sent = 0;
    while (pace.has_window() && sent < 400) {
      pace.sent(now, true);
      ++sent;
    }
    const Moment sent_at = now;
    now += kRtt;
    for (unsigned i = 0; i < sent; ++i) {
      pace.landed();
      if (random() % 100 < answers) {
        pace.hit({.sent_at = sent_at, .attempt = 0}, now, rtt);
      }
    }
    now += milliseconds{200};
    pace.judge(now, rtt);
  }
  return now;
}

// Answers to second attempts say that the first were lost.
void lose(HostPace& pace, unsigned count, Moment now) {
  for (unsigned i = 0; i < count; ++i) {
    pace.hit({.sent_at = now - Moment{10}, .attempt = 1, .lost_at = now - Moment{1000}}, now,
             rtt_of());
  }
}

TEST(HostPace, TheWindowBoundsWhatIsOnItsWay) {
  HostPace pace{{.first_window = 3}};
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(pace.has_window());
    pace.sent(Moment{0}, true);
  }
  EXPECT_FALSE(pace.has_window());
  pace.landed();
  EXPECT_TRUE(pace.has_window());
  for (int i = 0; i < 5; ++i) pace.landed();
  EXPECT_EQ(pace.in_flight(), 0U);
}

TEST(HostPace, LimitsOfTheUserHold) {
  HostPace few{{.most_window = 4, .first_window = 10}};
  EXPECT_EQ(few.window(), 4);
  (void)run_rounds(few, 10, 100);
  EXPECT_EQ(few.window(), 4);
  HostPace many{{.least_window = 50, .first_window = 10}};
  EXPECT_EQ(many.window(), 50);
  lose(many, 50, seconds{10});
  EXPECT_EQ(many.window(), 50);
}

TEST(HostPace, AnswersWidenTheWindowFastAtFirst) {
  HostPace pace{{}};
  (void)run_rounds(pace, 3, 100);
  EXPECT_GE(pace.window(), 40);
  EXPECT_EQ(pace.last_reaction(), Moment{-1});
}

TEST(HostPace, WhereFewAnswerEachAnswerStandsForMore) {
  HostPace pace{{}};
  (void)run_rounds(pace, 6, 20);
  EXPECT_GE(pace.window(), 60);
}

TEST(HostPace, WhatDoesNotFillTheWindowDoesNotWidenIt) {
  HostPace pace{{.first_window = 100}};
  const RttEstimator rtt = rtt_of();
  for (int i = 0; i < 100; ++i) {
    pace.sent(Moment{i}, true);
    pace.landed();
    pace.hit({.sent_at = Moment{i}}, Moment{i + 1}, rtt);
  }
  EXPECT_EQ(pace.window(), 100);
}

TEST(HostPace, ASteadyShareOfLossesIsNoReasonToSlowDown) {
  HostPace pace{{}};
  Moment now{0};
  std::mt19937 random{3};
  const RttEstimator rtt = rtt_of();
  double widest = 0;
  for (int i = 0; i < 3000; ++i) {
    now += milliseconds{1};
    pace.sent(now, true);
    const bool was_lost = random() % 100 < 4;
    if (was_lost) pace.sent(now + milliseconds{300}, false);
    pace.landed();
    if (was_lost) pace.landed();
    pace.hit({.sent_at = now,
              .attempt = was_lost ? 1U : 0U,
              .lost_at = was_lost ? now - milliseconds{300} : Moment{-1}},
             now + kRtt, rtt);
    EXPECT_GE(pace.window(), widest);
    widest = pace.window();
  }
  EXPECT_EQ(pace.last_reaction(), Moment{-1});
  EXPECT_NEAR(pace.loss().share(), 0.04, 0.03);
}

TEST(HostPace, ManyLossesNarrowTheWindow) {
  HostPace pace{{.first_window = 200}};
  for (int i = 0; i < 200; ++i) pace.sent(seconds{1}, true);
  lose(pace, 4, seconds{2});
  EXPECT_LE(pace.window(), 120);
  EXPECT_EQ(pace.last_reaction(), seconds{2});
}

TEST(HostPace, LossesFromBeforeAReactionAreNoNewReason) {
  HostPace pace{{.first_window = 200}};
  for (int i = 0; i < 200; ++i) pace.sent(seconds{1}, true);
  lose(pace, 20, seconds{2});
  const double window = pace.window();
  for (int i = 0; i < 50; ++i) {
    pace.hit({.sent_at = Moment{1'900'000}, .attempt = 1, .lost_at = Moment{1'500'000}}, seconds{3},
             rtt_of());
  }
  EXPECT_GE(pace.window(), window);
  EXPECT_EQ(pace.last_reaction(), seconds{2});
}

TEST(HostPace, AnAnswerAfterAReactionDoesNotTellOfLossesBeforeIt) {
  HostPace pace{{.first_window = 200}};
  for (int i = 0; i < 200; ++i) pace.sent(seconds{1}, true);
  lose(pace, 6, seconds{2});
  ASSERT_EQ(pace.last_reaction(), seconds{2});
  const double losses = pace.loss().losses();
  pace.hit({.sent_at = milliseconds{2500}, .attempt = 1, .lost_at = seconds{1}}, seconds{3},
           rtt_of());
  EXPECT_EQ(pace.loss().losses(), losses);
}

TEST(HostPace, ALimiterIsNoticedByItsMissingFirstAnswers) {
  HostPace pace{{.first_window = 50}};
  const Moment then = run_rounds(pace, 2, 90);
  ASSERT_EQ(pace.last_reaction(), Moment{-1});
  const double before = pace.window();
  (void)run_rounds(pace, 2, 25, then);
  EXPECT_GE(pace.last_reaction(), then);
  EXPECT_LT(pace.window(), before);
}

TEST(HostPace, FiftyAnswersOfTwoHundredAreNoticedWithoutRepeats) {
  HostPace pace{{.most_window = 200, .first_window = 200}};
  const RttEstimator rtt = rtt_of();
  Moment now{0};
  // All of the first two hundred are answered, of the next two hundred fifty.
  for (const unsigned step : {1U, 4U}) {
    now += seconds{1};
    for (unsigned i = 0; i < 200; ++i) pace.sent(now + Moment{i}, true);
    for (unsigned i = 0; i < 200; ++i) {
      pace.landed();
      if (i % step == 0) pace.hit({.sent_at = now + Moment{i}}, now + kRtt, rtt);
    }
  }
  EXPECT_EQ(pace.last_reaction(), Moment{-1});  // The last ones may still be answered.
  pace.judge(now + seconds{1}, rtt);
  EXPECT_EQ(pace.last_reaction(), now + seconds{1});
  EXPECT_LT(pace.window(), 100);
  EXPECT_EQ(pace.loss().losses(), 0);
}

TEST(HostPace, InOrderFewerAnswersSayNothing) {
  HostPace pace{{.first_window = 50, .random_order = false}};
  const Moment then = run_rounds(pace, 2, 90);
  (void)run_rounds(pace, 4, 10, then);
  EXPECT_EQ(pace.last_reaction(), Moment{-1});
}

TEST(HostPace, LostPingsAreLosses) {
  HostPace pace{{.first_window = 100}};
  for (int i = 0; i < 100; ++i) pace.sent(seconds{1}, true);
  for (int i = 0; i < 10; ++i) pace.ping_lost(seconds{1}, seconds{2}, rtt_of());
  EXPECT_EQ(pace.last_reaction(), seconds{2});
  EXPECT_LT(pace.window(), 50);
  const double losses = pace.loss().losses();
  pace.ping_lost(seconds{1}, seconds{3}, rtt_of());  // Sent before the reaction.
  EXPECT_EQ(pace.loss().losses(), losses);
}

TEST(HostPace, BelowAWindowOfOneThereIsADelay) {
  HostPace pace{{.most_window = 1, .most_delay = Moment{1'000'000}}};
  EXPECT_FALSE(pace.is_delayed());
  Moment now{0};
  for (int i = 0; i < 30 && !pace.is_delayed(); ++i) {
    now += milliseconds{500};
    lose(pace, 5, now);
  }
  ASSERT_TRUE(pace.is_delayed());
  EXPECT_GE(pace.delay(), milliseconds{5});
  EXPECT_GT(pace.next_send(), now);
  for (int i = 0; i < 100; ++i) {
    now += seconds{2};
    lose(pace, 5, now);
    EXPECT_LE(pace.delay(), seconds{1});
  }
  EXPECT_EQ(pace.delay(), seconds{1});
  // Answers without losses shorten it again.
  for (int i = 0; i < 2000; ++i) {
    now += seconds{1};
    pace.sent(now, true);
    pace.landed();
    pace.hit({.sent_at = now}, now + kRtt, rtt_of());
  }
  EXPECT_FALSE(pace.is_delayed());
}

TEST(HostPace, ADelayOfTheUserStays) {
  HostPace pace{{.most_window = 1, .delay = milliseconds{400}, .most_delay = milliseconds{10}}};
  pace.sent(seconds{1}, true);
  EXPECT_GE(pace.next_send(), seconds{1} + milliseconds{200});
  Moment now = seconds{1};
  Moment last = now;
  for (int i = 0; i < 50; ++i) {
    now = std::max(now, pace.next_send());
    pace.sent(now, true);
    pace.landed();
    pace.hit({.sent_at = now}, now + kRtt, rtt_of());
    last = now;
  }
  // On average; one may be sent late and the next in time.
  EXPECT_GE((last - seconds{1}).count(), 49 * 400'000);
  EXPECT_EQ(pace.delay(), milliseconds{400});
}

// Of the answering targets one in 10,000 may be missed.
unsigned attempts_after(double hits, double losses) {
  LossEstimate loss;
  loss.add(hits, losses);
  return loss.attempts_needed(1e-4, 0.5);
}

TEST(LossEstimate, SaysHowManyAttemptsSilenceTakes) {
  EXPECT_EQ(LossEstimate{}.attempts_needed(1e-4, 0.5), 2U);
  EXPECT_EQ(attempts_after(100, 0), 2U);
  EXPECT_EQ(attempts_after(96, 4), 3U);
  EXPECT_EQ(attempts_after(50, 50), 14U);
  EXPECT_EQ(attempts_after(0, 1000), 60U);
}

TEST(LossEstimate, DoubtsAndAHigherStandardTakeMoreAttempts) {
  LossEstimate loss;
  loss.add(100, 0);
  EXPECT_GT(loss.attempts_needed(1e-7, 0.5), loss.attempts_needed(1e-4, 0.5));
  EXPECT_GT(LossEstimate{}.attempts_needed(1e-4, 2), 10U);  // Even chances.
}

TEST(LossEstimate, ForgetsWhatIsOld) {
  LossEstimate loss;
  loss.add(300, 0);
  EXPECT_EQ(loss.share(), 0);
  for (int i = 0; i < 2000; ++i) loss.add(1, 1);
  EXPECT_NEAR(loss.share(), 0.5, 0.01);
  EXPECT_LE(loss.outcomes(), 402);
}

}  // namespace
}  // namespace trawl::control
