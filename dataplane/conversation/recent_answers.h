#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace trawl::dataplane {

// Which SYN-ACKs were answered lately, and how often: so that one repeated without end is not, and
// that a reset is known to concern a handshake.
//
// A direct-mapped table of two bytes an entry that forgets whatever collides: then one is answered
// more often than it should be, or a reset is not believed.
// Thread: one polling core. Allocates when made.
class RecentAnswers {
 public:
  static constexpr unsigned kMost = 2;  // Answers to one target in one age.

  // An age is how long an answer is remembered, at most; half of it on the mean.
  explicit RecentAnswers(Ticks age) : age_{age}, entries_(kEntries) {}

  // Counts an answer, or says that there were enough. `hash` is the target's, of the scan key.
  [[nodiscard]] bool allow(std::uint32_t hash, Ticks now) noexcept {
    std::uint16_t& entry = entries_[hash % kEntries];
    const std::uint16_t tag = tag_of(hash, now);
    if ((entry & ~kCount) != tag) entry = tag;
    if ((entry & kCount) == kMost) return false;
    ++entry;
    return true;
  }
  // How many there were.
  [[nodiscard]] unsigned count(std::uint32_t hash, Ticks now) const noexcept {
    const std::uint16_t entry = entries_[hash % kEntries];
    return (entry & ~kCount) == tag_of(hash, now) ? entry & kCount : 0U;
  }

 private:
  static constexpr std::size_t kEntries = std::size_t{1} << 18U;
  static constexpr std::uint16_t kCount = 3;

  // The bits of the hash that did not choose the entry, and four of the time.
  [[nodiscard]] std::uint16_t tag_of(std::uint32_t hash, Ticks now) const noexcept {
    const auto mixed = static_cast<std::uint16_t>((hash >> 18U) ^ (now / age_ * 0x9e5));
    return static_cast<std::uint16_t>(mixed << 2U);
  }

  Ticks age_;
  std::vector<std::uint16_t> entries_;
};

}  // namespace trawl::dataplane
