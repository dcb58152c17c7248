#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/units.h"
#include "dataplane/cookie.h"
#include "dataplane/frame_start.h"
#include "dataplane/target.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// An ICMP or ICMPv6 echo request (RFC 792, RFC 4443 section 4.1) whose constant bytes and checksum
// parts are worked out ahead of time. Its data, eight bytes, come back as they were sent:
//
//    4  identifier and sequence number: the cookie's sequence, which ICMP errors quote too
//    8  data: the cookie's source port, for which ICMP has no field, and its IP identification
//   12  data: when it was sent
//
// Thread: immutable once made. Cost: bench/dataplane/probe_template_bench.cc.
template <typename Address>
class BasicIcmpEchoTemplate {
 public:
  static constexpr ByteCount kPacketSize =
      BasicFrameStart<Address>::kHeader + ByteCount{wire::kIcmpSize + 8};

  explicit BasicIcmpEchoTemplate(const BasicProbeSource<Address>& source) noexcept;

  [[nodiscard]] ByteCount size() const noexcept { return start_.frame_size(); }
  // Needs size() bytes at `frame`.
  void prepare(std::byte* frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since.
  void stamp(std::byte* frame, std::uint64_t head, BasicTarget<Address> target, Cookie cookie,
             std::uint32_t probe_stamp) const noexcept {
    const auto ip = wire::in_frame(target.ip);
    const std::uint32_t sequence = wire::swap32(cookie.sequence);
    const std::uint32_t proof =
        wire::swap32(std::uint32_t{cookie.source_port} << 16U | cookie.ip_id);
    const std::uint32_t stamp = wire::swap32(probe_stamp);
    wire::ChecksumPart sum = sum_;
    if constexpr (kHasPseudoHeader) sum.add(ip);
    sum.add(sequence);
    sum.add(proof);
    sum.add(stamp);
    start_.stamp(frame, head, ip, cookie.ip_id);
    std::byte* const icmp = frame + start_.payload();
    wire::store(icmp + wire::kIcmpChecksum, sum.finish());
    wire::store(icmp + wire::kIcmpId, sequence);
    wire::store(icmp + wire::kIcmpSize, proof);
    wire::store(icmp + wire::kIcmpSize + 4, stamp);
  }

 private:
  // Of ICMPv6 alone: RFC 4443 section 2.3.
  static constexpr bool kHasPseudoHeader = std::is_same_v<Address, Ipv6Address>;

  BasicFrameStart<Address> start_;
  std::array<std::byte, wire::kIcmpSize + 8> message_{};
  wire::ChecksumPart sum_;  // Over the constant words of the message, and of a pseudo-header.
};

using IcmpEchoTemplate = BasicIcmpEchoTemplate<Ipv4Address>;
extern template class BasicIcmpEchoTemplate<Ipv4Address>;
extern template class BasicIcmpEchoTemplate<Ipv6Address>;

// An ICMP timestamp request (RFC 792). Identifier and sequence number are the cookie's sequence;
// the originate timestamp, which comes back as it was sent, says when that was. Its highest bit is
// set: by the RFC such a time is not one in milliseconds since midnight.
//
// Thread and cost as IcmpEchoTemplate.
class IcmpTimestampTemplate {
 public:
  static constexpr ByteCount kPacketSize{20 + 8 + 12};
  static constexpr std::uint32_t kNotOfTheDay = 0x80000000;

  explicit IcmpTimestampTemplate(const ProbeSource& source) noexcept;

  [[nodiscard]] ByteCount size() const noexcept { return start_.frame_size(); }
  // Needs size() bytes at `frame`.
  void prepare(std::byte* frame) const noexcept;
  // Needs a frame prepared by this template that only stamp() has written since.
  void stamp(std::byte* frame, std::uint64_t head, Target target, Cookie cookie,
             std::uint32_t probe_stamp) const noexcept {
    const std::uint32_t ip = wire::swap32(target.ip.value());
    const std::uint32_t sequence = wire::swap32(cookie.sequence);
    const std::uint32_t originate = wire::swap32(probe_stamp | kNotOfTheDay);
    wire::ChecksumPart sum = sum_;
    sum.add(sequence);
    sum.add(originate);
    start_.stamp(frame, head, ip, cookie.ip_id);
    std::byte* const icmp = frame + start_.payload();
    wire::store(icmp + wire::kIcmpChecksum, sum.finish());
    wire::store(icmp + wire::kIcmpId, sequence);
    wire::store(icmp + wire::kIcmpSize, originate);
  }

 private:
  FrameStart start_;
  std::array<std::byte, kPacketSize.count() - wire::kIpSize> message_{};
  wire::ChecksumPart sum_;  // Over the constant words of the message.
};

}  // namespace trawl::dataplane
