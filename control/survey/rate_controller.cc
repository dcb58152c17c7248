#include "control/survey/rate_controller.h"

#include <algorithm>
#include <chrono>

#include "control/survey/rate_thresholds.h"

// What is done, phase by phase; what samples mean is in rate_evidence.cc.

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

constexpr double kSlowStartFactor = 2.5;
constexpr double kSlowStartMiddle = 0.63;  // Of it and of 1, on a logarithmic scale.
constexpr double kFirstStep = 0.04;
constexpr double kLargestStep = 0.64;
// Of the capacity measured.
constexpr double kHeldShare = 0.96;
constexpr double kDrainShare = 0.94;
constexpr int kHoldRounds = 4;
// An increase is watched a little longer than a round, so that a queue has time to show.
constexpr double kProbingRounds = 1.25;
// What still looks like overload when doubt is over is taken for it.
constexpr double kVeryLikely = 2.6;
constexpr int kDoubtRounds = 3;
constexpr SurveyTime kLongDoubt = 1500ms;
constexpr double kSameLoss = 0.6;  // Loss that stays at least this much did not follow the rate.

constexpr double kSentinelShare = 0.02;
constexpr double kFewestSentinelsPerSecond = 50.0;
constexpr double kMostSentinelsPerSecond = 2000.0;
constexpr double kMostSharedWithSentinels = 0.5;
constexpr unsigned kPressedSamples = 3;

constexpr std::size_t kLossyTrialsKept = 8;
constexpr std::size_t kMostDecisions = 1U << 16U;

}  // namespace

RateController::RateController(const Limits& limits)
    : limits_{limits},
      rate_{std::min(limits.initial.per_second(), limits.maximum.per_second())},
      capacity_{limits.maximum.per_second()},
      step_{kFirstStep},
      good_rate_{rate_} {
  trial_.number = 1;
  trial_.rate = rate_;
  decisions_.push_back({.rate_before = rate_, .rate = rate_});
}

PacketsPerSecond RateController::sentinel_rate() const noexcept {
  const double wanted =
      std::clamp(kSentinelShare * rate_, kFewestSentinelsPerSecond, kMostSentinelsPerSecond);
  return PacketsPerSecond{
      std::min({wanted, static_cast<double>(sentinel_hosts_), kMostSharedWithSentinels * rate_})};
}

PacketsPerSecond RateController::update(const RateSample& sample) {
  sentinel_hosts_ = sample.sentinel_hosts;
  back_pressure_ = sample.back_pressure;
  held_up_ = sample.held_up;
  // What sentinels find on an idle path says nothing of the rate.
  constexpr std::uint32_t kNoTrial = 0;
  sentinels_.begin_interval(last_sample_, sample.now, sample.idle ? kNoTrial : trial_.number,
                            sample.probes);
  last_sample_ = sample.now;
  sentinels_.sent(sample.sentinels_sent);
  sentinels_.answered(sample.sentinels_answered, sample.now);
  take_hits(sample);
  trial_.local_drops += sample.local_drops;
  trial_.sent += sample.probes + static_cast<double>(sample.sentinels_sent.size());
  trial_.pressed += sample.back_pressure ? 1U : 0U;
  take_over_intervals(sample.now);
  switch (phase_) {
    case RatePhase::SlowStart: slow_start(sample.now); break;
    case RatePhase::Hold: hold(sample.now); break;
    case RatePhase::ProbingUp: probing_up(sample.now); break;
    case RatePhase::BackOff: backing_off(sample.now); break;
  }
  return rate();
}

