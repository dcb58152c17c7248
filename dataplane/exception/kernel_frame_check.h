#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/ip.h"
#include "dataplane/exception/scan_filter_rules.h"
#include "dataplane/exception/scan_traffic.h"
#include "dataplane/packet/packet_guard.h"

namespace trawl::dataplane {

// May a frame that the kernel gave to the TAP leave?
//
// Its destination passes an egress guard like every probe. ARP may leave, and so may neighbour
// discovery to the link or to the gateway (RFC 4861), for neither is forwarded. What comes from a
// port of the scan may not: whatever the kernel has to say there would be a reset to whom we probe.
//
// Thread: immutable. Cost: reads headers alone; bounded by the frame and by eight extension headers
// of IPv6.
class KernelFrameCheck {
 public:
  enum class Verdict : std::uint8_t { Allowed, Blocked, ScanPort };

  // `gateway` is where neighbour discovery may go beside the groups of the link.
  KernelFrameCheck(const ScanTraffic& traffic, std::optional<IpAddress> gateway);

  // Of an untagged Ethernet frame. Blocked is also what cannot be read, what is neither ARP nor IP,
  // and what says itself which way to take (RFC 791 options, RFC 8200 routing headers).
  [[nodiscard]] Verdict judge(std::span<const std::byte> frame,
                              const PacketGuard& guard) const noexcept;

 private:
  [[nodiscard]] Verdict judge_v4(std::span<const std::byte> packet,
                                 const PacketGuard& guard) const noexcept;
  [[nodiscard]] Verdict judge_v6(std::span<const std::byte> packet,
                                 const PacketGuard& guard) const noexcept;
  [[nodiscard]] bool is_neighbour_discovery(std::span<const std::byte> packet) const noexcept;
  [[nodiscard]] bool is_scan_port(const IpAddress& source, std::uint8_t protocol,
                                  std::span<const std::byte> transport) const noexcept;

  ScanFilterConfig scan_;
  std::optional<IpAddress> gateway_;
};

}  // namespace trawl::dataplane
