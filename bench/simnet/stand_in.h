#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "bench/simnet/frame.h"
#include "bench/simnet/frame6.h"
#include "bench/simnet/population6.h"

namespace trawl::simnet {

// Lets conversations, which know IPv4 alone, be held by IPv6 hosts: for a host stands the address
// of its number, for its peer one of 240.0.0.0/4, which no peer over IPv4 may have. Between the
// conversations and the link frames are translated, as RFC 7915 has it.
//
// Thread: one polling core. Cost: translating a frame moves its payload and sums it once more;
// allocates nothing.
class StandIns {
 public:
  static constexpr std::size_t kMostPeers = 256;

  // Needs `hosts` to outlive it.
  explicit StandIns(const Population6& hosts) noexcept : hosts_{&hosts} {}

  // Whether a conversation with this peer is one over IPv6, and the host's address its number.
  [[nodiscard]] static constexpr bool is_peer(Ipv4Address peer) noexcept {
    return peer.value() >= kFirstPeer;
  }
  // The frame as conversations see it; nullopt when the host is none or has too many peers.
  [[nodiscard]] std::optional<Ipv4Frame> frame(const Ipv6Frame& probe) noexcept;
  // Makes the IPv4 frame of `size` bytes, which a host sends to one of the peers, one over IPv6.
  // Returns its size, 0 when `buffer` is too small. Frames that do not have the router's address
  // get the host's.
  [[nodiscard]] std::size_t translate(std::span<std::byte> buffer, std::size_t size,
                                      std::uint64_t router_mac) const noexcept;

  // Has the peer that sent the SYN take no segments that do not fit a frame over IPv6.
  static void limit_segments(TcpSegment& syn) noexcept;

 private:
  static constexpr std::uint32_t kFirstPeer = 0xf0000000;

  const Population6* hosts_;
  std::array<Ipv6Address, kMostPeers> peers_{};
  std::uint32_t used_ = 0;
};

}  // namespace trawl::simnet
