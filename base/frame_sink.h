#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"

namespace trawl {

// What is known of a packet beside its bytes.
struct FrameNote {
  Ticks at = 0;           // When it came, or left; 0: it did not leave.
  std::uint64_t tag = 0;  // As its sender chose it.
};

// Where a polling core puts packets that somebody else waits for.
//
// Thread: offer() is one polling core's.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Takes a copy of an IP packet, or of its start; false when there is no room, and the caller
  // counts it. Never waits, allocates nothing.
  [[nodiscard]] virtual bool offer(std::span<const std::byte> packet,
                                   const FrameNote& note) noexcept = 0;
};

}  // namespace trawl
