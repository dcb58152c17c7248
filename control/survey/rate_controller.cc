#include "control/survey/rate_controller.h"

#include <algorithm>
#include <cmath>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// Loss is called overload when it is this many deviations above the baseline, which chance brings
// about less than once in a thousand looks, and by more than kLeastExcess.
constexpr double kSure = 3.3;
constexpr double kLeastExcess = 0.004;
constexpr double kFewestSentinels = 12.0;
constexpr double kFewestHits = 20.0;
// Hits that contradict sentinels.
constexpr double kFewestHitsToDoubt = 200.0;
constexpr double kBeyondDoubt = 6.0;
constexpr double kMuchFewer = 0.25;
constexpr double kFairShare = 0.1;
constexpr std::uint32_t kFirstTrial = 1;
// Before anything is known of a path it is taken to lose 1 %, with the weight of 20 sentinels.
constexpr Counted kPrior{.count = 0.2, .trials = 20.0};
// The baseline follows the path: older sentinels count less once there are this many.
constexpr double kBaselineMemory = 4000.0;

// Sentinels a trial needs before the rate rises: to see half lost, and to see a few percent.
constexpr double kSlowStartSentinels = 20.0;
constexpr double kProbingSentinels = 60.0;
constexpr double kSlowStartFactor = 2.5;
constexpr SurveyTime kFirstLook = 100ms;
constexpr double kSlowStartMiddle = 0.63;  // Of it and of 1, on a logarithmic scale.
constexpr double kFirstStep = 0.04;
constexpr double kLargestStep = 0.64;
// Of the capacity measured.
constexpr double kHeldShare = 0.96;
constexpr double kDrainShare = 0.94;
constexpr double kLeastKept = 0.1;  // Of the rate, in one back-off.
constexpr int kHoldRounds = 4;
// An increase is watched a little longer than a round, so that a queue has time to show.
constexpr double kProbingRounds = 1.25;
// Loss that is neither clearly chance nor clearly overload: more sentinels are waited for, and then
// what still looks like overload is taken for it.
constexpr double kDoubt = 1.0;
constexpr double kLikely = 2.0;
constexpr double kVeryLikely = 2.6;
constexpr double kSettlingSamples = 4.0;
constexpr int kDoubtRounds = 3;
constexpr SurveyTime kLongDoubt = 1500ms;
constexpr double kSameLoss = 0.6;  // Loss that stays at least this much did not follow the rate.

constexpr double kSentinelShare = 0.02;
constexpr double kFewestSentinelsPerSecond = 50.0;
constexpr double kMostSentinelsPerSecond = 2000.0;
constexpr double kMostSharedWithSentinels = 0.5;

constexpr nanoseconds kLeastQueue = 4ms;
constexpr double kQueueShare = 0.015;  // Of the round trip.
constexpr double kLocalDropShare = 0.0005;
constexpr unsigned kPressedSamples = 3;

constexpr SurveyTime kSegment = 1s;
constexpr double kSegmentSentinels = 100.0;
constexpr SurveyTime kLongestSegment = 2s;
constexpr std::size_t kLossyTrialsKept = 8;
constexpr std::size_t kMostDecisions = 1U << 16U;

// The later part of what was sent at a rate: from where loss began, at most half. A queue takes up
// the first of an overload, so only the rest shows its size.
Counted late_part(const std::vector<Counted>& parts) {
  double all = 0.0;
  for (const Counted& part : parts) all += part.trials;
  Counted late;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (late.trials >= all / 2.0) break;
    late += *part;
  }
  return late;
}

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

// What answers and tells no time can only be counted for about the right moment, so it counts while
// there is little else: resets from everywhere and one open port in a million is a survey too. The
// change to timed hits alone, once they are a fair share, starts their count anew.
void RateController::take_hits(const RateSample& sample) {
  double timed = 0.0;
  for (const TimedHits& some : sample.timed_hits) timed += some.count;
  timed_ += timed;
  received_ += timed + sample.hits;
  if (!timed_from_ && timed_ >= kFewestHits && timed_ > kFairShare * received_) {
    timed_from_ = sample.now;
    baseline_hits_ = trial_.hits = {};
  }
  if (!timed_from_ && sample.hits > 0.0) {
    sentinels_.hits(sample.hits, sample.hit_rtt, sample.now);
  }
  sentinels_.hits(sample.timed_hits);
  if (sample.hit_rtt) hit_delay_.saw(timed + sample.hits, *sample.hit_rtt, sample.now);
}

