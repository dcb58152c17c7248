#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/units.h"
#include "dataplane/sweep.h"

namespace trawl::control {

// How long a probe may be with us after it counts as sent: waiting for its neighbour's MAC
// address...
inline constexpr std::chrono::nanoseconds kNeighbourWait = std::chrono::seconds{2};
// ...and then, where its network has a budget of `rate` (neither zero nor unlimited) and `burst`,
// for its own packet of that, the first having gone to the request: behind a whole burst.
[[nodiscard]] std::chrono::nanoseconds neighbour_wait(PacketsPerSecond rate,
                                                      std::uint32_t burst) noexcept;

// Finds the positions whose replies have all been taken: those sent longer ago than any reply
// took, as of a moment when no reply was waiting.
//
// What is sent later than that is on its way when the process dies, and a resumed survey has to
// send it again: its replies come to nobody.
// Thread: one user. Time comes in as an argument.
class SettledTracker {
 public:
  using Clock = std::chrono::steady_clock;
  using Cursors = std::array<std::uint64_t, dataplane::kLanes>;

  // `longest_wait` bounds the round-trip time until replies have told it, and for ever after. A
  // probe may be with us for `least_wait` after it counts as sent, waiting for ARP.
  explicit SettledTracker(std::chrono::nanoseconds longest_wait,
                          std::chrono::nanoseconds least_wait = std::chrono::nanoseconds{0})
      : longest_{longest_wait}, least_{least_wait} {}

  // What slowest() of an earlier process was.
  void assume(std::chrono::nanoseconds slowest) noexcept;
  // The longest round trip, 0 while too few are known to tell.
  [[nodiscard]] std::chrono::nanoseconds slowest() const noexcept;
  // A reply took this long.
  void saw_round_trip(std::chrono::nanoseconds time) noexcept;
  // Every reply that had arrived by `now` has been taken. True when settled() changed.
  bool drained(Clock::time_point now, const dataplane::Lanes& lanes);
  // A new sweep begins: nothing of it is settled.
  void restart(const Cursors& from);

  [[nodiscard]] const Cursors& settled() const noexcept { return settled_; }
  // How long after its probe a reply may come.
  [[nodiscard]] std::chrono::nanoseconds window() const noexcept;

 private:
  struct Sample {
    Clock::time_point at;
    Cursors sent{};
  };

  std::chrono::nanoseconds longest_;
  std::chrono::nanoseconds least_;
  std::chrono::nanoseconds slowest_{0};
  std::uint64_t round_trips_ = 0;
  std::deque<Sample> samples_;  // At least an eighth of the window apart.
  Cursors settled_{};
};

}  // namespace trawl::control
