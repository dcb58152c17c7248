#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "base/units.h"
#include "control/survey/hit_delay.h"
#include "control/survey/proportion.h"
#include "control/survey/rate_decision.h"
#include "control/survey/sentinel_loss.h"

namespace trawl::control {

// What happened since the last sample; one every 20 to 100 ms.
struct RateSample {
  SurveyTime now{0};
  double probes = 0.0;  // Normal ones, sent since the last sample.
  // Targets newly found open or closed since then: by when they were asked, and, where that is not
  // known, how many...
  std::span<const TimedHits> timed_hits;
  double hits = 0.0;
  std::optional<std::chrono::nanoseconds> hit_rtt;  // ...and their typical round trip.
  std::span<const SentinelProbe> sentinels_sent;
  std::span<const SentinelReply> sentinels_answered;
  std::size_t sentinel_hosts = 0;  // How many there are to choose from.
  double local_drops = 0.0;        // Frames lost on this machine, either way.
  bool back_pressure = false;      // The reply ring is nearly full, or the link takes no more.
  bool held_up = false;            // Less was sent than the rate allows, for reasons of our own.
  bool idle = false;               // Hardly anything was: there was no more to send.
};

// A time in which more was lost than may be.
struct DegradedInterval {
  SurveyTime begin{0};
  SurveyTime end{0};
  double loss = 0.0;  // The estimated share of probes, or of their replies, that was lost.
};

// Congestion control for a stateless scan (`--rate auto`): finds the highest rate at which as much
// comes back as at low rates, and keeps to it as the path changes.
//
// Every rate is a trial. Its sentinels, hosts known to answer, tell how much is lost at it; that is
// compared with the loss at low rates, so that a path which loses 5 % of everything is still used
// to its full. The rate is multiplied by 2.5 while a trial loses no more than that (slow start).
// Loss L beyond it at rate r means that the path bears r(1 - L): the rate drops below that at once
// (back off), stays there (hold), and now and then tries a few percent more (probing up), in
// growing steps once it is beyond what was lost before. Round trips that grow announce a full queue
// and end an increase before anything is lost. Loss that stays when the rate falls by half has
// nothing to do with the rate: it becomes the path's own and the rate is restored. With too few
// sentinels the share of normal probes that finds something takes their place: the order is random,
// so it is the same all through a survey.
//
// Whatever was lost before the rate fell is not forgotten: degraded() lists the times whose silent
// targets deserve another probe.
//
// Thread: one user. A pure function of its samples: no clock, no input, no output.
// Cost:   a few microseconds a sample, and some tens of nanoseconds a timed hit.
class RateController {
 public:
  struct Limits {
    PacketsPerSecond initial{1000.0};
    PacketsPerSecond maximum{1e6};     // Never exceeded, sentinels included.
    PacketsPerSecond least{50.0};      // Never backed off below.
    PacketsPerSecond blind{10'000.0};  // Not exceeded before anything answers.
    double degraded_above = 0.004;     // Estimated loss.
  };

  explicit RateController(const Limits& limits);

  // Needs samples in the order of time. Returns the rate from now on.
  PacketsPerSecond update(const RateSample& sample);
  // At the end of a pass, once settled_until() it: judges the last stretch as it stands.
  void judge_rest();

  // Of normal probes and sentinels together.
  [[nodiscard]] PacketsPerSecond rate() const noexcept { return PacketsPerSecond{rate_}; }
  // Of sentinels, out of rate(): at most one a second to each host.
  [[nodiscard]] PacketsPerSecond sentinel_rate() const noexcept;
  [[nodiscard]] RatePhase phase() const noexcept { return phase_; }
  // What the path is thought to bear; the maximum until something was lost.
  [[nodiscard]] PacketsPerSecond capacity() const noexcept { return PacketsPerSecond{capacity_}; }
  // Of probes at rates that overload nothing, and of all.
  [[nodiscard]] const Counted& baseline_loss() const noexcept { return baseline_; }
  [[nodiscard]] const Counted& total_loss() const noexcept { return total_loss_; }
  // The changes of rate, oldest first; thinned out when a long survey has very many.
  [[nodiscard]] std::span<const RateDecision> decisions() const noexcept { return decisions_; }
  // In the order of time, not touching each other. Grows at its end, and lags behind the present
  // by a sentinel's timeout and up to two seconds.
  [[nodiscard]] std::span<const DegradedInterval> degraded() const noexcept { return degraded_; }
  // True when what was sent up to `time` has been accounted for; judge_rest() makes it final.
  [[nodiscard]] bool settled_until(SurveyTime time) const noexcept { return segment_.end >= time; }