void RateController::take_over_intervals(SurveyTime now) {
  while (const auto interval = sentinels_.take_over(now)) {
    total_loss_ += interval->sentinels;
    const Counted hits{interval->hits, interval->probes};
    for (Trial* trial : {&trial_, &before_}) {
      if (trial->number != interval->trial) continue;
      trial->loss += interval->sentinels;
      trial->parts.push_back(interval->sentinels);
      const SurveyTime clear = std::max(trial->start, timed_from_.value_or(trial->start + round()));
      if (trial == &trial_ && interval->begin >= clear) trial->hits += hits;
    }
    // The first rate is left before its results are in.
    if (before_.number == kFirstTrial && interval->trial == kFirstTrial &&
        phase_ == RatePhase::SlowStart) {
      baseline_ += interval->sentinels;
      if (timed_from_.value_or(interval->begin) <= interval->begin) baseline_hits_ += hits;
    }
    add_to_segment(*interval);
  }
}

void RateController::add_to_segment(const SentInterval& interval) {
  const SurveyTime length = segment_.end - segment_.begin;
  if (segment_.trial != interval.trial || length >= kLongestSegment ||
      (length >= kSegment && segment_.loss.trials >= kSegmentSentinels)) {
    close_segment();
    segment_ = {
        .begin = interval.begin, .end = interval.begin, .trial = interval.trial, .loss = {}};
  }
  segment_.end = interval.end;
  segment_.loss += interval.sentinels;
}

// Chance alone does not degrade a stretch: it counts as lossier than the baseline when it is so by
// a deviation, or when its rate turned out to be too high.
void RateController::close_segment() {
  if (segment_.begin == segment_.end) return;
  const double baseline = baseline_.ratio();
  const auto trial =
      std::find_if(lossy_trials_.begin(), lossy_trials_.end(),
                   [this](const LossyTrial& t) { return t.number == segment_.trial; });
  const bool lossy = trial != lossy_trials_.end();
  double loss = baseline;
  if (segment_.loss.trials > 0.0 &&
      (lossy || segment_.loss.interval(kOneDeviation).low > baseline)) {
    loss = std::max(baseline, segment_.loss.ratio());
  } else if (segment_.loss.trials <= 0.0 && lossy) {
    loss = baseline + (1.0 - baseline) * last_overload_.loss;
  }
  if (lossy) loss = std::max(loss, baseline + (1.0 - baseline) * trial->hits_missing);
  if (loss <= limits_.degraded_above) return;
  const bool joins = !degraded_.empty() && degraded_.back().end >= segment_.begin &&
                     std::abs(degraded_.back().loss - loss) < 0.1 * loss;
  if (joins) {
    degraded_.back().end = segment_.end;
  } else {
    degraded_.push_back({segment_.begin, segment_.end, loss});
  }
}

void RateController::judge_rest() {
  close_segment();
  segment_.begin = segment_.end;
}

Counted RateController::reference() const noexcept {
  Counted reference = baseline_;
  reference += kPrior;
  return reference;
}

// The share lost of what the baseline leaves.
double RateController::excess(const Counted& loss) const noexcept {
  return std::clamp(1.0 - (1.0 - loss.ratio()) / (1.0 - std::min(0.99, baseline_.ratio())), 0.0,
                    1.0);
}

std::optional<RateController::Overload> RateController::overload(const Trial& trial) const {
  if (trial.sent > 0.0 && trial.local_drops > kLocalDropShare * trial.sent) {
    return Overload{RateReason::LocalDrops, std::max(0.02, trial.local_drops / trial.sent)};
  }
  if (trial.loss.trials >= kFewestSentinels) {
    const double loss = excess(trial.loss);
    if (loss > kLeastExcess && deviations_above(trial.loss, reference()) > kSure) {
      return Overload{RateReason::Loss, loss};
    }
    // Whatever is true of sentinels: so much less cannot be chance.
    return fewer_hits(trial.hits, kFewestHitsToDoubt, kBeyondDoubt, kMuchFewer);
  }
  return fewer_hits(trial.hits, kFewestHits, kSure, 0.0);
}

