#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/units.h"

namespace trawl::simnet {

// A rate limit as the generic cell rate algorithm (ITU-T I.371): one number of state a subject, the
// time at which its next cell is due, starting at 0.
class RateGate {
 public:
  // Lets a tenth of a second's cells, at least one, pass at once. An unlimited rate passes
  // everything.
  explicit RateGate(PacketsPerSecond rate) noexcept {
    constexpr std::int64_t kBurstNanoseconds = 100'000'000;
    if (rate.is_unlimited()) return;
    interval_ = interval_of(rate);
    tolerance_ = std::max<std::int64_t>(kBurstNanoseconds - interval_, 0);
  }
  // Lets `burst` cells pass at once. Needs burst >= 1.
  RateGate(PacketsPerSecond rate, double burst) noexcept {
    if (rate.is_unlimited()) return;
    interval_ = interval_of(rate);
    tolerance_ = static_cast<std::int64_t>((burst - 1) * static_cast<double>(interval_));
  }

  [[nodiscard]] bool is_limited() const noexcept { return interval_ != 0; }
  [[nodiscard]] bool pass(std::int64_t& due, std::chrono::nanoseconds now) const noexcept {
    const std::int64_t start = std::max<std::int64_t>(due, now.count());
    if (start - now.count() > tolerance_) return false;
    due = start + interval_;
    return true;
  }

 private:
  [[nodiscard]] static std::int64_t interval_of(PacketsPerSecond rate) noexcept {
    constexpr double kNanosecondsPerSecond = 1e9;
    return std::max<std::int64_t>(
        static_cast<std::int64_t>(kNanosecondsPerSecond / rate.per_second()), 1);
  }

  std::int64_t interval_ = 0;
  std::int64_t tolerance_ = 0;
};

}  // namespace trawl::simnet
