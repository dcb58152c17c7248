#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "control/audit/engine/loss_estimate.h"
#include "control/audit/engine/rtt_estimator.h"
#include "control/audit/engine/timing.h"

namespace trawl::control {

// How fast one host is probed: a window of probes on their way as in TCP's congestion control (RFC
// 5681), which grows with answers as Nmap's does ("Congestion Control" in the Nmap book), and below
// a window of one a delay between probes.
//
// Two signs say that a host, or the way to it, takes no more: answers to repeats, for what was sent
// before them was lost; and, sooner, fewer answers among the first probes of many than there were
// before, for ports are probed in random order. A steady share of losses, however, is the path's
// and no reason to slow down.
//
// Thread: one user. Times only grow.
class HostPace {
 public:
  struct Limits {
    double least_window = 1;  // --min-parallelism
    double most_window = 1e9;
    double first_window = 10;
    Moment delay{0};  // --scan-delay
    Moment most_delay{1'000'000};
    bool random_order = true;  // Without it fewer answers say nothing.
    double losses = 3;         // That have to be seen before they mean an overload.
    bool is_rationed = false;  // Answers are ICMP errors, which most systems send by the second.
  };

  explicit HostPace(const Limits& limits) noexcept
      : limits_{limits}, window_{limits.first_window}, delay_{limits.delay} {
    clamp_window();
  }

  // Whether a probe may leave, and if only the delay is in the way, when.
  [[nodiscard]] bool has_window() const noexcept {
    // Probes that are far apart do not wait for each other's time to be over.
    constexpr double kDelayed = 8;
    const double most = delay_ > limits_.delay ? std::min(kDelayed, limits_.most_window) : 0;
    return static_cast<double>(in_flight_) < std::max(window_, most);
  }
  [[nodiscard]] Moment next_send() const noexcept { return next_send_; }
  // Nothing leaves before `time`.
  void hold_until(Moment time) noexcept { next_send_ = std::max(next_send_, time); }
  [[nodiscard]] bool is_delayed() const noexcept { return delay_ > Moment{0}; }

  // A probe leaves; `first` when it is a target's first.
  void sent(Moment now, bool first) noexcept;
  // A probe is answered, or will not be: it is on its way no longer.
  void landed() noexcept {
    if (in_flight_ > 0) --in_flight_;
  }
  // An answer: `lost` attempts before it were not answered, the last of them sent at `lost_at`.
  struct Hit {
    Moment sent_at;
    unsigned attempt = 0;
    Moment lost_at{-1};
    bool is_ping = false;
  };
  void hit(const Hit& hit, Moment now, const RttEstimator& rtt) noexcept;
  // One who answered before does not: a repeated question was lost.
  void ping_lost(Moment sent_at, Moment now, const RttEstimator& rtt) noexcept;
  // Looks whether answers have become fewer. To be called now and then.
  void judge(Moment now, const RttEstimator& rtt) noexcept;

  // What was sent before is no measure: it met an overload. What was sent since the one before it
  // did so too.
  [[nodiscard]] Moment last_reaction() const noexcept { return reaction_; }
  [[nodiscard]] Moment reaction_before() const noexcept { return reaction_before_; }
  [[nodiscard]] const LossEstimate& loss() const noexcept { return loss_; }
  [[nodiscard]] double window() const noexcept { return window_; }
  [[nodiscard]] Moment delay() const noexcept { return delay_; }
  [[nodiscard]] double sent_total() const noexcept { return sent_total_; }
  [[nodiscard]] unsigned slow_downs() const noexcept { return slow_downs_; }
  [[nodiscard]] unsigned in_flight() const noexcept { return in_flight_; }

 private:
  // First probes of targets, sent one after the other.
  struct Epoch {
    Moment begin{0};
    Moment end{0};
    unsigned sent = 0;
    unsigned hits = 0;
  };

  void clamp_window() noexcept;
  [[nodiscard]] bool is_overload() const noexcept;
  void grow(bool is_ping, const RttEstimator& rtt) noexcept;
  void slow_down(double share, Moment now, const RttEstimator& rtt) noexcept;
  void count_first(Moment sent_at) noexcept;
  void close_epoch(Moment now) noexcept;

  Limits limits_;
  double window_;
  double threshold_ = 1e9;  // Slow start ends here.
  Moment delay_;
  Moment next_send_{0};
  unsigned in_flight_ = 0;
  unsigned slow_downs_ = 0;
  Moment reaction_{-1};
  Moment reaction_before_{-1};
  Moment first_sent_{-1};
  LossEstimate loss_;
  double sent_total_ = 0;
  double hit_total_ = 0;
  unsigned hits_since_reaction_ = 0;
  unsigned clean_hits_ = 0;  // In a row, without a loss.
  std::array<Epoch, 4> epochs_{};
  std::size_t judged_ = 0;  // Epochs before this one are.
  std::size_t begun_ = 0;
  double judged_sent_ = 0;  // First probes of epochs without an overload, and their answers.
  double judged_hits_ = 0;
};

}  // namespace trawl::control
