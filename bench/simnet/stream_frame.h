#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ip.h"
#include "bench/simnet/frame.h"

namespace trawl::simnet {

inline constexpr std::uint8_t kPush = 0x08;

// A TCP segment of a connection under way, with its addresses, all in host order.
struct StreamSegment {
  std::uint64_t eth_to = 0;
  std::uint64_t eth_from = 0;
  Ipv4Address from;
  Ipv4Address to;
  std::uint16_t from_port = 0;
  std::uint16_t to_port = 0;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint8_t flags = 0;
  std::uint8_t ttl = 64;
  std::uint16_t window = 0;
  std::uint16_t ip_id = 0;
  bool has_timestamps = false;
  std::uint32_t timestamp = 0;  // TSval of RFC 7323,
  std::uint32_t echo = 0;       // and TSecr.

  // Where the payload begins in the frame.
  [[nodiscard]] std::size_t payload_at() const noexcept {
    constexpr std::size_t kTimestampsSize = 12;
    return wire::kEthernetSize + wire::kIpSize + wire::kTcpSize +
           (has_timestamps ? kTimestampsSize : 0);
  }
};

// Writes the headers in front of a payload that is in place at segment.payload_at(). Returns the
// size of the frame, or 0 when `frame` is too small.
[[nodiscard]] std::size_t write_stream_segment(std::span<std::byte> frame,
                                               const StreamSegment& segment,
                                               std::size_t payload_size) noexcept;

}  // namespace trawl::simnet
