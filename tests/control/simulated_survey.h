#pragma once

#include <cstdint>
#include <vector>

#include "control/survey/rate_controller.h"

namespace trawl::control {

// A path to many hosts with one bottleneck that nobody knows: a token bucket with a queue that
// drops what does not fit, a round trip, and loss that has nothing to do with the rate.
struct PathModel {
  double capacity = 50'000.0;     // Packets/s.
  double changed_capacity = 0.0;  // From `change_at` on; 0 for none.
  double change_at = 0.0;         // Seconds.
  double queue = 0.03;            // Seconds at `capacity`.
  double rtt = 0.02;              // Seconds; hosts differ by a fifth either way.
  double loss = 0.0;              // Of probes or replies, whatever the rate.
  double changed_loss = -1.0;     // From `change_at` on; negative for none.
  double limited_share = 0.0;     // Of hosts, behind limiters that let half through.

  [[nodiscard]] double capacity_at(double time) const {
    return changed_capacity > 0.0 && time >= change_at ? changed_capacity : capacity;
  }
  [[nodiscard]] double loss_at(double time) const {
    return changed_loss >= 0.0 && time >= change_at ? changed_loss : loss;
  }
};

struct SurveyModel {
  double targets = 3e6;
  double open_share = 0.01;
  std::size_t most_sentinels = 4000;
  double maximum = 200'000.0;
  std::uint64_t seed = 1;
};

struct SurveyResult {
  double seconds = 0.0;  // From the first probe to the last.
  double recall = 0.0;   // Found of open targets.
  double probes = 0.0;   // Without sentinels.
  double sentinels = 0.0;
  double highest_rate = 0.0;
  double settled_after = -1.0;  // Seconds from the change to a held rate near the new capacity.
  std::vector<RateDecision> decisions;
  std::vector<DegradedInterval> degraded;
};

// A whole survey under RateController: all targets once, then those of degraded intervals again
// until no more than its estimate allows is missing.
[[nodiscard]] SurveyResult survey_by_controller(const PathModel& path, const SurveyModel& survey);

// The same at one rate, with perfect knowledge of what was lost when.
[[nodiscard]] SurveyResult survey_at(double rate, const PathModel& path, const SurveyModel& survey);

// The fastest survey_at() that finds 0.995 of what is open.
[[nodiscard]] SurveyResult best_fixed_survey(const PathModel& path, const SurveyModel& survey);

}  // namespace trawl::control
