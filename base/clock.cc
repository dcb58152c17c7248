#include "base/clock.h"

#include <fmt/chrono.h>

#include <thread>

namespace trawl {

TscClock TscClock::calibrate() {
  using Steady = std::chrono::steady_clock;
  constexpr auto kMeasure = std::chrono::milliseconds{20};
  TscClock clock;
  clock.start_wall_ = std::chrono::system_clock::now();
  const auto begin = Steady::now();
  clock.start_ticks_ = now();
  std::this_thread::sleep_for(kMeasure);
  const auto end = Steady::now();
  const Ticks end_ticks = now();
  const double seconds = std::chrono::duration<double>(end - begin).count();
  clock.ticks_per_second_ = static_cast<double>(end_ticks - clock.start_ticks_) / seconds;
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
