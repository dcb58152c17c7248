#pragma once

#include <algorithm>

#include "base/clock.h"

namespace trawl::dataplane::internal {

// Spreads what was asked for at once over the time until more is: one at a time, evenly.
//
// Probes that left together at the head of a burst would find queues on the path emptier than those
// behind them do, and tell of a better path than there is.
// Thread: one polling core. Time comes in as an argument.
class Spread {
 public:
  // `over`: the time between two times of asking.
  explicit Spread(Ticks over) noexcept : over_{over} {}

  // Whether one of the `waiting` may go now; it counts as gone.
  [[nodiscard]] bool allow(Ticks now, unsigned waiting) noexcept {
    // More than before: they have just been asked for.
    if (waiting > left_) spacing_ = over_ / waiting;
    left_ = waiting;
    if (waiting == 0 || now < next_) return false;
    // A lag is not made good: that would be a burst.
    next_ = std::max(next_ + spacing_, now + spacing_ / 2);
    --left_;
    return true;
  }

 private:
  Ticks over_;
  Ticks spacing_ = 0;
  Ticks next_ = 0;
  unsigned left_ = 0;
};

}  // namespace trawl::dataplane::internal
