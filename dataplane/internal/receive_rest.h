#pragma once

#include <algorithm>

namespace trawl::dataplane::internal {

// When a core that is busy sending sees to receiving.
//
// A poll that finds two frames costs about as much as one that finds twenty: most of it is waiting
// for cache lines that the other end of the link has just written. While few come, several bursts
// are sent between two polls. For one queue: what an empty one tells says nothing of others.
// Thread: one polling core.
class ReceiveRest {
 public:
  // Bursts sent between two polls, at most. A reply is noticed that much later at most.
  static constexpr unsigned kMostBursts = 4;
  // From so many frames a poll on, each burst is followed by one.
  static constexpr unsigned kMany = 16;

  // Asked once after each burst sent.
  [[nodiscard]] bool is_over() noexcept { return ++bursts_ >= rest_; }
  void received(unsigned frames) noexcept {
    bursts_ = 0;
    rest_ = frames >= kMany ? 1 : std::min(rest_ + 1, kMostBursts);
  }

 private:
  unsigned bursts_ = 0;
  unsigned rest_ = 1;
};

}  // namespace trawl::dataplane::internal
