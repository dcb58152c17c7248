#include "control/survey/proportion.h"

#include <algorithm>
#include <cmath>

namespace trawl::control {

ProportionInterval Counted::interval(double deviations) const noexcept {
  if (trials <= 0.0) return {};
  const double p = ratio();
  const double z2 = deviations * deviations / trials;
  const double middle = (p + z2 / 2.0) / (1.0 + z2);
  const double half =
      deviations / (1.0 + z2) * std::sqrt(p * (1.0 - p) / trials + z2 / 4.0 / trials);
  // At none and all the formula meets 0 and 1 but for rounding.
  return {.low = count <= 0.0 ? 0.0 : std::max(0.0, middle - half),
          .high = count >= trials ? 1.0 : std::min(1.0, middle + half)};
}

double deviations_above(const Counted& sample, const Counted& reference) noexcept {
  if (sample.trials <= 0.0 || reference.trials <= 0.0) return 0.0;
  const double difference =
      sample.ratio() - reference.ratio() - 0.5 * (1.0 / sample.trials + 1.0 / reference.trials);
  if (difference <= 0.0) return 0.0;
  const double trials = sample.trials + reference.trials;
  const double pooled = (sample.count + reference.count) / trials;
  const double variance = pooled * (1.0 - pooled) * (1.0 / sample.trials + 1.0 / reference.trials);
  // All lost against none lost, or the like: as sure as it gets.
  return variance > 0.0 ? difference / std::sqrt(variance) : 100.0;
}

}  // namespace trawl::control
