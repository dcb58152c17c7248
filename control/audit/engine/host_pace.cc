#include "control/audit/engine/host_pace.h"

#include <algorithm>

namespace trawl::control {
namespace {

constexpr double kBearable = 0.25;  // Of the probes: what more is lost was sent in vain.
constexpr unsigned kEpoch = 16;     // First probes; as many as the window if that is more.
constexpr double kFewer = 0.65;     // Of the answers there were before.

}  // namespace

void HostPace::clamp_window() noexcept {
  window_ = std::clamp(window_, std::max(1.0, limits_.least_window), limits_.most_window);
}

void HostPace::sent(Moment now, bool first) noexcept {
  ++in_flight_;
  ++sent_total_;
  next_send_ = std::max(next_send_ + delay_, now + delay_ / 2);
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
  clean_hits_ = lost ? 0 : clean_hits_ + 1;
  if (lost && loss_.outcomes() >= limits_.outcomes && loss_.share() > kBearable) {
    slow_down(loss_.share(), now);
    return;
  }
  judge(now, rtt);
  grow(now, rtt);
}

void HostPace::ping_lost(Moment sent_at, Moment now) noexcept {
  if (sent_at <= reaction_) return;
  clean_hits_ = 0;
  loss_.add(0, 1);
  if (loss_.outcomes() >= limits_.outcomes && loss_.share() > kBearable) slow_down(loss_.share(), now);
}

void HostPace::judge(Moment now, const RttEstimator& rtt) noexcept {
  const Moment patience = rtt.has_sample() ? rtt.srtt() + 2 * rtt.rttvar() : rtt.timeout();
  while (judged_ + 1 < begun_) {
    const Epoch& epoch = epochs_[judged_ % epochs_.size()];
    if (epoch.end + patience > now) return;
    ++judged_;
    if (epoch.begin <= reaction_) continue;
    const double share = static_cast<double>(epoch.hits) / epoch.sent;
    if (best_share_ > 0.2 && share < kFewer * best_share_) {
      slow_down(1 - share / best_share_, now);
    } else {
      best_share_ = std::max(share, best_share_ * 0.95);
    }
  }
}

void HostPace::grow(Moment now, const RttEstimator& rtt) noexcept {
  (void)now;
  constexpr unsigned kCleanRun = 10;
  if (delay_ > limits_.delay && clean_hits_ >= kCleanRun) {
    clean_hits_ = 0;
    delay_ = std::max(limits_.delay, delay_ - delay_ / 8);
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
  // Where few answer, each answer stands for more probes.
  const double stands_for = std::clamp(sent_total_ / hit_total_, 1.0, 50.0);
  window_ += window_ < threshold_ ? stands_for : stands_for / window_;
  clamp_window();
}

void HostPace::slow_down(double share, Moment now) noexcept {
  const Moment since = now - std::max(reaction_, Moment{0});
  if (window_ <= 2) {
    // Less than one at a time: as far apart as the answers came.
    const Moment apart = since / std::max(1U, hits_since_reaction_);
    const Moment least = std::max<Moment>(Moment{5000}, 2 * delay_);
    const Moment most = std::max(limits_.most_delay, limits_.delay);
    delay_ = std::min(std::max(least, std::min(apart, most)), most);
    next_send_ = now + delay_;
  }
  window_ = std::max(1.0, std::min(window_, static_cast<double>(in_flight_) + 1) * (1 - share));
  clamp_window();
  threshold_ = window_;
  reaction_ = now;
  hits_since_reaction_ = 0;
  clean_hits_ = 0;
  loss_.scale(0.1);
}

}  // namespace trawl::control
