#pragma once

#include <arpa/inet.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/ip.h"
#include "base/mac.h"

// Byte positions and checksums of the few frame formats that the simulated network speaks. Written
// apart from the dataplane's own so that each checks the other.
namespace trawl::simnet {

inline constexpr std::size_t kEthernetSize = 14;
inline constexpr std::size_t kIpv4Size = 20;  // Without options.
inline constexpr std::size_t kTcpSize = 20;   // Without options.
inline constexpr std::size_t kIcmpSize = 8;
inline constexpr std::size_t kArpSize = 28;

inline constexpr std::uint16_t kTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kTypeArp = 0x0806;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolTcp = 6;

inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kPsh = 0x08;
inline constexpr std::uint8_t kAck = 0x10;

// Host-order values from and to unaligned bytes in network order.
[[nodiscard]] inline std::uint16_t load16(const std::byte* at) noexcept {
  std::uint16_t value;
  std::memcpy(&value, at, sizeof value);
  return ntohs(value);
}
[[nodiscard]] inline std::uint32_t load32(const std::byte* at) noexcept {
  std::uint32_t value;
  std::memcpy(&value, at, sizeof value);
  return ntohl(value);
}
[[nodiscard]] inline std::uint8_t load8(const std::byte* at) noexcept {
  return static_cast<std::uint8_t>(*at);
}
inline void store8(std::byte* at, std::uint8_t value) noexcept { *at = std::byte{value}; }
inline void store16(std::byte* at, std::uint16_t value) noexcept {
  value = htons(value);
  std::memcpy(at, &value, sizeof value);
}
inline void store32(std::byte* at, std::uint32_t value) noexcept {
  value = htonl(value);
  std::memcpy(at, &value, sizeof value);
}
[[nodiscard]] inline std::uint64_t load_mac(const std::byte* at) noexcept {
  return (std::uint64_t{load16(at)} << 32U) | load32(at + 2);
}
inline void store_mac(std::byte* at, std::uint64_t mac) noexcept {
  store16(at, static_cast<std::uint16_t>(mac >> 32U));
  store32(at + 2, static_cast<std::uint32_t>(mac));
}

// The running ones' complement sum of RFC 1071, kept in the byte order of the machine.
class InternetSum {
 public:
  // Bytes at an odd offset of a checksummed unit cannot be added: every piece but the last needs an
  // even size.
  void add(const std::byte* bytes, std::size_t size) noexcept {
    for (; size >= 4; size -= 4, bytes += 4) {
      std::uint32_t word;
      std::memcpy(&word, bytes, sizeof word);
      sum_ += word;
    }
    if (size >= 2) {
      std::uint16_t word;
      std::memcpy(&word, bytes, sizeof word);
      sum_ += word;
      bytes += 2;
      size -= 2;
    }
    if (size == 1) {
      std::uint16_t word = 0;
      std::memcpy(&word, bytes, 1);
      sum_ += word;
    }
  }
  void add16(std::uint16_t host_order) noexcept { sum_ += htons(host_order); }
  void add32(std::uint32_t host_order) noexcept { sum_ += htonl(host_order); }
  // The checksum, host order: 0 over bytes that already hold a right one.
  [[nodiscard]] std::uint16_t checksum() const noexcept {
    std::uint64_t sum = (sum_ & 0xffffffffU) + (sum_ >> 32U);
    sum = (sum & 0xffffU) + (sum >> 16U);
    sum = (sum & 0xffffU) + (sum >> 16U);
    sum = (sum & 0xffffU) + (sum >> 16U);
    return ntohs(static_cast<std::uint16_t>(~sum));
  }

 private:
  std::uint64_t sum_ = 0;
};

[[nodiscard]] inline std::uint16_t checksum_of(const std::byte* bytes, std::size_t size) noexcept {
  InternetSum sum;
  sum.add(bytes, size);
  return sum.checksum();
}

// The checksum of a TCP segment with its pseudo-header (RFC 9293 section 3.1).
[[nodiscard]] inline std::uint16_t tcp_checksum(Ipv4Address from, Ipv4Address to,
                                                const std::byte* segment,
                                                std::size_t size) noexcept {
  InternetSum sum;
  sum.add32(from.value());
  sum.add32(to.value());
  sum.add16(kProtocolTcp);
  sum.add16(static_cast<std::uint16_t>(size));
  sum.add(segment, size);
  return sum.checksum();
}

// The Ethernet address of a simulated host on the link: locally administered, 02:53 and its IP.
[[nodiscard]] inline std::uint64_t host_mac(Ipv4Address ip) noexcept {
  return 0x025300000000ULL | ip.value();
}

}  // namespace trawl::simnet
