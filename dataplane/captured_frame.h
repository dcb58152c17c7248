#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/clock.h"

namespace trawl::dataplane {

// The start of a received frame that was a valid reply, on its way to a capture file. Replies are
// small: of TCP and ICMP nothing is cut off, of UDP only what follows the first 160 bytes or so.
struct CapturedFrame {
  static constexpr std::size_t kMostBytes = 240;

  Ticks arrival = 0;
  std::uint16_t length = 0;  // As it arrived...
  std::uint16_t kept = 0;    // ...and of that in `bytes`.
  std::uint32_t unused = 0;
  std::array<std::byte, kMostBytes> bytes;
};
static_assert(sizeof(CapturedFrame) == 256 && std::is_trivially_copyable_v<CapturedFrame>);

}  // namespace trawl::dataplane
