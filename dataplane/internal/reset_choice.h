#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"
#include "dataplane/conversation/recent_answers.h"

namespace trawl::dataplane::internal {

// Which SYN-ACKs are answered with a reset.
//
// Every handshake twice, since the first reset may be lost: a peer that repeats its SYN-ACK for
// ever gets no more. A handshake is told by the peer's sequence number, so a target that is probed
// again, as sentinels are every second, is reset again. And no target gets more than two a second,
// whatever numbers it makes up: two that answer each other's packets stop there.
//
// Both are remembered in tables of fixed size that forget what collides (see RecentAnswers).
// Thread: one polling core. Allocates when made.
class ResetChoice {
 public:
  explicit ResetChoice(const TscClock& clock)
      : handshakes_{clock.ticks_in(std::chrono::seconds{64})},
        targets_{clock.ticks_in(std::chrono::seconds{1})} {}

  // Of the SYN-ACK of a target whose probe's sequence number, which no peer can choose, is
  // `sequence`. Counts as answered.
  [[nodiscard]] bool allow(std::uint32_t sequence, std::uint32_t peer_sequence,
                           Ticks now) noexcept {
    constexpr std::uint32_t kMix = 0x9e3779b1;
    const std::uint32_t mixed = peer_sequence * kMix;
    return targets_.allow(sequence, now) &&
           handshakes_.allow(sequence ^ mixed ^ (mixed >> 15U), now);
  }

 private:
  RecentAnswers handshakes_;
  RecentAnswers targets_;
};

}  // namespace trawl::dataplane::internal