 private:
  // All that is known of one rate, from when it was set.
  struct Trial {
    std::uint32_t number = 0;
    SurveyTime start{0};
    double rate = 0.0;
    Counted loss;
    std::vector<Counted> parts;  // `loss` by interval, in the order of time.
    Counted hits;                // Of probes, but for those whose replies may be of others.
    double local_drops = 0.0;
    double sent = 0.0;
    unsigned pressed = 0;  // Samples with back-pressure.
  };
  // A stretch of time to be judged for degraded().
  struct Segment {
    SurveyTime begin{0};
    SurveyTime end{0};
    std::uint32_t trial = 0;
    Counted loss;
  };
  struct LossyTrial {
    std::uint32_t number = 0;
    double hits_missing = 0.0;  // Of those expected, when it was they that told.
  };
  struct Overload {
    RateReason reason = RateReason::Loss;
    double loss = 0.0;  // Beyond the baseline.
  };

  void take_hits(const RateSample& sample);
  void take_over_intervals(SurveyTime now);
  void add_to_segment(const SentInterval& interval);
  void close_segment();
  [[nodiscard]] Counted reference() const noexcept;
  [[nodiscard]] std::optional<Overload> overload(const Trial& trial) const;
  [[nodiscard]] std::optional<Overload> fewer_hits(const Counted& hits, double fewest,
                                                   double deviations, double least) const;
  [[nodiscard]] double excess(const Counted& loss) const noexcept;
  [[nodiscard]] double capacity_by(const Trial& trial, const Overload& overload) const;
  [[nodiscard]] std::chrono::nanoseconds queue_delay() const;
  [[nodiscard]] bool queue_grows() const;
  [[nodiscard]] bool enough(double sentinels, SurveyTime now) const;
  [[nodiscard]] bool answers_at_all(SurveyTime now) const;
  [[nodiscard]] bool enough_hits(SurveyTime now) const;
  [[nodiscard]] bool in_doubt(double sentinels, int rounds, SurveyTime now) const;
  [[nodiscard]] bool is_overload_by(double deviations) const;
  [[nodiscard]] SurveyTime round() const noexcept;
  void learn_baseline();

  void slow_start(SurveyTime now);
  void hold(SurveyTime now);
  void probing_up(SurveyTime now);
  void backing_off(SurveyTime now);
  void note_lossy(double hits_missing);
  void back_off(SurveyTime now, const Overload& overload);
  void judge_half(SurveyTime now);
  void start_trial(SurveyTime now);
  void set_rate(SurveyTime now, double rate, RatePhase phase, RateReason reason);

  Limits limits_;
  SentinelLoss sentinels_;
  HitDelay hit_delay_;
  RatePhase phase_ = RatePhase::SlowStart;
  double rate_;
  double capacity_;
  double step_;       // Of the next increase while probing up.
  double good_rate_;  // The last rate that lost nothing beyond the baseline.
  Trial trial_;       // At the present rate.
  Trial before_;      // At the one before, whose last results are still coming.
  Counted baseline_;
  Counted baseline_hits_;
  Counted total_loss_;
  Segment segment_;
  bool testing_half_ = false;
  Overload last_overload_;
  double undo_rate_ = 0.0;           // Where a doubtful back-off began.
  std::uint32_t last_back_off_ = 0;  // The trial that followed it.
  std::deque<LossyTrial> lossy_trials_;
  SurveyTime last_sample_{0};
  std::size_t sentinel_hosts_ = 0;
  double received_ = 0.0;                 // New replies in all.
  double timed_ = 0.0;                    // Of them with the time of their probe.
  std::optional<SurveyTime> timed_from_;  // Since when only those count.
  bool back_pressure_ = false;
  bool held_up_ = false;
  std::vector<RateDecision> decisions_;
  std::vector<DegradedInterval> degraded_;
};

}  // namespace trawl::control
