#pragma once

#include <cstdint>

namespace trawl::dataplane {

// When a probe was sent and which attempt it was, in the 32 bits of a TCP timestamp (RFC 7323): 29
// bits of microseconds, 3 bits of attempt. The reply echoes it, so the round-trip time needs no
// state.
struct ProbeStamp {
  static constexpr unsigned kAttemptBits = 3;
  static constexpr std::uint32_t kTimeMask = (1U << (32 - kAttemptBits)) - 1;
  static constexpr std::uint32_t kMostAttempts = (1U << kAttemptBits) - 1;
  // Marks probes to targets known to answer, which tell how many probes get lost.
  static constexpr std::uint32_t kSentinelAttempt = kMostAttempts;

  // Needs attempt in 1...kMostAttempts. Never 0, which some hosts take for "no timestamp".
  [[nodiscard]] static constexpr std::uint32_t encode(std::uint64_t microseconds,
                                                      std::uint32_t attempt) noexcept {
    return static_cast<std::uint32_t>((microseconds & kTimeMask) << kAttemptBits) | attempt;
  }
  [[nodiscard]] static constexpr std::uint32_t attempt(std::uint32_t stamp) noexcept {
    return stamp & kMostAttempts;
  }
  // For where the highest bit of a stamp does not come back: half the time.
  static constexpr std::uint32_t kShortTimeMask = kTimeMask >> 1U;

  // Microseconds from the stamp to `now`, modulo nine minutes.
  [[nodiscard]] static constexpr std::uint32_t age(std::uint32_t stamp,
                                                   std::uint64_t now) noexcept {
    return (static_cast<std::uint32_t>(now) - (stamp >> kAttemptBits)) & kTimeMask;
  }
};

}  // namespace trawl::dataplane
