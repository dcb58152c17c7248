#pragma once

#include <algorithm>
#include <cmath>

namespace trawl::control {

// How often a probe to somebody who answers gets no answer: a hit is an answered attempt, a loss an
// attempt before one that was answered.
class LossEstimate {
 public:
  void add(double hits, double losses) noexcept {
    constexpr double kMemory = 400;  // Outcomes; what is older counts less and less.
    hits_ += hits;
    losses_ += losses;
    if (outcomes() > kMemory) scale(0.5);
  }
  void scale(double factor) noexcept {
    hits_ *= factor;
    losses_ *= factor;
  }
  [[nodiscard]] double outcomes() const noexcept { return hits_ + losses_; }
  [[nodiscard]] double losses() const noexcept { return losses_; }
  [[nodiscard]] double share() const noexcept { return outcomes() == 0 ? 0 : losses_ / outcomes(); }

  // Attempts after which silence is no longer bad luck: a share of `missed` of the answering
  // targets loses as many. `doubts`: losses that are assumed besides those seen, of twice as many
  // outcomes.
  [[nodiscard]] unsigned attempts_needed(double missed, double doubts) const noexcept {
    constexpr double kMostAttempts = 60;
    const double likely = std::min((losses_ + doubts) / (outcomes() + 2 * doubts), 0.9);
    // No evidence at all is no reason for patience.
    if (outcomes() < 8 && doubts < 1) return 2;
    return static_cast<unsigned>(
        std::clamp(std::ceil(std::log(missed) / std::log(likely) - 1e-9), 2.0, kMostAttempts));
  }

 private:
  double hits_ = 0;
  double losses_ = 0;
};

}  // namespace trawl::control
