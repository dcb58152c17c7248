#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/udp_payload.h"

namespace trawl::dataplane {

// What a UDP reply says of the probe it answers.
struct UdpAnswer {
  std::uint16_t port = 0;           // The one that was probed.
  std::uint32_t sequence = 0;       // Of the cookie...
  std::uint32_t sequence_mask = 0;  // ...in these bits.
  std::uint32_t stamp = 0;          // 0 for none.
};

// The payloads of a survey, by the port they go to. A port without one gets an empty datagram, to
// which anything is a reply.
//
// Thread: immutable once made.
class UdpPayloads {
 public:
  // Of several payloads for a port the last counts. Ports that are not among `probed` are ignored.
  UdpPayloads(std::span<const UdpPayload> payloads, std::span<const std::uint16_t> probed);

  // Those in use; the first is the empty one.
  [[nodiscard]] std::span<const UdpPayload> all() const noexcept { return payloads_; }
  // Which of them goes to `port`.
  [[nodiscard]] std::size_t index_of(std::uint16_t port) const noexcept { return index_[port]; }
  // Reads a datagram's payload that came from `port` of a target: nullopt when it has not the form
  // of a reply. Bounded by payload.size() alone.
  [[nodiscard]] std::optional<UdpAnswer> read_reply(
      std::uint16_t port, std::span<const std::byte> payload) const noexcept;

 private:
  std::vector<UdpPayload> payloads_;
  std::vector<std::uint16_t> index_;  // By port.
  std::vector<bool> probed_;          // By port.
  std::vector<std::size_t> any_port_;
};

}  // namespace trawl::dataplane