void RateController::slow_start(SurveyTime now) {
  if (const auto found = overload(trial_)) return back_off(now, *found);
  if (back_pressure_ || held_up_) return;
  // The path bears less than this, and not less than the rate before, which had no queue. What was
  // lost, if anything, tells more.
  if (queue_grows() && trial_.number > 1) {
    capacity_ = kSlowStartMiddle * rate_;
    undo_rate_ = rate_;
    last_overload_ = {RateReason::QueueGrows, 0.0};
    return set_rate(now, good_rate_, RatePhase::BackOff, RateReason::QueueGrows);
  }
  if (now - trial_.start < round() && !answers_at_all(now)) return;
  const bool blind = !enough(kSlowStartSentinels, now);
  if (!blind && in_doubt(kSlowStartSentinels, kDoubtRounds, now)) return;
  if (!blind && is_overload_by(kLikely)) {
    return back_off(now, {RateReason::Loss, excess(trial_.loss)});
  }
  // Lossy from the start, or too fast already: more hits will tell.
  const bool may_be = trial_.loss.trials >= kFewestSentinels &&
                      deviations_above(trial_.loss, reference()) > kLikely;
  if (may_be && now - trial_.start < kLongDoubt) return;
  // Nothing to go by: go on carefully, and look for sentinels.
  const bool patient = now - trial_.start > 2 * round() + 1s;
  if (blind && (!patient || rate_ >= limits_.blind.per_second())) return;
  if (rate_ >= limits_.maximum.per_second()) {
    return set_rate(now, rate_, RatePhase::Hold, RateReason::Maximum);
  }
  good_rate_ = rate_;
  learn_baseline();
  const double next = rate_ * kSlowStartFactor;
  set_rate(now, blind ? std::min(next, limits_.blind.per_second()) : next, RatePhase::SlowStart,
           blind ? RateReason::Blind : RateReason::NoLoss);
}

void RateController::hold(SurveyTime now) {
  if (const auto found = overload(trial_)) return back_off(now, *found);
  const SurveyTime held = now - trial_.start;
  if (trial_.pressed >= kPressedSamples) {
    return set_rate(now, 0.9 * rate_, RatePhase::Hold, RateReason::BackPressure);
  }
  // A standing queue is left to drain, which a rate just below the capacity hardly does.
  if (held > 3 * round() && queue_grows()) {
    good_rate_ = kDrainShare * rate_;
    return set_rate(now, good_rate_, RatePhase::Hold, RateReason::QueueGrows);
  }
  if (held < kHoldRounds * round() || !enough(kProbingSentinels, now) || back_pressure_ ||
      held_up_ || in_doubt(kProbingSentinels, kHoldRounds + kDoubtRounds, now)) {
    return;
  }
  // The capacity that was measured may be more than there is.
  if (is_overload_by(kVeryLikely)) {
    return back_off(now, {RateReason::Loss, excess(trial_.loss)});
  }
  learn_baseline();
  good_rate_ = rate_;
  if (rate_ >= limits_.maximum.per_second()) return start_trial(now);
  step_ = kFirstStep;
  set_rate(now, rate_ * (1.0 + step_), RatePhase::ProbingUp, RateReason::HeldLongEnough);
}

void RateController::probing_up(SurveyTime now) {
  if (const auto found = overload(trial_)) return back_off(now, *found);
  if (back_pressure_) return set_rate(now, good_rate_, RatePhase::Hold, RateReason::BackPressure);
  if (queue_grows()) {
    capacity_ = rate_;
    return set_rate(now, good_rate_, RatePhase::Hold, RateReason::QueueGrows);
  }
  const SurveyTime watched = now - trial_.start;
  if (watched < std::chrono::duration_cast<SurveyTime>(kProbingRounds * round()) || held_up_ ||
      !enough(kProbingSentinels, now)) {
    return;
  }
  if (in_doubt(kProbingSentinels, kDoubtRounds, now)) return;
  if (is_overload_by(kVeryLikely)) {
    note_lossy(0.0);
    capacity_ = rate_;
    return set_rate(now, good_rate_, RatePhase::Hold, RateReason::Loss);
  }
  if (rate_ >= limits_.maximum.per_second()) {
    return set_rate(now, rate_, RatePhase::Hold, RateReason::Maximum);
  }
  good_rate_ = rate_;
  // Beyond what was lost before: the path has changed.
  step_ = rate_ > 1.02 * capacity_ ? std::min(kLargestStep, 2.0 * step_) : kFirstStep;
  set_rate(now, rate_ * (1.0 + step_), RatePhase::ProbingUp, RateReason::NoLoss);
}

