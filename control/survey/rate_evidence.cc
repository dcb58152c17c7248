#include <algorithm>
#include <chrono>
#include <cmath>

#include "control/survey/rate_controller.h"
#include "control/survey/rate_thresholds.h"

// What samples say of a rate: how RateController judges its trials.

namespace trawl::control {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

// Loss is called overload when it is this many deviations above the baseline, which chance brings
// about less than once in a thousand looks, and by more than kLeastExcess.
constexpr double kSure = 3.3;
constexpr double kLeastExcess = 0.004;
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
constexpr SurveyTime kFirstLook = 100ms;
// Loss that is neither clearly chance nor clearly overload: more sentinels are waited for.
constexpr double kDoubt = 1.0;
constexpr double kSettlingSamples = 4.0;
constexpr double kLeastKept = 0.1;  // Of the rate, in one back-off.

constexpr nanoseconds kLeastQueue = 4ms;
constexpr double kQueueShare = 0.015;  // Of the round trip.
constexpr double kLocalDropShare = 0.0005;

constexpr SurveyTime kSegment = 1s;
constexpr double kSegmentSentinels = 100.0;
constexpr SurveyTime kLongestSegment = 2s;

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

// True when the present trial has seen enough hits to compare, or waited long.
bool RateController::enough_hits(SurveyTime now) const {
  return baseline_hits_.ratio() * trial_.hits.trials >= 2.0 * kFewestHits ||
         now - trial_.start > 10 * round();
}

}  // namespace trawl::control