// When `hits` fall short of those usual by `deviations` and by the share `least`.
std::optional<RateController::Overload> RateController::fewer_hits(const Counted& hits,
                                                                   double fewest, double deviations,
                                                                   double least) const {
  const double expected = baseline_hits_.ratio() * hits.trials;
  if (expected < fewest || baseline_hits_.count < kFewestHits) return std::nullopt;
  const double deviation = std::sqrt(expected + expected * expected / baseline_hits_.count);
  const double missing = expected - hits.count;
  if (missing < deviations * deviation || missing < least * expected) return std::nullopt;
  return Overload{RateReason::FewerHits, missing / expected};
}

// A trial's worst case by one deviation: probing up finds the rest.
double RateController::capacity_by(const Trial& trial, const Overload& overload) const {
  double loss = overload.loss;
  const Counted late = late_part(trial.parts);
  if (overload.reason == RateReason::Loss && late.trials >= kFewestSentinels) {
    const Counted high{.count = late.interval(kOneDeviation / 2.0).high * late.trials,
                       .trials = late.trials};
    loss = excess(high);
  }
  return trial.rate * std::max(kLeastKept, 1.0 - loss);
}

// Sentinels tell it host by host once they have answered before, ordinary hits where they are many.
nanoseconds RateController::queue_delay() const {
  return std::max(sentinels_.queue_delay(trial_.number), hit_delay_.since(trial_.start));
}

bool RateController::queue_grows() const {
  const nanoseconds least = std::max(
      kLeastQueue, std::chrono::duration_cast<nanoseconds>(sentinels_.typical_rtt() * kQueueShare));
  return queue_delay() > least;
}

// From setting a rate to knowing what nearly all of its first probes came to.
SurveyTime RateController::round() const noexcept {
  return std::max<SurveyTime>(sentinels_.timeout(), 50ms);
}

// True when the present trial has seen so many sentinels, or as good hits, or waited in vain.
bool RateController::enough(double sentinels, SurveyTime now) const {
  if (trial_.loss.trials >= sentinels) return true;
  if (answers_at_all(now)) return true;
  // Nothing to compare with: that something answers has to do.
  if (baseline_hits_.trials <= 0.0 && trial_.hits.count >= kFewestHits) return true;
  const double expected = baseline_hits_.ratio() * trial_.hits.trials;
  if (expected >= 4.0 * kFewestHits) return true;
  // Few hosts to ask: a third of the evidence after a long wait.
  return trial_.loss.trials >= sentinels / 3.0 && now - trial_.start > 10 * round();
}

// Of the first rate there is nothing more to learn.
bool RateController::answers_at_all(SurveyTime now) const {
  return trial_.number == kFirstTrial && received_ >= kFewestHits &&
         now - trial_.start >= sentinels_.typical_rtt() + kFirstLook;
}

// True while more sentinels would help to tell chance from overload, and come soon.
bool RateController::in_doubt(double sentinels, int rounds, SurveyTime now) const {
  return deviations_above(trial_.loss, reference()) > kDoubt &&
         trial_.loss.trials < kSettlingSamples * sentinels && now - trial_.start < rounds * round();
}

// What looks like overload when there is nothing more to wait for. While there are few sentinels to
// compare with, ordinary hits have to look so too: a path may lose much of everything.
bool RateController::is_overload_by(double deviations) const {
  if (trial_.loss.trials < kFewestSentinels ||
      deviations_above(trial_.loss, reference()) <= deviations) {
    return false;
  }
  return baseline_.trials >= kSlowStartSentinels ||
         fewer_hits(trial_.hits, kFewestHits, kLikely, 0.0).has_value();
}

void RateController::learn_baseline() {
  if (trial_.rate > 1.001 * capacity_) return;
  // Once a rate was too high, a loss that may be overload is not taken for the path's own before
  // there is much to show it.
  const double doubt = trial_.loss.trials < kSettlingSamples * kProbingSentinels ? kDoubt : kLikely;
  if (last_back_off_ != 0 && deviations_above(trial_.loss, reference()) > doubt) return;
  baseline_ += trial_.loss;
  baseline_hits_ += trial_.hits;
  for (Counted* counted : {&baseline_, &baseline_hits_}) {
    const double memory = counted == &baseline_ ? kBaselineMemory : 1e9;
    const double keep = std::min(1.0, memory / std::max(1.0, counted->trials));
    counted->count *= keep;
    counted->trials *= keep;
  }
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

// True when the present trial has seen enough hits to compare, or waited long.
bool RateController::enough_hits(SurveyTime now) const {
  return baseline_hits_.ratio() * trial_.hits.trials >= 2.0 * kFewestHits ||
         now - trial_.start > 10 * round();
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