void RateController::note_lossy(double hits_missing) {
  lossy_trials_.push_back({trial_.number, hits_missing});
  if (lossy_trials_.size() > kLossyTrialsKept) lossy_trials_.pop_front();
}

void RateController::back_off(SurveyTime now, const Overload& found) {
  note_lossy(found.reason == RateReason::FewerHits ? found.loss : 0.0);
  // Loss that did not fall with the rate the last time may not be ours.
  const bool is_of_path = found.reason == RateReason::Loss || found.reason == RateReason::FewerHits;
  const bool again = is_of_path && found.reason == last_overload_.reason &&
                     trial_.number == last_back_off_ &&
                     found.loss > kSameLoss * last_overload_.loss;
  last_overload_ = found;
  if (again && !testing_half_) {
    testing_half_ = true;
    return set_rate(now, rate_ / 2.0, RatePhase::BackOff, RateReason::TestingHalf);
  }
  undo_rate_ = rate_;
  capacity_ = capacity_by(trial_, found);
  double next = 0.9 * capacity_;
  // The rate that slow start left behind lost nothing. It is much lower, but at one between, taken
  // from the first that is seen of a loss, more may be lost than it is worth.
  if (phase_ == RatePhase::SlowStart) next = std::clamp(next, 0.9 * good_rate_, good_rate_);
  set_rate(now, next, RatePhase::BackOff, found.reason);
}

// Waits for the last results of the rate that was too high, which tell how much too high it was.
void RateController::backing_off(SurveyTime now) {
  if (testing_half_) return judge_half(now);
  if (now - trial_.start < round()) return;
  if (const auto found = overload(before_)) {
    last_overload_ = *found;
    capacity_ = capacity_by(before_, *found);
  }
  set_rate(now, kHeldShare * capacity_, RatePhase::Hold, RateReason::Measured);
  last_back_off_ = trial_.number;
  good_rate_ = rate_;
}

void RateController::judge_half(SurveyTime now) {
  const bool by_hits = last_overload_.reason == RateReason::FewerHits;
  if (now - trial_.start < round()) return;
  if (by_hits ? !enough_hits(now) : !enough(kProbingSentinels, now)) return;
  testing_half_ = false;
  const bool stays =
      by_hits ? fewer_hits(trial_.hits, kFewestHits, kLikely, kSameLoss * last_overload_.loss)
                    .has_value()
              : deviations_above(trial_.loss, reference()) > kLikely &&
                    trial_.loss.ratio() > kSameLoss * before_.loss.ratio();
  if (stays) {
    if (!by_hits) baseline_ = trial_.loss;
    baseline_hits_ = trial_.hits;
    capacity_ = limits_.maximum.per_second();
    return set_rate(now, undo_rate_, RatePhase::Hold, RateReason::LossIsNotOurs);
  }
  if (const auto found = overload(before_)) capacity_ = capacity_by(before_, *found);
  set_rate(now, kHeldShare * capacity_, RatePhase::Hold, RateReason::Measured);
}

void RateController::set_rate(SurveyTime now, double rate, RatePhase phase, RateReason reason) {
  const double next =
      std::clamp(rate, std::min(limits_.least.per_second(), limits_.maximum.per_second()),
                 limits_.maximum.per_second());
  if (decisions_.size() >= kMostDecisions) {
    // Every second one of the older half.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < decisions_.size(); i += i < kMostDecisions / 2 ? 2 : 1) {
      decisions_[kept++] = decisions_[i];
    }
    decisions_.resize(kept);
  }
  decisions_.push_back(
      {.time = now,
       .phase = phase,
       .reason = reason,
       .rate_before = rate_,
       .rate = next,
       .loss = trial_.loss.ratio(),
       .baseline = baseline_.ratio(),
       .samples = trial_.loss.trials,
       .queue_ms = std::chrono::duration<double, std::milli>(queue_delay()).count()});
  phase_ = phase;
  rate_ = next;
  start_trial(now);
}

void RateController::start_trial(SurveyTime now) {
  const std::uint32_t number = trial_.number + 1;
  before_ = std::move(trial_);
  trial_ = {};
  trial_.number = number;
  trial_.start = now;
  trial_.rate = rate_;
}

}  // namespace trawl::control
