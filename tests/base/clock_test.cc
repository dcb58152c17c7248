#include "base/clock.h"

#include <gtest/gtest.h>

#include <thread>

namespace trawl {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

TEST(FormatUtc, IsRfc3339WithMicroseconds) {
  EXPECT_EQ(format_utc(system_clock::time_point{}), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(format_utc(system_clock::time_point{1'767'323'045s + 123'456us}),
            "2026-01-02T03:04:05.123456Z");
  EXPECT_EQ(format_utc(system_clock::time_point{951'782'400s}), "2000-02-29T00:00:00.000000Z");
}

TEST(FormatUtc, KeepsLeadingZerosAndCutsNanoseconds) {
  EXPECT_EQ(format_utc(system_clock::time_point{7us}), "1970-01-01T00:00:00.000007Z");
  EXPECT_EQ(format_utc(system_clock::time_point{999'999'999ns}), "1970-01-01T00:00:00.999999Z");
}

TEST(FormatUtc, CountsDownBeforeTheEpoch) {
  EXPECT_EQ(format_utc(system_clock::time_point{-1us}), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_utc(system_clock::time_point{-1s}), "1969-12-31T23:59:59.000000Z");
}

TEST(TscClock, ConvertsAtItsRate) {
  const TscClock clock = TscClock::with_rate(2e9);
  EXPECT_EQ(clock.ticks_in(1us), 2000U);
  EXPECT_EQ(clock.ticks_in(0ns), 0U);
  EXPECT_EQ(clock.microseconds_at(2'000'000), 1000U);
  EXPECT_EQ(clock.wall_time_at(4'000'000'000U), system_clock::time_point{2s});
}

TEST(TscClock, ReadingBeforeCalibrationIsNotFarInTheFuture) {
  const Ticks before = TscClock::now();
  const TscClock clock = TscClock::calibrate();
  EXPECT_EQ(clock.microseconds_at(before), 0U);
}

TEST(TscClock, CalibratedAgreesWithTheSystem) {
  const TscClock clock = TscClock::calibrate();
  EXPECT_GT(clock.ticks_per_second(), 1e8);
  const auto begin = std::chrono::steady_clock::now();
  const Ticks begin_ticks = TscClock::now();
  std::this_thread::sleep_for(100ms);
  const Ticks end_ticks = TscClock::now();
  const std::chrono::duration<double> real = std::chrono::steady_clock::now() - begin;
  const double measured = static_cast<double>(end_ticks - begin_ticks) / clock.ticks_per_second();
  // A busy machine may stop us between two readings, hence the room.
  EXPECT_NEAR(measured, real.count(), 0.02);
  const auto drift = system_clock::now() - clock.wall_time_at(TscClock::now());
  EXPECT_LT(std::chrono::abs(drift), 50ms);
}

}  // namespace
}  // namespace trawl
