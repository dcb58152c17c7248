#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/simnet/delay_queue.h"

namespace trawl::simnet {

// Frames that hosts will send by themselves: late SYN-ACKs, and repeats of one frame at a steady
// spacing. A storm of thousands of repeats takes no more room than one.
//
// Thread: one polling core. Cost: as DelayQueue.
class HostTimers {
 public:
  static constexpr std::size_t kLargestFrame = 96;

  struct Timer {
    std::chrono::nanoseconds due{0};
    std::chrono::nanoseconds spacing{0};
    std::uint32_t left = 0;  // Times the frame is sent, the first at `due`.
  };

  // For timers up to `horizon` ahead.
  HostTimers(std::chrono::nanoseconds horizon, std::size_t slots);

  // False when there is no room. Needs a frame of 1 to kLargestFrame bytes and left > 0.
  [[nodiscard]] bool add(std::span<const std::byte> frame, const Timer& timer) noexcept;
  // Copies the next frame due at `now` to `out` and returns its size, or 0 when none is due. The
  // next repeat is due its spacing after this one was, however late that was asked for.
  [[nodiscard]] std::size_t take(std::span<std::byte> out, std::chrono::nanoseconds now) noexcept;

  [[nodiscard]] bool empty() const noexcept { return queue_.size() == 0; }

 private:
  DelayQueue queue_;
};

}  // namespace trawl::simnet
