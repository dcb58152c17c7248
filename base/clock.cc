#include "base/clock.h"

#include <fmt/chrono.h>

#include <thread>

namespace trawl {

namespace {

// One moment by three clocks.
struct Moment {
  Ticks ticks = 0;
  std::chrono::steady_clock::time_point steady;
  std::chrono::system_clock::time_point wall;
};

// The tightest of several readings: one that was interrupted halfway would skew every rate.
Moment read_clocks() {
  constexpr int kReadings = 16;
  Moment best;
  Ticks tightest = ~Ticks{0};
  for (int i = 0; i < kReadings; ++i) {
    const Ticks before = TscClock::now();
    const auto steady = std::chrono::steady_clock::now();
    const auto wall = std::chrono::system_clock::now();
    const Ticks after = TscClock::now();
    if (after - before >= tightest) continue;
    tightest = after - before;
    best = {before + (after - before) / 2, steady, wall};
  }
  return best;
}

}  // namespace

TscClock TscClock::calibrate() {
  constexpr auto kMeasure = std::chrono::milliseconds{20};
  const Moment begin = read_clocks();
  std::this_thread::sleep_for(kMeasure);
  const Moment end = read_clocks();
  const double seconds = std::chrono::duration<double>(end.steady - begin.steady).count();
  TscClock clock;
  clock.start_wall_ = begin.wall;
  clock.start_ticks_ = begin.ticks;
  clock.ticks_per_second_ = static_cast<double>(end.ticks - begin.ticks) / seconds;
  return clock;
}

TscClock TscClock::with_rate(double ticks_per_second) {
  TscClock clock;
  clock.ticks_per_second_ = ticks_per_second;
  return clock;
}

std::string format_utc(std::chrono::system_clock::time_point time) {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  using std::chrono::seconds;
  const auto since_epoch = duration_cast<microseconds>(time.time_since_epoch());
  const auto whole = std::chrono::floor<seconds>(since_epoch);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(static_cast<std::time_t>(whole.count())),
                     (since_epoch - whole).count());
}

}  // namespace trawl
