#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/units.h"

namespace trawl::dataplane {

// What polling cores say to open TCP ports, and how long they listen: a conversation without the
// kernel, its state in sequence numbers until the first data comes.
//
// Thread: frozen before the cores start.
struct ConversationPlan {
  static constexpr std::size_t kMostPayload = 1024;
  static constexpr std::size_t kPorts = 65536;

  // What is sent with the ACK of the handshake. [0] is nothing, for servers that speak first; the
  // others have 1 to kMostPayload bytes.
  std::vector<std::vector<std::byte>> payloads{{}};
  // By port: which payload comes first, and which is tried on a second connection when the first
  // was refused or met with silence after it was acknowledged. Equal ones: there is no second try.
  std::array<std::uint8_t, kPorts> first{};
  std::array<std::uint8_t, kPorts> second{};

  ByteCount most_bytes{1024};  // Of a banner.
  // Silence after the last data that ends a banner; and how long a port that acknowledged all is
  // given to say its first word.
  std::chrono::milliseconds idle{500};
  std::chrono::milliseconds patience{3000};
  std::size_t most_open = 1U << 20U;                 // Conversations remembered at once.
  ByteCount most_memory{std::uint64_t{256} << 20U};  // For banners on their way to control.
  std::uint8_t ttl = 64;                             // Of what is sent; of IPv6 the hop limit.
  // A process before this one may have left connections of the same key behind: what peers that
  // still believe in one say of it, when they are asked again, is reset instead of believed.
  bool is_resumed = false;
};

}  // namespace trawl::dataplane
