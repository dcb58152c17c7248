#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/frame_start.h"
#include "dataplane/target_space.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// A TCP SYN frame whose constant bytes and checksum parts are worked out ahead of time.
//
// It looks like the SYN of a current Linux (MSS, SACK permitted, timestamps, window scale, in that
// order, DF set, TTL 64 unless asked for): bare SYNs are dropped by more hosts. prepare() runs once
// a buffer; stamp() runs once a probe and writes only what differs between targets.
//
// Thread: immutable once made. Cost: bench/dataplane/probe_template_bench.cc.
class TcpSynTemplate {
 public:
  static constexpr ByteCount kPacketSize{20 + 20 + 20};

  explicit TcpSynTemplate(const ProbeSource& source) noexcept;

  [[nodiscard]] ByteCount size() const noexcept { return start_.frame_size(); }
  // Needs size() bytes at `frame`.
  void prepare(std::byte* frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since.
  void stamp(std::byte* frame, std::uint64_t head, Target target, Cookie cookie,
             std::uint32_t probe_stamp) const noexcept {
    const std::uint32_t ip = wire::swap32(target.ip.value());
    const std::uint32_t sequence = wire::swap32(cookie.sequence);
    const std::uint32_t ports =
        wire::swap32(std::uint32_t{cookie.source_port} << 16U | target.port);
    const std::uint32_t stamp = wire::swap32(probe_stamp);
    wire::ChecksumPart sum = sum_;
    sum.add(ip);
    sum.add(ports);
    sum.add(sequence);
    sum.add(stamp);
    start_.stamp(frame, head, ip, cookie.ip_id);
    std::byte* const tcp = frame + start_.payload();
    wire::store(tcp + wire::kTcpSourcePort, ports);
    wire::store(tcp + wire::kTcpSequence, sequence);
    wire::store(tcp + wire::kTcpChecksum, sum.finish());
    wire::store(tcp + kTimestampValue, stamp);
  }

 private:
  static constexpr std::size_t kTimestampValue = wire::kTcpSize + 8;

  FrameStart start_;
  std::array<std::byte, kPacketSize.count() - wire::kIpSize> segment_{};
  wire::ChecksumPart sum_;  // Over the pseudo-header and the constant words of the segment.
};

// A bare TCP ACK, as in the middle of a connection that never was. Whoever gets it without a filter
// in between answers with a reset whose sequence number is our acknowledgement number (RFC 9293
// section 3.10.7.1), open port or not: it tells filtered from unfiltered and nothing else.
//
// Thread and cost as TcpSynTemplate.
class TcpAckTemplate {
 public:
  static constexpr ByteCount kPacketSize{20 + 20};

  // The acknowledgement number that goes with a sequence number, and the way back: both prove the
  // probe, the one in a reset, the other in an ICMP error, and equal ones would stand out.
  [[nodiscard]] static constexpr std::uint32_t other_number(std::uint32_t number) noexcept {
    return std::rotl(number, 16);
  }

  explicit TcpAckTemplate(const ProbeSource& source) noexcept;

  [[nodiscard]] ByteCount size() const noexcept { return start_.frame_size(); }
  // Needs size() bytes at `frame`.
  void prepare(std::byte* frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since. No field of an
  // ACK comes back that could hold the time.
  void stamp(std::byte* frame, std::uint64_t head, Target target, Cookie cookie,
             std::uint32_t /*probe_stamp*/) const noexcept {
    const std::uint32_t ip = wire::swap32(target.ip.value());
    const std::uint32_t sequence = wire::swap32(cookie.sequence);
    const std::uint32_t ack = wire::swap32(other_number(cookie.sequence));
    const std::uint32_t ports =
        wire::swap32(std::uint32_t{cookie.source_port} << 16U | target.port);
    wire::ChecksumPart sum = sum_;
    sum.add(ip);
    sum.add(ports);
    sum.add(sequence);
    sum.add(ack);
    start_.stamp(frame, head, ip, cookie.ip_id);
    std::byte* const tcp = frame + start_.payload();
    wire::store(tcp + wire::kTcpSourcePort, ports);
    wire::store(tcp + wire::kTcpSequence, sequence);
    wire::store(tcp + wire::kTcpAck, ack);
    wire::store(tcp + wire::kTcpChecksum, sum.finish());
  }

 private:
  FrameStart start_;
  std::array<std::byte, wire::kTcpSize> segment_{};
  wire::ChecksumPart sum_;  // Over the pseudo-header and the constant words of the segment.
};

}  // namespace trawl::dataplane
