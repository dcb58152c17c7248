#include "control/survey/sentinel_loss.h"

#include <algorithm>
#include <cmath>

namespace trawl::control {
namespace {

using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr double kStepsPerDoubling = 12.0;
constexpr double kNearlyAll = 0.98;
constexpr double kTimeoutFactor = 1.25;
// While few round trips are known, the slower hosts may be still to come.
constexpr double kFirstTimeoutFactor = 3.0;
constexpr std::uint32_t kManyReplies = 100;
constexpr int kPatience = 2;             // Round trips.
constexpr std::size_t kHitsTimed = 200;  // Of one sample.
constexpr nanoseconds kTimeoutMargin = 20ms;
constexpr nanoseconds kLongestTimeout = 5s;
constexpr std::size_t kDelaysKept = 64;
constexpr std::size_t kFewestDelays = 8;
// A host's shortest round trip is known from its third reply on.
constexpr std::uint32_t kRepliesToKnow = 2;

nanoseconds microseconds(double us) { return nanoseconds{static_cast<std::int64_t>(us * 1e3)}; }

float in_microseconds(nanoseconds time) { return static_cast<float>(time.count()) * 1e-3F; }

}  // namespace

void SentinelLoss::begin_interval(SurveyTime begin, SurveyTime end, std::uint32_t trial,
                                  double probes) {
  if (!begun_) begun_ = begin;
  intervals_.push_back(
      {.interval = {
           .begin = begin, .end = end, .trial = trial, .probes = probes, .sentinels = {}}});
}

// The interval that `sent` falls in; the newest for a time after all of them, null when it is over.
SentinelLoss::Pending* SentinelLoss::find(SurveyTime sent) noexcept {
  const auto at =
      std::lower_bound(intervals_.begin(), intervals_.end(), sent,
                       [](const Pending& p, SurveyTime time) { return p.interval.end < time; });
  if (at == intervals_.end()) return intervals_.empty() ? nullptr : &intervals_.back();
  return sent < at->interval.begin && at == intervals_.begin() ? nullptr : &*at;
}

void SentinelLoss::sent(std::span<const SentinelProbe> probes) {
  for (const SentinelProbe& probe : probes) {
    if (Pending* pending = find(probe.sent)) pending->interval.sentinels.trials += 1.0;
  }
}

void SentinelLoss::answered(std::span<const SentinelReply> replies, SurveyTime now) {
  for (const SentinelReply& reply : replies) {
    Pending* const pending = find(reply.sent);
    ++sentinel_replies_;
    note_rtt(reply.rtt);
    note_host(reply, pending != nullptr ? pending->interval.trial : 0);
    if (pending == nullptr) continue;
    // Duplicates do not make up for others.
    if (pending->answered < pending->interval.sentinels.trials) pending->answered += 1.0;
  }
  update_timeout(now);
}

void SentinelLoss::hits(std::span<const TimedHits> hits) {
  for (const TimedHits& some : hits) {
    if (Pending* pending = find(some.sent)) pending->interval.hits += some.count;
  }
  // They tell how long replies take before sentinels can.
  if (sentinel_replies_ >= kManyReplies) return;
  for (const TimedHits& some : hits.first(std::min(hits.size(), kHitsTimed))) note_rtt(some.rtt);
}

void SentinelLoss::hits(double count, std::optional<nanoseconds> rtt, SurveyTime now) {
  if (rtt && rtts_[0].total + rtts_[1].total == 0) {
    // Before any sentinel has answered, other hosts tell how long that takes.
    typical_rtt_ = nearly_all_rtt_ = *rtt;
    timeout_ = std::min<nanoseconds>(timeout_, 3 * *rtt + kTimeoutMargin);
  }
  if (Pending* pending = find(now - rtt.value_or(typical_rtt_))) pending->interval.hits += count;
}

void SentinelLoss::note_rtt(nanoseconds rtt) noexcept {
  const auto us = static_cast<double>(std::max(in_microseconds(rtt), 1.0F));
  const auto step = static_cast<std::size_t>(std::log2(us) * kStepsPerDoubling);
  ++rtts_[0].counts[std::min(step, kSteps - 1)];
  ++rtts_[0].total;
}

void SentinelLoss::note_host(const SentinelReply& reply, std::uint32_t trial) {
  const float us = std::max(in_microseconds(reply.rtt), 1.0F);
  Host& host = hosts_[reply.host];
  if (host.replies >= kRepliesToKnow) {
    delays_.push_back({trial, std::max(0.0F, us - host.shortest_us)});
    if (delays_.size() > kDelaysKept) delays_.pop_front();
  }
  host.shortest_us = host.replies == 0 ? us : std::min(host.shortest_us, us);
  ++host.replies;
}

double SentinelLoss::rtt_us_at(double share) const noexcept {
  const double wanted = share * (rtts_[0].total + rtts_[1].total);
  double seen = 0.0;
  for (std::size_t step = 0; step < kSteps; ++step) {
    seen += rtts_[0].counts[step] + rtts_[1].counts[step];
    if (seen >= wanted) return std::exp2(static_cast<double>(step + 1) / kStepsPerDoubling);
  }
  return std::exp2(static_cast<double>(kSteps) / kStepsPerDoubling);
}

void SentinelLoss::update_timeout(SurveyTime now) {
  if (rtts_[0].total + rtts_[1].total == 0) return;
  const double nearly_all_us = rtt_us_at(kNearlyAll);
  nearly_all_rtt_ = microseconds(nearly_all_us);
  known_replies_ = std::max(known_replies_, rtts_[0].total + rtts_[1].total);
  // Nor do many replies tell of hosts that had no time to answer.
  const bool is_known =
      known_replies_ >= kManyReplies && begun_ && now - *begun_ >= kPatience * nearly_all_rtt_;
  const double factor = is_known ? kTimeoutFactor : kFirstTimeoutFactor;
  timeout_ = std::min(kLongestTimeout, microseconds(nearly_all_us * factor) + kTimeoutMargin);
  typical_rtt_ = microseconds(rtt_us_at(0.5));
  if (now < next_turn_ || rtts_[0].total < kFewestDelays) return;
  rtts_[1] = rtts_[0];
  rtts_[0] = {};
  next_turn_ = now + 1s;
}

std::optional<SentInterval> SentinelLoss::take_over(SurveyTime now) {
  if (intervals_.empty()) return std::nullopt;
  const Pending& oldest = intervals_.front();
  const bool complete = oldest.interval.sentinels.trials > 0.0 &&
                        oldest.answered >= oldest.interval.sentinels.trials &&
                        now >= oldest.interval.end + nearly_all_rtt_;
  if (!complete && now < oldest.interval.end + timeout_) return std::nullopt;
  SentInterval interval = oldest.interval;
  interval.sentinels.count = interval.sentinels.trials - oldest.answered;
  intervals_.pop_front();
  return interval;
}

nanoseconds SentinelLoss::queue_delay(std::uint32_t trial) const {
  std::vector<float> delays;
  for (const Delay& delay : delays_) {
    if (delay.trial == trial) delays.push_back(delay.queue_us);
  }
  if (delays.size() < kFewestDelays) return nanoseconds{0};
  const auto quartile = delays.begin() + static_cast<std::ptrdiff_t>(delays.size() / 4);
  std::nth_element(delays.begin(), quartile, delays.end());
  return microseconds(static_cast<double>(*quartile));
}

}  // namespace trawl::control
