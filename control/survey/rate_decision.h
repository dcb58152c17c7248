#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace trawl::control {

// A moment on the survey's steady clock.
using SurveyTime = std::chrono::nanoseconds;

enum class RatePhase : std::uint8_t { SlowStart, Hold, BackOff, ProbingUp };

// Why the rate is what it is.
enum class RateReason : std::uint8_t {
  Started,
  NoLoss,         // What was sent at this rate came back as it does at low rates: faster.
  Blind,          // Nothing answers yet: faster, up to the blind limit.
  Maximum,        // The limit given.
  Loss,           // Significantly more loss than at low rates.
  FewerHits,      // Significantly fewer new replies a probe than at low rates.
  LocalDrops,     // Frames lost on this machine.
  BackPressure,   // The reply ring is nearly full, or the link takes no more.
  QueueGrows,     // Round trips grow: a queue fills, loss comes next.
  Measured,       // All of the overload is accounted for: this is what the path bears.
  TestingHalf,    // Loss stayed after backing off: does it depend on the rate at all?
  LossIsNotOurs,  // It does not: it counts as the path's own from now on.
  HeldLongEnough  // Time to see whether the path bears more.
};

// One change of the rate, with what it rests on.
struct RateDecision {
  SurveyTime time{0};
  RatePhase phase = RatePhase::SlowStart;  // From now on.
  RateReason reason = RateReason::Started;
  double rate_before = 0.0;  // Packets/s.
  double rate = 0.0;
  double loss = 0.0;      // Of the sentinels at the rate before.
  double baseline = 0.0;  // Of the sentinels at rates that overload nothing.
  double samples = 0.0;   // Sentinels `loss` rests on.
  double queue_ms = 0.0;  // What the round trips were above their shortest.
};

// "slow-start", "hold", "back-off", "probing-up".
[[nodiscard]] std::string_view to_string(RatePhase phase) noexcept;
// "loss", "queue-grows", ...
[[nodiscard]] std::string_view to_string(RateReason reason) noexcept;

// One line for people, without line feed:
// 12.40s back-off 80000 -> 61000 pps: loss (31.2 % of 210 sentinels, 0.1 % at low rates)
[[nodiscard]] std::string format_decision(const RateDecision& decision);
// One JSON object on one line, without line feed.
[[nodiscard]] std::string format_decision_json(const RateDecision& decision);

}  // namespace trawl::control
