#pragma once

#include <algorithm>
#include <cstdint>

namespace trawl::dataplane {

// The part of a range of positions that falls to one of several lanes: every lanes-th block of
// kBlock positions, beginning with block `lane`. Its positions are numbered by a cursor,
// 0...own_total()-1, in rising order.
//
// Blocks keep a burst's positions consecutive; taking turns lets all lanes end together.
// Thread: immutable once made.
class LaneShare {
 public:
  static constexpr std::uint64_t kBlock = 64;

  // Of the positions [first, last). Needs first <= last and lane < lanes.
  constexpr LaneShare(std::uint64_t first, std::uint64_t last, unsigned lane,
                      unsigned lanes) noexcept
      : first_{first}, lane_{lane}, lanes_{lanes} {
    const std::uint64_t total = last - first;
    const std::uint64_t round = kBlock * lanes;
    const std::uint64_t rest = total % round;
    const std::uint64_t skipped = kBlock * lane;
    own_total_ = total / round * kBlock + (rest > skipped ? std::min(rest - skipped, kBlock) : 0);
  }

  [[nodiscard]] constexpr std::uint64_t own_total() const noexcept { return own_total_; }
  // The position at `cursor`. Needs cursor < own_total().
  [[nodiscard]] constexpr std::uint64_t position(std::uint64_t cursor) const noexcept {
    const std::uint64_t block = cursor / kBlock * lanes_ + lane_;
    return first_ + block * kBlock + cursor % kBlock;
  }
  // How many positions from `cursor` on, at most `want`, are consecutive.
  [[nodiscard]] constexpr std::uint64_t run(std::uint64_t cursor,
                                            std::uint64_t want) const noexcept {
    return std::min({want, own_total_ - cursor, kBlock - cursor % kBlock});
  }
  // Whether `position`, which must be in the range, comes before `cursor` in this share.
  [[nodiscard]] constexpr bool has_sent(std::uint64_t position,
                                        std::uint64_t cursor) const noexcept {
    const std::uint64_t offset = position - first_;
    const std::uint64_t block = offset / kBlock;
    if (block % lanes_ != lane_) return false;
    return block / lanes_ * kBlock + offset % kBlock < cursor;
  }

 private:
  std::uint64_t first_;
  std::uint64_t lane_;
  std::uint64_t lanes_;
  std::uint64_t own_total_ = 0;
};

}  // namespace trawl::dataplane
