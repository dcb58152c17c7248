#include "dataplane/pacer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>

namespace trawl::dataplane {
namespace {

// A tick is a nanosecond, and time is whatever the test says.
constexpr Ticks kMicrosecond = 1000;
constexpr Ticks kMillisecond = 1000 * kMicrosecond;
constexpr Ticks kSecond = 1000 * kMillisecond;
constexpr Ticks kStart = 123'456'789'012;
constexpr unsigned kAll = 1U << 20U;

class Poller {
 public:
  explicit Poller(double rate) : rate_{rate} { pacer_.set_rate(PacketsPerSecond{rate}, kStart); }

  // Polls once and sends what is allowed.
  unsigned poll(unsigned want = kAll) {
    const unsigned allowed = pacer_.allow(now_, want);
    pacer_.sent(allowed);
    sent_ += allowed;
    return allowed;
  }
  // Polls, then waits what `gap` says, until `time` after the start.
  void run_until(Ticks time, const std::function<Ticks()>& gap) {
    while (now_ < kStart + time) {
      most_at_once_ = std::max(most_at_once_, poll());
      now_ += gap();
    }
  }
  void stall(Ticks time) { now_ += time; }

  [[nodiscard]] double due() const {
    return rate_ * static_cast<double>(now_ - kStart) / static_cast<double>(kSecond);
  }
  [[nodiscard]] double sent() const { return static_cast<double>(sent_); }
  [[nodiscard]] unsigned most_at_once() const { return most_at_once_; }
  [[nodiscard]] std::uint64_t stalls() const { return pacer_.stalls(); }
  void forget_most() { most_at_once_ = 0; }

 private:
  TscClock clock_ = TscClock::with_rate(static_cast<double>(kSecond));
  Pacer pacer_{clock_};
  double rate_;
  Ticks now_ = kStart;
  std::uint64_t sent_ = 0;
  unsigned most_at_once_ = 0;
};

std::function<Ticks()> every(Ticks gap) {
  return [gap] { return gap; };
}

// Half a percent, and the packet that is due at once.
double tolerance(double due) { return std::max(1.0, 0.005 * due); }

TEST(Pacer, SendsWhatTheRateAsksForHoweverOftenItIsPolled) {
  for (const double rate : {0.1, 10.0, 1e3, 1e5, 1e6}) {
    for (const Ticks gap :
         {kMicrosecond, 7 * kMicrosecond, 100 * kMicrosecond, kMillisecond, 3 * kMillisecond}) {
      Poller poller{rate};
      poller.run_until(2 * kSecond, every(gap));
      // The last poll was one gap ago.
      const double last_gap = rate * static_cast<double>(gap) / static_cast<double>(kSecond);
      EXPECT_NEAR(poller.sent(), poller.due(), tolerance(poller.due()) + last_gap)
          << rate << " pps, polled every " << gap << " ns";
      EXPECT_EQ(poller.stalls(), 0U);
    }
  }
}

TEST(Pacer, SendsWhatTheRateAsksForWhenPollsComeIrregularly) {
  for (const double rate : {10.0, 1e3, 1e5, 1e6}) {
    std::mt19937_64 random{2};
    Poller poller{rate};
    // Away for up to 3 ms now and then, four tenths of the time, as on a machine that does
    // other work.
    poller.run_until(2 * kSecond, [&] {
      return random() % 4000 == 0 ? random() % (3 * kMillisecond) : 1 + random() % kMicrosecond;
    });
    EXPECT_NEAR(poller.sent(), poller.due(), tolerance(poller.due())) << rate;
    EXPECT_EQ(poller.stalls(), 0U);
  }
}

TEST(Pacer, FirstPacketGoesAtOnceAndTheSecondWhenDue) {
  Poller poller{0.1};
  EXPECT_EQ(poller.poll(), 1U);
  EXPECT_EQ(poller.poll(), 0U);
  poller.stall(9 * kSecond);
  EXPECT_EQ(poller.poll(), 0U);
  poller.stall(kSecond + kMillisecond);
  EXPECT_EQ(poller.poll(), 1U);
}

TEST(Pacer, SlowRatesAreEven) {
  Poller poller{10.0};
  poller.run_until(10 * kSecond, every(kMillisecond));
  EXPECT_EQ(poller.most_at_once(), 1U);
  EXPECT_NEAR(poller.sent(), 100.0, 1.0);
}

TEST(Pacer, LongStallIsForgivenWithoutABurst) {
  for (const double rate : {10.0, 1e3, 1e5, 1e6}) {
    Poller poller{rate};
    poller.run_until(kSecond, every(10 * kMicrosecond));
    const double before = poller.sent();
    poller.stall(10 * kSecond);
    poller.forget_most();
    poller.run_until(12 * kSecond, every(10 * kMicrosecond));
    EXPECT_NEAR(poller.sent() - before, rate, tolerance(rate)) << rate;
    // At 10 us a poll no more than a few polls' worth may go at once.
    EXPECT_LE(poller.most_at_once(), std::max(1.0, rate * 100e-6)) << rate;
    EXPECT_EQ(poller.stalls(), 1U) << rate;
  }
}

TEST(Pacer, ShortStallIsMadeGoodGently) {
  for (const double rate : {1e3, 1e5, 1e6}) {
    Poller poller{rate};
    poller.run_until(500 * kMillisecond, every(10 * kMicrosecond));
    poller.stall(20 * kMillisecond);
    const double before = poller.sent();
    poller.run_until(530 * kMillisecond, every(10 * kMicrosecond));
    EXPECT_LE(poller.sent() - before, 3.2 * rate * 0.010 + 2.0) << rate;
    poller.run_until(2 * kSecond, every(10 * kMicrosecond));
    EXPECT_NEAR(poller.sent(), poller.due(), tolerance(poller.due())) << rate;
    EXPECT_EQ(poller.stalls(), 0U) << rate;
  }
}

TEST(Pacer, NeverAllowsMoreThanWanted) {
  Poller poller{1e6};
  poller.stall(20 * kMillisecond);
  for (unsigned want = 0; want < 64; ++want) {
    EXPECT_LE(poller.poll(want), want);
    poller.stall(50 * kMicrosecond);
  }
}

// What was allowed but not sent stays due.
TEST(Pacer, CountsWhatWasSentAndNotWhatWasAllowed) {
  const TscClock clock = TscClock::with_rate(static_cast<double>(kSecond));
  Pacer pacer{clock};
  pacer.set_rate(PacketsPerSecond{1000}, kStart);
  EXPECT_EQ(pacer.allow(kStart, kAll), 1U);
  EXPECT_EQ(pacer.allow(kStart, kAll), 1U);
  pacer.sent(1);
  EXPECT_EQ(pacer.allow(kStart, kAll), 0U);
}

TEST(Pacer, UnlimitedAllowsEverythingWanted) {
  const TscClock clock = TscClock::with_rate(1e9);
  Pacer pacer{clock};
  pacer.set_rate(PacketsPerSecond::unlimited(), kStart);
  for (Ticks now = kStart; now < kStart + 10; ++now) EXPECT_EQ(pacer.allow(now, 64), 64U);
  EXPECT_EQ(pacer.allow(kStart + 100 * kSecond, 64), 64U);
  EXPECT_EQ(pacer.stalls(), 0U);
}

TEST(Pacer, RateOfZeroIsAPause) {
  Poller poller{0.0};
  poller.run_until(kSecond, every(kMillisecond));
  EXPECT_EQ(poller.sent(), 0.0);
}

}  // namespace
}  // namespace trawl::dataplane
