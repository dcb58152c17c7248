#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "control/audit/engine/loss_estimate.h"
#include "control/audit/engine/timing.h"

namespace trawl::control {

// How fast all hosts together are probed: a window of probes on their way that doubles with each
// round trip until a lot is lost, the rates the user asked for, and what hosts not heard from yet
// can expect. There is no ceiling: each host's own pace and this machine's socket are the brakes.
//
// Thread: one user.
class GroupPace {
 public:
  explicit GroupPace(const Timing& timing) noexcept : timing_{timing} {
    if (timing.max_parallelism != 0) most_ = timing.max_parallelism;
    window_ = std::min(std::max(window_, static_cast<double>(timing.min_parallelism)), most_);
  }

  // Whether one more may leave; where only --max-rate is in the way, next_send() says when it may.
  [[nodiscard]] bool may_send(Moment now) const noexcept {
    if (timing_.max_rate > 0 && now < next_send_) return false;
    if (static_cast<double>(in_flight_) < window_) return true;
    return owes(now);
  }
  // Fewer have left than --min-rate asks for.
  [[nodiscard]] bool owes(Moment now) const noexcept {
    return timing_.min_rate > 0 && sent_ < timing_.min_rate * seconds(now);
  }
  [[nodiscard]] Moment next_send() const noexcept { return next_send_; }
  // The window is open or not, whatever the rate.
  [[nodiscard]] bool is_held_by_rate(Moment now) const noexcept {
    return timing_.max_rate > 0 && now < next_send_;
  }
  [[nodiscard]] bool has_least_rate() const noexcept { return timing_.min_rate > 0; }

  // A probe, and the packets it took.
  void sent(Moment now, double packets = 1) noexcept {
    ++in_flight_;
    ++sent_;
    if (timing_.max_rate <= 0) return;
    // No burst after a pause is longer than a few milliseconds' worth.
    constexpr double kSlack = 5000;
    const double gap = 1e6 / timing_.max_rate;
    const auto here = static_cast<double>(now.count());
    next_us_ = std::max(next_us_ + packets * gap, here - kSlack + gap);
    next_send_ = Moment{static_cast<std::int64_t>(std::ceil(next_us_))};
  }
  void landed() noexcept {
    if (in_flight_ > 0) --in_flight_;
  }
  void hit(unsigned lost, Moment now, Moment srtt) noexcept {
    ++hits_;
    loss_.add(1, lost);
    constexpr double kOutcomes = 100;
    constexpr double kTooMuch = 0.35;
    if (lost > 0 && loss_.outcomes() >= kOutcomes && loss_.share() > kTooMuch &&
        now > reaction_ + 2 * srtt) {
      window_ *= 0.7;
      threshold_ = window_;
      reaction_ = now;
      loss_.scale(0.3);
    } else {
      const double stands_for = std::clamp(sent_ / hits_, 1.0, 50.0);
      window_ += window_ < threshold_ ? stands_for : stands_for / window_ * kGain;
    }
    window_ = std::max({window_, kLeast, static_cast<double>(timing_.min_parallelism)});
    window_ = std::min(window_, most_);
  }

  [[nodiscard]] const LossEstimate& loss() const noexcept { return loss_; }
  [[nodiscard]] double window() const noexcept { return window_; }
  [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_; }

 private:
  static constexpr double kLeast = 16;
  static constexpr double kGain = 8;  // Past slow start, several hosts share the window.

  [[nodiscard]] static double seconds(Moment time) noexcept {
    return static_cast<double>(time.count()) * 1e-6;
  }

  const Timing& timing_;
  double window_ = 512;
  double threshold_ = 1e9;
  double most_ = 1e7;
  unsigned in_flight_ = 0;
  double sent_ = 0;
  double hits_ = 0;
  LossEstimate loss_;
  Moment reaction_{-1};
  double next_us_ = 0;
  Moment next_send_{0};
};

}  // namespace trawl::control
