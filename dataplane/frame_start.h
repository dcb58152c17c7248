#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/ip.h"
#include "base/mac.h"
#include "base/units.h"
#include "dataplane/probe_kind.h"
#include "dataplane/vlan.h"
#include "dataplane/wire.h"

namespace trawl::dataplane {

// Who sends the probes of a survey, whatever their kind.
template <typename Address>
struct BasicProbeSource {
  MacAddress mac;
  Address address;  // All zero where each probe has its own: see ProbeTemplate::set_source().
  VlanId vlan = {};
  std::uint8_t ttl = 64;                       // Of IPv6 the hop limit.
  SynOptions syn_options = SynOptions::Linux;  // For TCP SYNs alone, as is...
  unsigned mtu = 1500;                         // ...that of the link.
};
using ProbeSource = BasicProbeSource<Ipv4Address>;
using ProbeSource6 = BasicProbeSource<Ipv6Address>;

template <typename Address>
class BasicFrameStart;

// The Ethernet and IPv4 headers of a probe: constant but for where it goes and its identification.
// Every kind of probe begins with one.
//
// Thread: immutable once made.
template <>
class BasicFrameStart<Ipv4Address> {
 public:
  static constexpr ByteCount kHeader{wire::kIpSize};

  // For a packet of `packet` bytes, IPv4 header included.
  BasicFrameStart(const ProbeSource& source, std::uint8_t protocol, ByteCount packet) noexcept;

  // Where the IPv4 header and what follows it begin in a frame.
  [[nodiscard]] std::size_t ip() const noexcept { return ip_; }
  [[nodiscard]] std::size_t payload() const noexcept { return ip() + wire::kIpSize; }
  [[nodiscard]] ByteCount frame_size() const noexcept { return ByteCount{ip() + packet_.count()}; }

  // Writes every constant byte. Needs payload() bytes at `frame`.
  void prepare(std::byte* frame) const noexcept;
  // Writes what differs between targets; `head` is ProbeTemplate::frame_head(), `destination` the
  // address in memory order. Needs a prepared frame.
  void stamp(std::byte* frame, std::uint64_t head, std::uint32_t destination,
             std::uint16_t ip_id) const noexcept {
    std::byte* const header = frame + ip();
    wire::ChecksumPart sum = sum_;
    sum.add(destination);
    sum.add(ip_id);
    wire::store(frame, head);
    wire::store(header + wire::kIpId, ip_id);
    wire::store(header + wire::kIpChecksum, sum.finish());
    wire::store(header + wire::kIpDestination, destination);
  }
  // The pseudo-header of a TCP or UDP checksum (RFC 9293 section 3.1, RFC 768) without the
  // destination.
  [[nodiscard]] wire::ChecksumPart pseudo_header() const noexcept { return pseudo_header_; }

 private:
  std::size_t ip_;
  std::array<std::byte, wire::kEthernetSize + wire::kVlanTagSize + wire::kIpSize> bytes_{};
  ByteCount packet_;
  wire::ChecksumPart sum_;  // Over the constant words of the IPv4 header.
  wire::ChecksumPart pseudo_header_;
};

// The Ethernet and IPv6 headers of a probe. What identifies it is in the flow label, which every
// ICMPv6 error quotes and a router has to leave alone (RFC 6437).
//
// Thread: immutable once made.
template <>
class BasicFrameStart<Ipv6Address> {
 public:
  static constexpr ByteCount kHeader{wire::kIpv6Size};

  // For a packet of `packet` bytes, IPv6 header included.
  BasicFrameStart(const ProbeSource6& source, std::uint8_t protocol, ByteCount packet) noexcept;

  [[nodiscard]] std::size_t ip() const noexcept { return ip_; }
  [[nodiscard]] std::size_t payload() const noexcept { return ip() + wire::kIpv6Size; }
  [[nodiscard]] ByteCount frame_size() const noexcept { return ByteCount{ip() + packet_.count()}; }

  // As those of IPv4.
  void prepare(std::byte* frame) const noexcept;
  void stamp(std::byte* frame, std::uint64_t head, const wire::Ipv6Bytes& destination,
             std::uint16_t label) const noexcept {
    std::byte* const header = frame + ip();
    wire::store(frame, head);
    wire::store(header + wire::kIpv6Label, label);
    wire::store(header + wire::kIpv6Destination, destination);
  }
  // The pseudo-header of a checksum (RFC 8200 section 8.1) without the destination.
  [[nodiscard]] wire::ChecksumPart pseudo_header() const noexcept { return pseudo_header_; }

 private:
  std::size_t ip_;
  std::array<std::byte, wire::kEthernetSize + wire::kVlanTagSize + wire::kIpv6Size> bytes_{};
  ByteCount packet_;
  wire::ChecksumPart pseudo_header_;
};

using FrameStart = BasicFrameStart<Ipv4Address>;
using FrameStart6 = BasicFrameStart<Ipv6Address>;

}  // namespace trawl::dataplane
