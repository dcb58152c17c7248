#pragma once

#include <algorithm>

#include "control/audit/engine/timing.h"

namespace trawl::control {

// How long a reply may take: Jacobson's estimator as Nmap uses it (Nmap book, "Round Trip Time
// Estimation"; RFC 6298 section 2 but for the first deviation), with a quarter of slack at least.
class RttEstimator {
 public:
  explicit RttEstimator(const Timing& timing) noexcept
      : min_{timing.min_rtt}, max_{timing.max_rtt}, timeout_{timing.initial_rtt} {}

  void add(Moment rtt) noexcept {
    if (!has_sample_) {
      has_sample_ = true;
      srtt_ = rttvar_ = least_ = rtt;
    } else {
      const Moment delta = rtt - srtt_;
      srtt_ += delta / 8;
      rttvar_ += ((delta < Moment{0} ? -delta : delta) - rttvar_) / 4;
      least_ = std::min(least_, rtt);
    }
    // A path without any jitter still has a busy moment now and then.
    const Moment slack = std::max(4 * rttvar_, srtt_ / 4);
    timeout_ = std::clamp(srtt_ + slack, min_, max_);
  }

  [[nodiscard]] bool has_sample() const noexcept { return has_sample_; }
  [[nodiscard]] Moment timeout() const noexcept { return timeout_; }
  [[nodiscard]] Moment srtt() const noexcept { return srtt_; }
  [[nodiscard]] Moment rttvar() const noexcept { return rttvar_; }
  [[nodiscard]] Moment least() const noexcept { return least_; }

 private:
  Moment min_;
  Moment max_;
  Moment timeout_;
  Moment srtt_{0};
  Moment rttvar_{0};
  Moment least_{0};
  bool has_sample_ = false;
};

}  // namespace trawl::control
