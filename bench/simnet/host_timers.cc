#include "bench/simnet/host_timers.h"

#include <array>
#include <cstring>

namespace trawl::simnet {

HostTimers::HostTimers(std::chrono::nanoseconds horizon, std::size_t slots)
    : queue_{horizon, slots} {}

bool HostTimers::add(std::span<const std::byte> frame, const Timer& timer) noexcept {
  std::array<std::byte, sizeof timer + kLargestFrame> entry;
  std::memcpy(entry.data(), &timer, sizeof timer);
  std::memcpy(entry.data() + sizeof timer, frame.data(), frame.size());
  return queue_.push(std::span{entry}.first(sizeof timer + frame.size()), timer.due);
}

std::size_t HostTimers::take(std::span<std::byte> out, std::chrono::nanoseconds now) noexcept {
  Timer timer;
  std::array<std::byte, sizeof timer + kLargestFrame> entry;
  const std::size_t size = queue_.pop(entry, now);
  if (size == 0) return 0;
  std::memcpy(&timer, entry.data(), sizeof timer);
  const auto frame = std::span{entry}.subspan(sizeof timer, size - sizeof timer);
  if (out.size() < frame.size()) return 0;
  std::memcpy(out.data(), frame.data(), frame.size());
  if (--timer.left > 0) {
    timer.due += timer.spacing;
    (void)add(frame, timer);  // Takes the room that this one has left.
  }
  return frame.size();
}

}  // namespace trawl::simnet
