#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "base/clock.h"
#include "base/verdict.h"
#include "dataplane/cookie.h"
#include "dataplane/counters.h"
#include "dataplane/target_space.h"

namespace trawl::dataplane {

// A validated reply on its way from a receiving core to the control plane.
struct Reply {
  static constexpr std::uint32_t kNoRtt = 0xffffffff;

  Ticks arrival = 0;
  std::uint32_t ip = 0;    // The target's address...
  std::uint32_t from = 0;  // ...and the address that answered.
  std::uint32_t rtt_us = kNoRtt;
  std::uint16_t port = 0;
  PortState state = PortState::Open;
  Reason reason = Reason::SynAck;
  std::uint8_t ttl = 0;
  std::uint8_t attempt = 1;
  std::uint8_t unused[6] = {};
};
static_assert(sizeof(Reply) == 32 && std::is_trivially_copyable_v<Reply>);

// What a frame claims to be, before its claim is checked against the scan key.
struct ReplyClaim {
  Target target;
  Ipv4Address from;
  std::uint32_t sequence = 0;     // Of the probe that it says it answers.
  std::uint32_t stamp = 0;        // Timestamp it echoes, 0 for none.
  std::uint16_t source_port = 0;  // Of that probe.
  PortState state = PortState::Open;
  Reason reason = Reason::SynAck;
  std::uint8_t ttl = 0;
};

// Takes received frames apart: SYN-ACK, RST, and ICMP errors that quote one of our probes (RFC 792;
// the quotation is at least the IP header and eight bytes).
//
// Bounded by frame.size() alone; no field of a frame is trusted. TCP checksums are not looked at:
// virtual links leave them to a NIC that is not there, and the cookie is the stronger check.
// Thread: immutable.
class ReplyParser {
 public:
  // What became of a frame: RxValid means `claim` is filled, RxArp that the frame is ARP; any other
  // counter is the reason it was put aside.
  ReplyParser(Ipv4Address source, PortRange ports) noexcept
      : source_{source.value()}, ports_{ports} {}

  [[nodiscard]] Counter parse(std::span<const std::byte> frame, ReplyClaim& claim) const noexcept;

 private:
  [[nodiscard]] Counter parse_tcp(std::span<const std::byte> segment,
                                  ReplyClaim& claim) const noexcept;
  [[nodiscard]] Counter parse_icmp(std::span<const std::byte> message,
                                   ReplyClaim& claim) const noexcept;

  std::uint32_t source_;
  PortRange ports_;
};

}  // namespace trawl::dataplane
