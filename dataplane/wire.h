#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "base/ip.h"

// Reading and writing big-endian fields, offsets of the headers we handle, and the Internet
// checksum.
namespace trawl::dataplane::wire {

[[nodiscard]] constexpr std::uint16_t swap16(std::uint16_t x) noexcept {
  return __builtin_bswap16(x);
}
[[nodiscard]] constexpr std::uint32_t swap32(std::uint32_t x) noexcept {
  return __builtin_bswap32(x);
}
[[nodiscard]] inline std::uint16_t read16(const std::byte* at) noexcept {
  std::uint16_t x;
  std::memcpy(&x, at, sizeof x);
  return swap16(x);
}
[[nodiscard]] inline std::uint32_t read32(const std::byte* at) noexcept {
  std::uint32_t x;
  std::memcpy(&x, at, sizeof x);
  return swap32(x);
}
[[nodiscard]] inline std::uint8_t read8(const std::byte* at) noexcept {
  return static_cast<std::uint8_t>(*at);
}
// Writes bytes that are in memory order already.
template <typename Word>
inline void store(std::byte* at, Word x) noexcept {
  std::memcpy(at, &x, sizeof x);
}
inline void write16(std::byte* at, std::uint16_t x) noexcept {
  x = swap16(x);
  std::memcpy(at, &x, sizeof x);
}
inline void write32(std::byte* at, std::uint32_t x) noexcept {
  x = swap32(x);
  std::memcpy(at, &x, sizeof x);
}

inline void write8(std::byte* at, std::uint8_t x) noexcept { *at = std::byte{x}; }
// MAC addresses, in the lower 48 bits.
[[nodiscard]] inline std::uint64_t read_mac(const std::byte* at) noexcept {
  return (std::uint64_t{read16(at)} << 32U) | read32(at + 2);
}
inline void write_mac(std::byte* at, std::uint64_t mac) noexcept {
  write16(at, static_cast<std::uint16_t>(mac >> 32U));
  write32(at + 2, static_cast<std::uint32_t>(mac));
}

// Addresses in memory order: what lies in a frame.
struct Ipv6Bytes {
  std::uint64_t high;
  std::uint64_t low;
};
[[nodiscard]] constexpr std::uint32_t in_frame(Ipv4Address address) noexcept {
  return swap32(address.value());
}
[[nodiscard]] constexpr Ipv6Bytes in_frame(Ipv6Address address) noexcept {
  return {__builtin_bswap64(static_cast<std::uint64_t>(address.value() >> 64U)),
          __builtin_bswap64(static_cast<std::uint64_t>(address.value()))};
}
[[nodiscard]] inline Ipv6Address read_ipv6(const std::byte* at) noexcept {
  Ipv6Bytes bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return Ipv6Address{Uint128{__builtin_bswap64(bytes.high)} << 64U | __builtin_bswap64(bytes.low)};
}

inline constexpr std::uint16_t kTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kTypeArp = 0x0806;
inline constexpr std::uint16_t kTypeVlan = 0x8100;
inline constexpr std::uint16_t kTypeIpv6 = 0x86dd;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kProtocolFragment = 44;  // Of IPv6: RFC 8200 section 4.5.
inline constexpr std::uint8_t kProtocolIcmpv6 = 58;

// Ethernet II, IEEE 802.3 clause 3.
inline constexpr std::size_t kEthernetSize = 14;
inline constexpr std::size_t kEthernetSource = 6;
inline constexpr std::size_t kEthernetType = 12;
inline constexpr std::size_t kVlanTag = 14;  // IEEE 802.1Q clause 9.6, behind kTypeVlan.
inline constexpr std::size_t kVlanTagSize = 4;

// IPv4, RFC 791 section 3.1; offsets from the start of the header.
inline constexpr std::size_t kIpSize = 20;
inline constexpr std::size_t kIpLength = 2;
inline constexpr std::size_t kIpId = 4;
inline constexpr std::size_t kIpFragment = 6;
inline constexpr std::size_t kIpTtl = 8;
inline constexpr std::size_t kIpProtocol = 9;
inline constexpr std::size_t kIpChecksum = 10;
inline constexpr std::size_t kIpSource = 12;
inline constexpr std::size_t kIpDestination = 16;

// IPv6, RFC 8200 section 3; offsets from the start of the header.
inline constexpr std::size_t kIpv6Size = 40;
inline constexpr std::size_t kIpv6Label = 2;   // The lower 16 bits of the flow label.
inline constexpr std::size_t kIpv6Length = 4;  // Of what follows the header.
inline constexpr std::size_t kIpv6NextHeader = 6;
inline constexpr std::size_t kIpv6HopLimit = 7;
inline constexpr std::size_t kIpv6Source = 8;
inline constexpr std::size_t kIpv6Destination = 24;

// TCP, RFC 9293 section 3.1.
inline constexpr std::size_t kTcpSize = 20;
inline constexpr std::size_t kTcpSourcePort = 0;
inline constexpr std::size_t kTcpDestinationPort = 2;
inline constexpr std::size_t kTcpSequence = 4;
inline constexpr std::size_t kTcpAck = 8;
inline constexpr std::size_t kTcpOffset = 12;
inline constexpr std::size_t kTcpFlags = 13;
inline constexpr std::size_t kTcpWindow = 14;
inline constexpr std::size_t kTcpChecksum = 16;
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;

// UDP, RFC 768; the ports are where TCP has them.
inline constexpr std::size_t kUdpSize = 8;
inline constexpr std::size_t kUdpLength = 4;
inline constexpr std::size_t kUdpChecksum = 6;

// ICMP, RFC 792: the quoted packet follows eight bytes of header.
inline constexpr std::size_t kIcmpSize = 8;
inline constexpr std::size_t kIcmpChecksum = 2;
inline constexpr std::size_t kIcmpId = 4;  // Of echo and timestamp; the sequence number is at 6.
inline constexpr std::uint8_t kIcmpEchoReply = 0;
inline constexpr std::uint8_t kIcmpUnreachable = 3;
inline constexpr std::uint8_t kIcmpEcho = 8;
inline constexpr std::uint8_t kIcmpTimeExceeded = 11;
inline constexpr std::uint8_t kIcmpTimestamp = 13;
inline constexpr std::uint8_t kIcmpTimestampReply = 14;

// ICMPv6, RFC 4443; laid out as ICMP. Neighbour discovery, RFC 4861 section 4: the target address
// follows the header, and options follow that.
inline constexpr std::uint8_t kIcmpv6Unreachable = 1;
inline constexpr std::uint8_t kIcmpv6TimeExceeded = 3;
inline constexpr std::uint8_t kIcmpv6ParameterProblem = 4;
inline constexpr std::uint8_t kIcmpv6Echo = 128;
inline constexpr std::uint8_t kIcmpv6EchoReply = 129;
inline constexpr std::uint8_t kNeighbourSolicitation = 135;
inline constexpr std::uint8_t kNeighbourAdvertisement = 136;
inline constexpr std::size_t kNeighbourTarget = 8;
inline constexpr std::size_t kNeighbourSize = 24;      // Without options.
inline constexpr std::size_t kLinkAddressOption = 8;   // With an Ethernet address.
inline constexpr std::uint8_t kSourceLinkAddress = 1;  // Types of options.
inline constexpr std::uint8_t kTargetLinkAddress = 2;
inline constexpr std::uint8_t kNeighbourHopLimit = 255;

// ARP for IPv4 over Ethernet, RFC 826; offsets from the end of the Ethernet header.
inline constexpr std::size_t kArpSize = 28;
inline constexpr std::size_t kArpOperation = 6;
inline constexpr std::size_t kArpSenderMac = 8;
inline constexpr std::size_t kArpSenderIp = 14;
inline constexpr std::size_t kArpTargetMac = 18;
inline constexpr std::size_t kArpTargetIp = 24;
inline constexpr std::uint16_t kArpRequest = 1;
inline constexpr std::uint16_t kArpReply = 2;

// A one's complement sum in native byte order (RFC 1071 section 2: the sum does not depend on byte
// order), not folded: 16 and 32-bit words as they lie in memory are simply added.
class ChecksumPart {
 public:
  constexpr ChecksumPart() noexcept = default;
  // Over `size` bytes; an odd last one is followed by a zero.
  [[nodiscard]] static ChecksumPart over(const std::byte* at, std::size_t size) noexcept {
    ChecksumPart part;
    for (; size >= 4; size -= 4, at += 4) {
      std::uint32_t words;
      std::memcpy(&words, at, sizeof words);
      part.total_ += words;
    }
    if (size >= 2) {
      size -= 2;
      std::uint16_t word;
      std::memcpy(&word, at, sizeof word);
      part.total_ += word;
      at += 2;
    }
    if (size == 1) part.total_ += static_cast<std::uint64_t>(*at);
    return part;
  }
  // The same over a size known beforehand, without a loop.
  template <std::size_t Size>
  [[nodiscard]] static ChecksumPart over_fixed(const std::byte* at) noexcept {
    static_assert(Size % 4 == 0);
    constexpr std::size_t kPairs = Size / 8;
    ChecksumPart part;
    for (std::size_t i = 0; i < kPairs; ++i) {
      std::uint64_t words;
      std::memcpy(&words, at + 8 * i, sizeof words);
      part.total_ += (words & 0xffffffffU) + (words >> 32U);
    }
    if constexpr (Size % 8 != 0) {
      std::uint32_t word;
      std::memcpy(&word, at + 8 * kPairs, sizeof word);
      part.total_ += word;
    }
    return part;
  }
  // Adds a word of 16 or 32 bits in memory order.
  constexpr void add(std::uint32_t word) noexcept { total_ += word; }
  constexpr void add(const Ipv6Bytes& address) noexcept {
    for (const std::uint64_t half : {address.high, address.low}) {
      total_ += (half & 0xffffffffU) + (half >> 32U);
    }
  }
  constexpr void add(ChecksumPart part) noexcept { total_ += part.total_; }
  // Adds a word in memory order that begins `offset` bytes behind the start of the sum: at an odd
  // one its bytes count for the other halves (RFC 1071 section 2).
  constexpr void add_at(std::size_t offset, std::uint32_t word) noexcept {
    total_ += std::uint64_t{word} << (offset % 2 * 8);
  }
  // The checksum field in memory order.
  [[nodiscard]] constexpr std::uint16_t finish() const noexcept {
    std::uint64_t total = (total_ & 0xffffffffU) + (total_ >> 32U);
    total = (total & 0xffffU) + (total >> 16U);
    total = (total & 0xffffU) + (total >> 16U);
    total = (total & 0xffffU) + (total >> 16U);
    return static_cast<std::uint16_t>(~total);
  }

 private:
  std::uint64_t total_ = 0;
};

// The checksum in host order: 0 over bytes that already hold a right one.
[[nodiscard]] inline std::uint16_t checksum(const std::byte* at, std::size_t size) noexcept {
  return swap16(ChecksumPart::over(at, size).finish());
}

}  // namespace trawl::dataplane::wire
