#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/lane_share.h"
#include "dataplane/permutation.h"
#include "dataplane/target_space.h"

namespace trawl::dataplane {

// How far one lane of a sweep is, in positions of its share. Written by the one core that owns the
// lane; read by any. Plain memory of fixed layout, so that it may lie in a file that outlives the
// process.
struct Lane {
  std::atomic<std::uint64_t> taken{0};  // Generated: their probes may have left.
  std::atomic<std::uint64_t> sent{0};   // Handed to the link; never more than `taken`.
};
static_assert(sizeof(Lane) == 16 && std::atomic<std::uint64_t>::is_always_lock_free);

// A sweep is always cut into this many lanes, however many cores share them: what was done by one
// number of cores can be continued by another. Also the most cores that can send.
inline constexpr unsigned kLanes = 64;
using Lanes = std::array<Lane, kLanes>;

// Positions that a sweep leaves out, numbered from the start of its range.
//
// Thread: the control thread adds, sending cores read; relaxed atomics.
class PositionSet {
 public:
  explicit PositionSet(std::uint64_t size) : words_(size / 64 + 1) {}

  void add(std::uint64_t offset) noexcept {
    words_[offset / 64].fetch_or(std::uint64_t{1} << (offset % 64), std::memory_order_relaxed);
  }
  [[nodiscard]] bool contains(std::uint64_t offset) const noexcept {
    return (words_[offset / 64].load(std::memory_order_relaxed) >> (offset % 64) & 1U) != 0;
  }
  // Bit i is set when `offset + i` is in the set, for the rest of its block of 64.
  [[nodiscard]] std::uint64_t mask_from(std::uint64_t offset) const noexcept {
    return words_[offset / 64].load(std::memory_order_relaxed) >> (offset % 64);
  }

 private:
  std::vector<std::atomic<std::uint64_t>> words_;
};

// One pass over positions [first, last) of a visiting order.
//
// A survey is a sequence of sweeps: over everything, then over what deserves another try.
// Thread: frozen once handed to the Scanner, but for `skip`, which may grow.
struct Sweep {
  std::shared_ptr<const TargetSpace> space;
  Permutation order;  // Of space->size().
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint8_t attempt = 1;                 // Goes out in the probes' stamps.
  std::shared_ptr<const PositionSet> skip;  // Absent: nothing is left out.
};

// The lowest position of [first, last) that some lane has not taken, `last` when there is none.
[[nodiscard]] std::uint64_t first_untaken(const Sweep& sweep, const Lanes& lanes) noexcept;

// One behind the highest position that some lane has taken, `first` when there is none.
[[nodiscard]] std::uint64_t last_taken(const Sweep& sweep, const Lanes& lanes) noexcept;

// Whether the probe for `position` may have left.
[[nodiscard]] bool has_sent(const Sweep& sweep, const Lanes& lanes,
                            std::uint64_t position) noexcept;

// Positions taken by all lanes together.
[[nodiscard]] std::uint64_t taken_in_all(const Lanes& lanes) noexcept;

}  // namespace trawl::dataplane
