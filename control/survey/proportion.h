#pragma once

namespace trawl::control {

// A share between 0 and 1 that is known from counting, with the interval that holds it.
struct ProportionInterval {
  double low = 0.0;
  double high = 1.0;
};

// How many standard deviations an interval spans to each side.
inline constexpr double kOneDeviation = 1.0;
inline constexpr double k95Percent = 1.959964;
inline constexpr double k99Percent = 2.575829;

// `count` of `trials`, both possibly weighted. 0 and 1 for no trials.
struct Counted {
  double count = 0.0;
  double trials = 0.0;

  // 0 without trials.
  [[nodiscard]] double ratio() const noexcept { return trials > 0.0 ? count / trials : 0.0; }
  // Wilson's score interval (E. B. Wilson, JASA 22, 1927): unlike the textbook interval it keeps
  // what it promises near 0 and 1 and for few trials.
  [[nodiscard]] ProportionInterval interval(double deviations) const noexcept;
  Counted& operator+=(const Counted& other) noexcept {
    count += other.count;
    trials += other.trials;
    return *this;
  }
};

// By how many standard deviations the ratio of `sample` lies above that of `reference`: the
// two-proportion score test, with half a trial of continuity. Both need trials; 0 without.
[[nodiscard]] double deviations_above(const Counted& sample, const Counted& reference) noexcept;

}  // namespace trawl::control
