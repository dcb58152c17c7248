#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "base/clock.h"
#include "control/survey/rate_controller.h"
#include "control/survey/sentinel_pool.h"
#include "control/survey/sweep_planner.h"
#include "dataplane/reply.h"
#include "dataplane/scanner.h"

namespace trawl::control {

// `--rate auto`: feeds what happens to a RateController and does what it says. Sends the sentinels,
// sets the scanner's rate, and turns the times in which too much was lost into positions.
//
// Thread: the control thread.
class AutoRate {
 public:
  using Clock = std::chrono::steady_clock;

  // Needs `scanner` to outlive this.
  AutoRate(dataplane::Scanner& scanner, const RateController::Limits& limits);

  // A target said something for the first time.
  void found(const dataplane::Reply& reply);
  // A reply to a probe of a sentinel.
  void sentinel_answered(const dataplane::Reply& reply);

  // What the scanner counted until now.
  struct Totals {
    std::uint64_t sent = 0;    // Probes,
    std::uint64_t beside = 0;  // and what else the rate counts: resets, frames of conversations.
    std::uint64_t local_drops = 0;
    std::uint64_t back_pressure = 0;
    std::uint64_t networks_wait = 0;
    std::uint64_t lowest = 0;   // Position of the present sweep that is not taken, from its start;
    std::uint64_t highest = 0;  // one behind the last that is.
    bool first_sweep = true;
  };
  [[nodiscard]] bool is_due(Clock::time_point now) const noexcept;
  // Needs is_due().
  void step(Clock::time_point now, const Totals& totals);
  // Whether it is known what became of everything sent by `moment`; then the last stretch is judged
  // too.
  bool settle(Clock::time_point moment);

  [[nodiscard]] const RateController& controller() const noexcept { return controller_; }
  [[nodiscard]] std::uint64_t sentinels_sent() const noexcept { return sentinels_sent_; }
  // What of the first sweep deserves another probe, in rising order and disjoint.
  [[nodiscard]] std::vector<PositionRange> damaged(std::uint64_t first, std::uint64_t last) const;

 private:
  struct Mark {
    SurveyTime at{0};
    std::uint64_t lowest = 0;
    std::uint64_t highest = 0;
  };

  // When the probe that it answers left. Needs its round trip.
  [[nodiscard]] SurveyTime sent_at(const dataplane::Reply& reply) const;
  void ask_sentinels(SurveyTime now, std::chrono::duration<double> since);

  dataplane::Scanner& scanner_;
  RateController controller_;
  SentinelPool pool_;
  Clock::time_point started_;
  SurveyTime last_{0};
  Totals totals_;
  double owed_ = 0.0;  // Sentinels due and not yet asked.
  double hits_ = 0.0;  // To probes of times that are not known.
  std::vector<TimedHits> timed_hits_;
  std::vector<std::chrono::nanoseconds> hit_rtts_;
  std::vector<Mark> marks_;  // Of the first sweep.
  std::uint64_t sentinels_sent_ = 0;
};

}  // namespace trawl::control
