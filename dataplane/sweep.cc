#include "dataplane/sweep.h"

#include <algorithm>

namespace trawl::dataplane {

std::uint64_t first_untaken(const Sweep& sweep, const Lanes& lanes) noexcept {
  std::uint64_t lowest = sweep.last;
  for (unsigned i = 0; i < kLanes; ++i) {
    const LaneShare share{sweep.first, sweep.last, i, kLanes};
    const std::uint64_t taken = lanes[i].taken.load(std::memory_order_acquire);
    if (taken < share.own_total()) lowest = std::min(lowest, share.position(taken));
  }
  return lowest;
}

std::uint64_t last_taken(const Sweep& sweep, const Lanes& lanes) noexcept {
  std::uint64_t behind = sweep.first;
  for (unsigned i = 0; i < kLanes; ++i) {
    const LaneShare share{sweep.first, sweep.last, i, kLanes};
    const std::uint64_t taken = lanes[i].taken.load(std::memory_order_acquire);
    if (taken > 0) behind = std::max(behind, share.position(taken - 1) + 1);
  }
  return behind;
}

bool has_sent(const Sweep& sweep, const Lanes& lanes, std::uint64_t position) noexcept {
  if (position < sweep.first || position >= sweep.last) return false;
  const auto lane = static_cast<unsigned>((position - sweep.first) / LaneShare::kBlock % kLanes);
  const LaneShare share{sweep.first, sweep.last, lane, kLanes};
  return share.has_sent(position, lanes[lane].taken.load(std::memory_order_acquire));
}

std::uint64_t taken_in_all(const Lanes& lanes) noexcept {
  std::uint64_t sum = 0;
  for (const Lane& lane : lanes) sum += lane.taken.load(std::memory_order_relaxed);
  return sum;
}

}  // namespace trawl::dataplane
