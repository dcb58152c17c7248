#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/units.h"
#include "control/survey/proportion.h"

namespace trawl::control {

// Two passes over the same targets, each blind to what the other found.
struct PassOverlap {
  std::uint64_t first = 0;   // Found by the first pass.
  std::uint64_t second = 0;  // Found by the second pass.
  std::uint64_t both = 0;
};

// A second pass over the targets that stayed silent in the first.
struct PassRemoval {
  std::uint64_t first = 0;   // Found by the first pass, of the targets the second would have asked.
  std::uint64_t second = 0;  // Found only by the second.
};

// What a survey knows of what it missed.
struct RecallEvidence {
  // Sentinel probes and how many of them got no reply, all through the survey.
  Counted sentinel_loss{};
  // The same at the rates that cannot have overloaded the path.
  Counted baseline_loss{};
  // The share of targets that were silent once and probed again.
  double probed_again = 0.0;
  // At most one of these; the second is what retries give.
  std::optional<PassOverlap> overlap{};
  std::optional<PassRemoval> removal{};

  std::uint64_t found = 0;      // Open targets.
  std::uint64_t replies = 0;    // Valid ones.
  std::uint64_t lost_here = 0;  // Arriving frames lost on this machine.
  PacketsPerSecond rate{};      // The average of the first pass.
};

enum class RecallVerdict {
  Trustworthy,
  LowerRate,    // Less would be missed at `try_at_most`.
  MoreRetries,  // As much would be missed at any rate.
  Unknown       // Nothing was measured.
};

// The share of the reachable open targets that a survey found, estimated, with its 95 % interval.
//
// Sentinels give the loss of one probe, and so the recall of one or two. Two passes give it from
// the targets themselves: Chapman's form of the Lincoln-Petersen estimate for passes blind to each
// other (D. G. Chapman, 1951; variance by G. A. F. Seber, 1970), and the two-pass removal estimate
// when the second pass asks only the silent (G. A. F. Seber and E. D. Le Cren, J. Animal Ecology
// 36, 1967). Where both are there and agree they are averaged by their precision; where they
// disagree the interval spans both. Hosts that never answer anybody from here are no part of it.
//
// The verdict: Trustworthy when the estimate is at least 0.99, its lower end at least 0.98, and at
// most a thousandth of the arriving frames was lost on this machine. Else LowerRate when frames
// were lost here or sentinels were lost more often than at low rates (by 99 % confidence), and
// MoreRetries when not. A lower end under 0.98 for want of samples alone is MoreRetries too.
//
// Thread: a value.
struct RecallEstimate {
  static constexpr double kLeastRecall = 0.99;
  static constexpr double kLeastLow = 0.98;
  static constexpr double kMostLostHere = 0.001;

  double recall = 1.0;
  double low = 0.0;
  double high = 1.0;
  RecallVerdict verdict = RecallVerdict::Unknown;
  PacketsPerSecond try_at_most;  // With LowerRate.

  [[nodiscard]] static RecallEstimate from(const RecallEvidence& evidence);

  // "0.9973 (0.9958 to 0.9984)".
  [[nodiscard]] std::string to_string() const;
  // "trustworthy", "degraded: try <= 120000 pps", ...
  [[nodiscard]] std::string verdict_text() const;
};

}  // namespace trawl::control
