#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/frame_start.h"
#include "dataplane/target.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// A TCP SYN frame whose constant bytes and checksum parts are worked out ahead of time.
//
// It looks like the SYN of a current Linux (MSS, SACK permitted, timestamps, window scale, in that
// order, DF set, TTL 64 unless asked for): bare SYNs are dropped by more hosts. With the MSS alone
// it fits the smallest Ethernet frame, but no field of it comes back that could hold the time.
// prepare() runs once a buffer; stamp() runs once a probe and writes only what differs between
// targets.
//
// Thread: immutable once made. Cost: bench/dataplane/probe_template_bench.cc.
template <typename Address, SynOptions Options>
class BasicTcpSynTemplate {
 public:
  static constexpr std::size_t kSegmentSize =
      wire::kTcpSize + (Options == SynOptions::Linux ? 20 : 4);
  static constexpr ByteCount kPacketSize =
      BasicFrameStart<Address>::kHeader + ByteCount{kSegmentSize};

  explicit BasicTcpSynTemplate(const BasicProbeSource<Address>& source) noexcept;

  [[nodiscard]] ByteCount size() const noexcept { return start_.frame_size(); }
  // Needs size() bytes at `frame`.
  void prepare(std::byte* frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since.
  void stamp(std::byte* frame, std::uint64_t head, BasicTarget<Address> target, Cookie cookie,
             [[maybe_unused]] std::uint32_t probe_stamp) const noexcept {
    const auto ip = wire::in_frame(target.ip);
    const std::uint32_t sequence = wire::swap32(cookie.sequence);
    const std::uint32_t ports =
        wire::swap32(std::uint32_t{cookie.source_port} << 16U | target.port);
    wire::ChecksumPart sum = sum_;
    sum.add(ip);
    sum.add(ports);
    sum.add(sequence);
    if constexpr (Options == SynOptions::Linux) {
      const std::uint32_t stamp = wire::swap32(probe_stamp);
      sum.add(stamp);
      wire::store(frame + start_.payload() + kTimestampValue, stamp);
    }
    start_.stamp(frame, head, ip, cookie.ip_id);
    std::byte* const tcp = frame + start_.payload();
    wire::store(tcp + wire::kTcpSourcePort, ports);
    wire::store(tcp + wire::kTcpSequence, sequence);
    wire::store(tcp + wire::kTcpChecksum, sum.finish());
  }

 private:
  static constexpr std::size_t kTimestampValue = wire::kTcpSize + 8;

  BasicFrameStart<Address> start_;
  std::array<std::byte, kSegmentSize> segment_{};
  wire::ChecksumPart sum_;  // Over the pseudo-header and the constant words of the segment.
};

// A bare TCP ACK, as in the middle of a connection that never was. Whoever gets it without a filter
// in between answers with a reset whose sequence number is our acknowledgement number (RFC 9293
// section 3.10.7.1), open port or not: it tells filtered from unfiltered and nothing else.
//
// Thread and cost as TcpSynTemplate.
template <typename Address>
class BasicTcpAckTemplate {
 public:
  static constexpr ByteCount kPacketSize =
      BasicFrameStart<Address>::kHeader + ByteCount{wire::kTcpSize};

  // The acknowledgement number that goes with a sequence number, and the way back: both prove the
  // probe, the one in a reset, the other in an ICMP error, and equal ones would stand out.
  [[nodiscard]] static constexpr std::uint32_t other_number(std::uint32_t number) noexcept {
    return std::rotl(number, 16);
  }

  explicit BasicTcpAckTemplate(const BasicProbeSource<Address>& source) noexcept;

  [[nodiscard]] ByteCount size() const noexcept { return start_.frame_size(); }
  // Needs size() bytes at `frame`.
  void prepare(std::byte* frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since. No field of an
  // ACK comes back that could hold the time.
  void stamp(std::byte* frame, std::uint64_t head, BasicTarget<Address> target, Cookie cookie,
             std::uint32_t /*probe_stamp*/) const noexcept {
    const auto ip = wire::in_frame(target.ip);
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
  BasicFrameStart<Address> start_;
  std::array<std::byte, wire::kTcpSize> segment_{};
  wire::ChecksumPart sum_;  // Over the pseudo-header and the constant words of the segment.
};

using TcpSynTemplate = BasicTcpSynTemplate<Ipv4Address, SynOptions::Linux>;
using TcpMssSynTemplate = BasicTcpSynTemplate<Ipv4Address, SynOptions::Mss>;
using TcpAckTemplate = BasicTcpAckTemplate<Ipv4Address>;
extern template class BasicTcpSynTemplate<Ipv4Address, SynOptions::Linux>;
extern template class BasicTcpSynTemplate<Ipv4Address, SynOptions::Mss>;
extern template class BasicTcpSynTemplate<Ipv6Address, SynOptions::Linux>;
extern template class BasicTcpSynTemplate<Ipv6Address, SynOptions::Mss>;
extern template class BasicTcpAckTemplate<Ipv4Address>;
extern template class BasicTcpAckTemplate<Ipv6Address>;

}  // namespace trawl::dataplane
