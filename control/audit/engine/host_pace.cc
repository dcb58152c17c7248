#include "control/audit/engine/host_pace.h"

#include <algorithm>
#include <cmath>

namespace trawl::control {
namespace {

constexpr double kBearable = 0.25;  // Of the probes: what more is lost was sent in vain.
constexpr unsigned kSomeHits = 4;   // Before a delay is called for.
constexpr unsigned kEpoch = 16;     // First probes; as many as the window if that is more.
constexpr double kFewer = 0.65;     // Of the answers there were before...
constexpr double kDeviations = 3;   // ...and by more than chance would have it.

}  // namespace

void HostPace::clamp_window() noexcept {
  window_ = std::min(std::max({1.0, limits_.least_window, window_}), limits_.most_window);
}

void HostPace::sent(Moment now, bool first) noexcept {
  if (first_sent_ < Moment{0}) first_sent_ = now;
  ++in_flight_;
  ++sent_total_;
  next_send_ = std::max({next_send_ + delay_, now + delay_ / 2, now + limits_.delay});
  if (delay_ == Moment{0}) next_send_ = now;
  if (!first || !limits_.random_order) return;
  if (begun_ == 0) epochs_[begun_++ % epochs_.size()] = {now, now, 0, 0};
  Epoch& epoch = epochs_[(begun_ - 1) % epochs_.size()];
  if (epoch.sent == 0) epoch.begin = now;
  epoch.end = now;
  ++epoch.sent;
  if (epoch.sent >= kEpoch && epoch.sent >= static_cast<unsigned>(window_)) close_epoch(now);
}

void HostPace::close_epoch(Moment now) noexcept {
  // The oldest goes when nobody judged it in time.
  if (begun_ - judged_ >= epochs_.size()) ++judged_;
  epochs_[begun_++ % epochs_.size()] = {now, now, 0, 0};
}

void HostPace::count_first(Moment sent_at) noexcept {
  for (std::size_t i = judged_; i < begun_; ++i) {
    Epoch& epoch = epochs_[i % epochs_.size()];
    if (sent_at >= epoch.begin && sent_at <= epoch.end && epoch.hits < epoch.sent) {
      ++epoch.hits;
      return;
    }
  }
}

void HostPace::hit(const Hit& hit, Moment now, const RttEstimator& rtt) noexcept {
  ++hit_total_;
  ++hits_since_reaction_;
  if (hit.attempt == 0) count_first(hit.sent_at);
  const bool lost = hit.attempt > 0 && hit.lost_at > reaction_;
  if (hit.sent_at > reaction_) loss_.add(1, lost ? hit.attempt : 0);
  clean_hits_ = lost && loss_.share() > kBearable / 2 ? 0 : clean_hits_ + 1;
  if (lost && is_overload()) {
    slow_down(loss_.share(), now, rtt);
    return;
  }
  judge(now, rtt);
  // Late answers tell of before.
  if (hit.sent_at > reaction_) grow(hit.is_ping, rtt);
}

// More than is bearable, and by more than chance would have it.
bool HostPace::is_overload() const noexcept {
  const double outcomes = loss_.outcomes();
  const double deviation = std::sqrt(kBearable * (1 - kBearable) * outcomes);
  const double spread = limits_.losses > 1 ? 1.5 * deviation : 0;
  return loss_.losses() >= limits_.losses && loss_.losses() > kBearable * outcomes + spread;
}

void HostPace::ping_lost(Moment sent_at, Moment now, const RttEstimator& rtt) noexcept {
  if (sent_at <= reaction_) return;
  clean_hits_ = 0;
  loss_.add(0, 1);
  if (is_overload()) slow_down(loss_.share(), now, rtt);
}

void HostPace::judge(Moment now, const RttEstimator& rtt) noexcept {
  const Moment patience = rtt.has_sample() ? rtt.srtt() + 2 * rtt.rttvar() : rtt.timeout();
  while (judged_ + 1 < begun_) {
    const Epoch& epoch = epochs_[judged_ % epochs_.size()];
    if (epoch.end + patience > now) return;
    ++judged_;
    if (epoch.begin <= reaction_) continue;
    const double usual = judged_sent_ > 0 ? judged_hits_ / judged_sent_ : 0;
    const double expected = usual * epoch.sent;
    const double deviation = std::sqrt(expected * (1 - usual) + 1);
    if (epoch.hits < kFewer * expected && epoch.hits < expected - kDeviations * deviation) {
      slow_down(1 - epoch.hits / expected, now, rtt);
    } else {
      judged_sent_ += epoch.sent;
      judged_hits_ += epoch.hits;
    }
  }
}

void HostPace::grow(bool is_ping, const RttEstimator& rtt) noexcept {
  const unsigned clean_run = limits_.is_rationed ? 10 : 3;
  if (delay_ > limits_.delay && clean_hits_ >= clean_run) {
    clean_hits_ = 0;
    delay_ = std::max(limits_.delay, delay_ - delay_ / (limits_.is_rationed ? 8 : 2));
    if (delay_ < Moment{2000}) delay_ = limits_.delay;
    return;
  }
  if (delay_ > limits_.delay || static_cast<double>(in_flight_ + 1) < window_ / 2) return;
  // A queue grows before it overflows.
  constexpr Moment kQueue{50'000};
  if (rtt.has_sample() && rtt.srtt() > 3 * rtt.least() + kQueue) {
    threshold_ = std::min(threshold_, window_);
    return;
  }
  // Where few answer, each answer stands for more probes; unless they are few because of a limit.
  const bool is_limited = reaction_ >= Moment{0} && !is_ping;
  const double stands_for = is_limited ? 1 : std::clamp(sent_total_ / hit_total_, 1.0, 50.0);
  // Past slow start an eighth more with each round trip: what was too much is found out cheaply.
  window_ += window_ < threshold_ ? stands_for : stands_for * std::max(1 / window_, 0.125);
  clamp_window();
}

void HostPace::slow_down(double share, Moment now, const RttEstimator& rtt) noexcept {
  // What got through since the last time is what can.
  const Moment since = std::max(Moment{1}, now - std::max(reaction_, first_sent_));
  const Moment apart = since / std::max(1U, hits_since_reaction_);
  const Moment trip = std::max(rtt.has_sample() ? rtt.srtt() : rtt.timeout(), Moment{10'000});
  const Moment most = std::max(limits_.most_delay, limits_.delay);
  const bool was_narrow = window_ <= 2;
  window_ = std::max(1.0, std::min(window_, static_cast<double>(in_flight_) + 1) * (1 - share));
  if ((limits_.is_rationed && apart > trip) || (was_narrow && hits_since_reaction_ >= kSomeHits)) {
    // Less than one at a time: as far apart as the answers came.
    const Moment wanted = limits_.is_rationed ? std::max(apart, delay_ + delay_ / 2) : 2 * delay_;
    delay_ = std::clamp(wanted, std::min(Moment{5000}, most), most);
    next_send_ = now + delay_;
    window_ = 1;
  }
  clamp_window();
  threshold_ = window_;
  reaction_before_ = reaction_;
  reaction_ = now;
  ++slow_downs_;
  hits_since_reaction_ = 0;
  clean_hits_ = 0;
  loss_.scale(0.1);
}

}  // namespace trawl::control
