#include "control/survey/checkpoint/settled_tracker.h"

#include <algorithm>

namespace trawl::control {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kEnoughRoundTrips = 50;
constexpr auto kSlack = 2ms;  // Frames wait in rings, and threads for their turn.
constexpr auto kLeastSpacing = 200us;

}  // namespace

std::chrono::nanoseconds neighbour_wait(PacketsPerSecond rate, std::uint32_t burst) noexcept {
  constexpr std::chrono::duration<double> kLongest = 24h;
  const std::chrono::duration<double> packets{(burst + 1.0) / rate.per_second()};
  return kNeighbourWait +
         std::chrono::duration_cast<std::chrono::nanoseconds>(std::min(packets, kLongest));
}

void SettledTracker::saw_round_trip(std::chrono::nanoseconds time) noexcept {
  ++round_trips_;
  slowest_ = std::max(slowest_, time);
}

void SettledTracker::assume(std::chrono::nanoseconds slowest) noexcept {
  slowest_ = slowest;
  round_trips_ = slowest.count() > 0 ? kEnoughRoundTrips : 0;
}

std::chrono::nanoseconds SettledTracker::slowest() const noexcept {
  return round_trips_ < kEnoughRoundTrips ? std::chrono::nanoseconds{0} : slowest_;
}

std::chrono::nanoseconds SettledTracker::window() const noexcept {
  if (round_trips_ < kEnoughRoundTrips) return std::max(least_, longest_);
  return least_ + std::min(longest_, slowest_ * 3 / 2 + kSlack);
}

void SettledTracker::restart(const Cursors& from) {
  samples_.clear();
  settled_ = from;
}

bool SettledTracker::drained(Clock::time_point now, const dataplane::Lanes& lanes) {
  const std::chrono::nanoseconds wait = window();
  bool changed = false;
  while (!samples_.empty() && samples_.front().at <= now - wait) {
    settled_ = samples_.front().sent;
    samples_.pop_front();
    changed = true;
  }
  const std::chrono::nanoseconds spacing =
      std::max<std::chrono::nanoseconds>(kLeastSpacing, wait / 8);
  if (samples_.empty() || now - samples_.back().at >= spacing) {
    Sample sample{now, {}};
    for (unsigned i = 0; i < dataplane::kLanes; ++i) {
      sample.sent[i] = lanes[i].sent.load(std::memory_order_acquire);
    }
    samples_.push_back(sample);
  }
  return changed;
}

}  // namespace trawl::control
