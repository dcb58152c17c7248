#pragma once

#include <x86intrin.h>

#include <chrono>
#include <cstdint>
#include <string>

namespace trawl {

// A reading of the time-stamp counter.
using Ticks = std::uint64_t;

// Time by the processor's time-stamp counter: a few nanoseconds a reading, on every core alike
// where the counter is invariant (every x86-64 server of the last decade).
//
// Thread: calibrated once by calibrate(), then immutable and shared.
class TscClock {
 public:
  // Measures the counter against CLOCK_MONOTONIC for about 20 ms. Slow; once a process.
  [[nodiscard]] static TscClock calibrate();
  // A clock that runs at `ticks_per_second`, for tests.
  [[nodiscard]] static TscClock with_rate(double ticks_per_second);

  [[nodiscard]] static Ticks now() noexcept { return __rdtsc(); }
  [[nodiscard]] double ticks_per_second() const noexcept { return ticks_per_second_; }
  [[nodiscard]] Ticks ticks_in(std::chrono::nanoseconds time) const noexcept {
    return static_cast<Ticks>(static_cast<double>(time.count()) * 1e-9 * ticks_per_second_);
  }
  // Microseconds since calibration; 0 for a reading from before it.
  [[nodiscard]] std::uint64_t microseconds_at(Ticks ticks) const noexcept {
    if (ticks < start_ticks_) return 0;
    return static_cast<std::uint64_t>(static_cast<double>(ticks - start_ticks_) * 1e6 /
                                      ticks_per_second_);
  }
  // Nanoseconds since 1970 at `ticks`, on the same wall clock as wall_time_at().
  [[nodiscard]] std::int64_t wall_nanoseconds_at(Ticks ticks) const noexcept {
    const auto start =
        std::chrono::duration_cast<std::chrono::nanoseconds>(start_wall_.time_since_epoch());
    if (ticks < start_ticks_) return start.count();
    return start.count() + static_cast<std::int64_t>(static_cast<double>(ticks - start_ticks_) *
                                                     1e9 / ticks_per_second_);
  }
  // The wall clock at `ticks`. The costly wall clock is read only at calibration, so a step of the
  // wall clock during a scan does not reorder its results.
  [[nodiscard]] std::chrono::system_clock::time_point wall_time_at(Ticks ticks) const noexcept {
    return start_wall_ + std::chrono::microseconds{microseconds_at(ticks)};
  }

 private:
  double ticks_per_second_ = 1e9;
  Ticks start_ticks_ = 0;
  std::chrono::system_clock::time_point start_wall_;
};

// RFC 3339 UTC with microseconds: 2026-01-02T03:04:05.123456Z.
[[nodiscard]] std::string format_utc(std::chrono::system_clock::time_point time);

}  // namespace trawl
