#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/ip.h"
#include "dataplane/target.h"
#include "dataplane/vlan.h"

namespace trawl::dataplane {

// A TCP segment for us, taken apart (RFC 9293 section 3.1, RFC 7323).
template <typename Address>
struct BasicSegment {
  BasicTarget<Address> target;  // Who sent it.
  Address source;               // Ours, as the next.
  std::uint16_t source_port = 0;
  std::uint16_t window = 0;  // As it lies in the header.
  std::uint32_t sequence = 0;
  std::uint32_t ack = 0;
  std::uint32_t stamp = 0;  // Its own timestamp,
  std::uint32_t echo = 0;   // and the one of ours that it echoes.
  std::uint8_t flags = 0;
  bool has_stamps = false;
  bool scales = false;  // Of a SYN-ACK: it takes our windows for scaled ones.
  std::span<const std::byte> data;
};

// False for anything but a whole TCP segment over IP of the family. Bounded by frame.size() alone.
// Whether it is for us is not looked at: BasicReplyParser does that. Nor are checksums.
template <typename Address>
[[nodiscard]] bool read_segment(std::span<const std::byte> frame, VlanId vlan,
                                BasicSegment<Address>& segment) noexcept;

extern template bool read_segment(std::span<const std::byte>, VlanId,
                                  BasicSegment<Ipv4Address>&) noexcept;
extern template bool read_segment(std::span<const std::byte>, VlanId,
                                  BasicSegment<Ipv6Address>&) noexcept;

}  // namespace trawl::dataplane
