#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "base/units.h"

namespace trawl::dataplane {

// Says how many packets may be sent now, on the time-stamp counter.
//
// The schedule is a straight line: packet n is due at start + n / rate, so rounding never adds up.
// A lag of up to kForgivenSeconds is made good through a second, short bucket, which fills at
// kCatchUp times the rate and faster the longer the lag, up to kMostCatchUp: a core that gets its
// CPU in slices keeps the rate. After a longer stall (SIGSTOP, suspend) the line starts anew, so
// there is never a burst.
//
// Thread: owned by one polling core. Time comes in as an argument, so tests need no real time.
class Pacer {
 public:
  static constexpr double kCatchUp = 1.05;
  static constexpr double kCatchUpPerLagSecond = 200.0;
  static constexpr double kMostCatchUp = 3.0;
  static constexpr double kForgivenSeconds = 0.1;
  // The short bucket holds this much time's worth of packets, or more when polls come rarely.
  static constexpr double kSmoothSeconds = 50e-6;

  explicit Pacer(const TscClock& clock) noexcept : ticks_per_second_{clock.ticks_per_second()} {}

  // Starts a new line at `now`: the first packet is due at once.
  void set_rate(PacketsPerSecond rate, Ticks now) noexcept {
    rate_ = rate;
    per_tick_ = rate.is_unlimited() ? 0.0 : rate.per_second() / ticks_per_second_;
    restart(now);
  }

  // How many packets, at most `want`, may go now. Tell sent() how many did.
  [[nodiscard]] unsigned allow(Ticks now, unsigned want) noexcept {
    if (rate_.is_unlimited()) return want;
    if (per_tick_ <= 0.0) return 0;
    const auto gap = static_cast<double>(now - last_poll_);
    last_poll_ = now;
    const double due = static_cast<double>(now - start_) * per_tick_ + 1.0;
    const double lag = due - static_cast<double>(sent_);
    lag_ = lag;
    if (lag > most_lag_) {
      ++stalls_;
      restart(now);
      return want == 0 ? 0 : 1;
    }
    if (usual_gap_ == 0.0) usual_gap_ = gap;
    // One more, since packets are whole: what is left of the credit must not be lost.
    const double room =
        1.0 + per_tick_ * std::max(kSmoothSeconds * ticks_per_second_, 1.25 * usual_gap_);
    const double lag_seconds = lag / (per_tick_ * ticks_per_second_);
    const double catch_up = std::min(kMostCatchUp, kCatchUp + kCatchUpPerLagSecond * lag_seconds);
    credit_ = std::min(room, credit_ + gap * per_tick_ * catch_up);
    usual_gap_ += (gap - usual_gap_) / 16.0;
    const double allowed = std::min(lag, credit_);
    return allowed < 1.0 ? 0 : std::min(want, static_cast<unsigned>(std::min(allowed, 1e6)));
  }

  void sent(unsigned packets) noexcept {
    sent_ += packets;
    credit_ -= packets;
  }

  // There is nothing that may be sent: the line moves on to `now`, and the time until then is not
  // made good.
  void forgo(Ticks now) noexcept {
    if (per_tick_ <= 0.0) return;
    const double lag = static_cast<double>(now - start_) * per_tick_ - static_cast<double>(sent_);
    if (lag > 0.0) start_ += static_cast<Ticks>(lag / per_tick_);
    lag_ = 0.0;
    credit_ = std::min(credit_, 1.0);
  }

  // Whether packets are due that allow() held back the last time, because they would have made a
  // burst: the core has to stay at it.
  [[nodiscard]] bool is_behind() const noexcept { return !rate_.is_unlimited() && lag_ >= 2.0; }
  // How often a stall was too long to make good.
  [[nodiscard]] std::uint64_t stalls() const noexcept { return stalls_; }

 private:
  void restart(Ticks now) noexcept {
    start_ = now;
    last_poll_ = now;
    sent_ = 0;
    lag_ = 0.0;
    credit_ = 1.0;
    usual_gap_ = 0.0;
    most_lag_ = std::max(2.0, kForgivenSeconds * ticks_per_second_ * per_tick_) + 1.0;
  }

  double ticks_per_second_;
  PacketsPerSecond rate_{PacketsPerSecond::unlimited()};
  double per_tick_ = 0.0;
  double most_lag_ = 0.0;
  double lag_ = 0.0;
  double credit_ = 1.0;
  double usual_gap_ = 0.0;
  Ticks start_ = 0;
  Ticks last_poll_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t stalls_ = 0;
};

}  // namespace trawl::dataplane
