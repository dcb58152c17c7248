#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/ip.h"
#include "base/port_class.h"

namespace trawl::dataplane {

// How a conversation ended.
enum class BannerEnd : std::uint8_t {
  Idle,    // Nothing more came for a while.
  Closed,  // A FIN: these are all bytes there are.
  Reset,   // A RST.
  Full     // As many bytes as were wanted.
};

// What came of one conversation that the polling cores held with an open port (ConversationPlan).
// The bytes, all in order from the first one on, lie behind it in the same slab.
struct Banner {
  Ticks arrival = 0;  // Of its first byte, or of what decided.
  IpAddress ip;
  std::uint16_t port = 0;
  PortClass port_class = PortClass::Unknown;
  BannerEnd end = BannerEnd::Idle;
  std::uint8_t payload = 0;   // Which of the plan's payloads was sent: 0 is none.
  std::uint8_t question = 1;  // 1: the port's first payload, 2: the other one, for wrong ports.
  std::uint8_t attempt = 1;   // Of the probe.
  std::uint8_t unused = 0;
  std::uint32_t length = 0;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
    return {reinterpret_cast<const std::byte*>(this + 1), length};
  }
};

}  // namespace trawl::dataplane
