#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/ip.h"
#include "base/result.h"
#include "bench/simnet/bottleneck.h"
#include "bench/simnet/burst_loss.h"
#include "bench/simnet/path_options.h"

namespace trawl::simnet {

enum class Direction : std::uint8_t { ToHosts, ToScanner };
enum class PassageFate : std::uint8_t { Arrives, Lost, LostInBurst, Dropped };

struct Passage {
  PassageFate fate = PassageFate::Arrives;
  std::chrono::nanoseconds wait{0};  // In the queue of the bottleneck.
};

// One way between the scanner and the hosts: a bottleneck near the scanner, and loss beyond it. So
// packets that are lost on the way to a host have used the bottleneck, and replies that are lost
// never reach it.
//
// Thread: one polling core. Cost: one branch when the way is clear.
class Way {
 public:
  // Fails with Runtime when there is too little memory for the state of every /24.
  [[nodiscard]] static Result<Way> make(const WayOptions& options, Direction direction,
                                        std::uint64_t seed);

  // What becomes of a frame to or from `host` that starts out at `now`.
  [[nodiscard]] Passage pass(Ipv4Address host, std::size_t size,
                             std::chrono::nanoseconds now) noexcept {
    return is_clear_ ? Passage{} : obstructed(host, size, now);
  }
  [[nodiscard]] std::chrono::nanoseconds longest_wait() const noexcept {
    return bottleneck_.longest_wait();
  }

 private:
  Way(const WayOptions& options, Direction direction, std::uint64_t seed);
  [[nodiscard]] Passage obstructed(Ipv4Address host, std::size_t size,
                                   std::chrono::nanoseconds now) noexcept;
  [[nodiscard]] PassageFate loss(Ipv4Address host, std::chrono::nanoseconds now) noexcept;

  Direction direction_;
  bool is_clear_;
  std::uint32_t loss_threshold_;
  std::uint64_t key_;
  std::uint64_t passed_ = 0;  // The order that plain loss is drawn from.
  BurstLoss bursts_;
  Bottleneck bottleneck_;
};

}  // namespace trawl::simnet
