#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mac.h"
#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/target_space.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// When a probe was sent and which attempt it was, in the 32 bits of a TCP timestamp (RFC 7323): 29
// bits of microseconds, 3 bits of attempt. The reply echoes it, so the round-trip time needs no
// state.
struct ProbeStamp {
  static constexpr unsigned kAttemptBits = 3;
  static constexpr std::uint32_t kTimeMask = (1U << (32 - kAttemptBits)) - 1;
  static constexpr std::uint32_t kMostAttempts = (1U << kAttemptBits) - 1;
  // Marks probes to targets known to answer, which tell how many probes get lost.
  static constexpr std::uint32_t kSentinelAttempt = kMostAttempts;

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

  // The first eight bytes of every frame to `next_hop`, as one store.
  [[nodiscard]] std::uint64_t frame_head(MacAddress next_hop) const noexcept;

  // Needs frame.size() >= kSize.
  void prepare(std::span<std::byte> frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since.
  void stamp(std::byte* frame, std::uint64_t head, Target target, Cookie cookie,
             std::uint32_t probe_stamp) const noexcept {
    const std::uint32_t ip = wire::swap32(target.ip.value());
    const std::uint32_t sequence = wire::swap32(cookie.sequence);
    const std::uint32_t ports =
        wire::swap32(std::uint32_t{cookie.source_port} << 16U | target.port);
    const std::uint32_t stamp = wire::swap32(probe_stamp);
    wire::ChecksumPart ip_sum = ip_sum_;
    ip_sum.add(ip);
    ip_sum.add(cookie.ip_id);
    wire::ChecksumPart tcp_sum = tcp_sum_;
    tcp_sum.add(ip);
    tcp_sum.add(ports);
    tcp_sum.add(sequence);
    tcp_sum.add(stamp);
    wire::store(frame, head);
    wire::store(frame + kIp + wire::kIpId, cookie.ip_id);
    wire::store(frame + kIp + wire::kIpChecksum, ip_sum.finish());
    wire::store(frame + kIp + wire::kIpDestination, ip);
    wire::store(frame + kTcp + wire::kTcpSourcePort, ports);
    wire::store(frame + kTcp + wire::kTcpSequence, sequence);
    wire::store(frame + kTcp + wire::kTcpChecksum, tcp_sum.finish());
    wire::store(frame + kTimestampValue, stamp);
  }

 private:
  static constexpr std::size_t kIp = wire::kEthernetSize;
  static constexpr std::size_t kTcp = kIp + wire::kIpSize;
  static constexpr std::size_t kOptions = kTcp + wire::kTcpSize;
  static constexpr std::size_t kTimestampValue = kOptions + 8;

  std::array<std::byte, kSize.count()> bytes_{};
  wire::ChecksumPart ip_sum_;   // Over the constant words of the IPv4 header.
  wire::ChecksumPart tcp_sum_;  // Over the pseudo-header and the constant words of the segment.
};

}  // namespace trawl::dataplane
