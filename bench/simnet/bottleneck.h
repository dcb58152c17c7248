#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "bench/simnet/path_options.h"

namespace trawl::simnet {

// A link of limited capacity with a queue in front: a token bucket that serves packets in the order
// they came, delays those it cannot serve at once and drops those that find the queue full.
//
// Works in capacity instead of time: what could have been served since the first packet is a known
// function of time, steps and all, and a packet leaves when that has reached its place in the
// order. So the answer is there as the packet comes and does not depend on how often anybody asks.
//
// Thread: one polling core. Cost: no allocation; a scan of the steps.
class Bottleneck {
 public:
  // Without one in `options` everything passes at once.
  explicit Bottleneck(const BottleneckOptions& options);

  [[nodiscard]] bool is_present() const noexcept { return options_.is_present(); }
  // How long a frame that comes at `now` has to wait; nullopt when it is dropped. Needs
  // is_present(). A `now` before that of another frame stands in the queue behind it all the same.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> pass(std::size_t frame_size,
                                                             std::chrono::nanoseconds now) noexcept;
  // The longest wait in a full queue.
  [[nodiscard]] std::chrono::nanoseconds longest_wait() const noexcept;

 private:
  // A stretch of time with one rate, until the next begins.
  struct Stretch {
    double start;   // Nanoseconds since the first packet.
    double served;  // Capacity until `start`.
    double rate;    // Capacity a nanosecond.
  };

  [[nodiscard]] double served_at(double time) const noexcept;
  [[nodiscard]] double time_of(double served) const noexcept;

  BottleneckOptions options_;
  std::vector<Stretch> stretches_;
  double queue_;  // In packets or bits, like everything below.
  double burst_;
  double promised_ = 0;  // Where the capacity stands when all that was accepted has been served.
  std::optional<std::chrono::nanoseconds> start_;
};

}  // namespace trawl::simnet
