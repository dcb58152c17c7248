#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mac.h"
#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/target_space.h"

namespace trawl::dataplane {

// When a probe was sent and which attempt it was, in the 32 bits of a TCP timestamp (RFC 7323): 29
// bits of microseconds, 3 bits of attempt. The reply echoes it, so the round-trip time needs no
// state.
struct ProbeStamp {
  static constexpr unsigned kAttemptBits = 3;
  static constexpr std::uint32_t kTimeMask = (1U << (32 - kAttemptBits)) - 1;
  static constexpr std::uint32_t kMostAttempts = (1U << kAttemptBits) - 1;

  // Needs attempt in 1...kMostAttempts. Never 0, which some hosts take for "no timestamp".
  [[nodiscard]] static constexpr std::uint32_t encode(std::uint64_t microseconds,
                                                      std::uint32_t attempt) noexcept {
    return static_cast<std::uint32_t>((microseconds & kTimeMask) << kAttemptBits) | attempt;
  }
  [[nodiscard]] static constexpr std::uint32_t attempt(std::uint32_t stamp) noexcept {
    return stamp & kMostAttempts;
  }
  // Microseconds from the stamp to `now`, modulo nine minutes.
  [[nodiscard]] static constexpr std::uint32_t age(std::uint32_t stamp,
                                                   std::uint64_t now) noexcept {
    return (static_cast<std::uint32_t>(now) - (stamp >> kAttemptBits)) & kTimeMask;
  }
};

// A TCP SYN frame whose constant bytes and checksum parts are worked out ahead of time.
//
// It looks like the SYN of a current Linux (MSS, SACK permitted, timestamps, window scale, in that
// order, DF set, TTL 64): bare SYNs are dropped by more hosts. prepare() runs once a buffer;
// stamp() runs once a probe and writes only what differs between targets.
//
// Thread: immutable once made. Cost: bench/dataplane/probe_template_bench.cc.
class ProbeTemplate {
 public:
  static constexpr ByteCount kSize{14 + 20 + 20 + 20};

  ProbeTemplate(MacAddress source_mac, Ipv4Address source) noexcept;

  // Needs frame.size() >= kSize.
  void prepare(std::span<std::byte> frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since.
  void stamp(std::byte* frame, MacAddress next_hop, Target target, Cookie cookie,
             std::uint32_t probe_stamp) const noexcept;

 private:
  std::array<std::byte, kSize.count()> bytes_{};
  std::uint64_t ip_sum_ = 0;   // Over the constant words of the IPv4 header.
  std::uint64_t tcp_sum_ = 0;  // Over the pseudo-header and the constant words of the segment.
};

}  // namespace trawl::dataplane
