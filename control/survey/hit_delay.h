#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "control/survey/rate_decision.h"

namespace trawl::control {

// How much longer than at their quickest replies to ordinary probes take now: the queue that our
// own probes stand in.
//
// The order of targets is random, so the middle of many round trips is the same all through a
// survey, but for queues. The quickest is that of the last ten to twenty seconds (as BBR has it:
// draft-cardwell-iccrg-bbr-congestion-control): a route that became longer is no queue for ever.
//
// Thread: one user. A pure function of what it is told.
class HitDelay {
 public:
  // `hits` replies came since the last call, and the middle one of their round trips. Few of them
  // are put together with the next.
  void saw(double hits, std::chrono::nanoseconds middle, SurveyTime now) {
    few_ += hits;
    few_middles_ += hits * static_cast<double>(middle.count());
    if (few_ < kFewest) return;
    const SurveyTime since = std::exchange(last_, now);
    hits = std::exchange(few_, 0.0);
    middle = std::chrono::nanoseconds{
        static_cast<std::chrono::nanoseconds::rep>(std::exchange(few_middles_, 0.0) / hits)};
    if (now >= next_turn_) {
      quickest_before_ = std::exchange(quickest_, std::chrono::nanoseconds::max());
      next_turn_ = now + std::chrono::seconds{10};
    }
    quickest_ = std::min(quickest_, middle);
    sent_ = since - middle;
    delay_ = middle - std::min(quickest_, quickest_before_);
    // Round trips of different hosts differ by about as much as they are long.
    chance_ = std::chrono::nanoseconds{static_cast<std::chrono::nanoseconds::rep>(
        kDeviations * static_cast<double>(middle.count()) / std::sqrt(hits))};
  }

  // Of probes sent since `start`; zero when it may be chance, or nothing is known.
  [[nodiscard]] std::chrono::nanoseconds since(SurveyTime start) const noexcept {
    return sent_ < start || delay_ <= chance_ ? std::chrono::nanoseconds{0} : delay_;
  }

 private:
  static constexpr double kFewest = 50.0;
  static constexpr double kDeviations = 5.0;

  double few_ = 0.0;          // Replies that were too few to look at...
  double few_middles_ = 0.0;  // ...and their round trips, as a sum.
  SurveyTime last_{0};
  SurveyTime sent_{-1};  // When the first of the probes that were answered left.
  SurveyTime next_turn_{0};
  std::chrono::nanoseconds quickest_ = std::chrono::nanoseconds::max();
  std::chrono::nanoseconds quickest_before_ = std::chrono::nanoseconds::max();
  std::chrono::nanoseconds delay_{0};
  std::chrono::nanoseconds chance_{0};
};

}  // namespace trawl::control
