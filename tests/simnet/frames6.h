#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ip.h"
#include "bench/simnet/frame6.h"
#include "tests/simnet/frames.h"

// Frames over IPv6 as a scanner sends them, and readers of what comes back.
namespace trawl::simnet {

inline const Ipv6Address kScanner6 = *Ipv6Address::parse("2001:db8::1");

inline void put(std::byte* at, Ipv6Address address) {
  for (unsigned i = 0; i < 16; ++i) {
    at[i] = static_cast<std::byte>(address.value() >> (120 - 8 * i) & 0xffU);
  }
}
inline Ipv6Address get(const std::byte* at) {
  Uint128 value = 0;
  for (unsigned i = 0; i < 16; ++i) value = value << 8U | static_cast<unsigned>(at[i]);
  return Ipv6Address{value};
}

// A frame around `payload` with its checksum at `checksum_at`.
inline TestFrame frame6(Ipv6Address to, std::uint8_t protocol,
                        const std::vector<std::byte>& payload, std::size_t checksum_at,
                        std::uint64_t eth_to = kRouterMac, std::uint8_t hop_limit = 64) {
  TestFrame out;
  wire::write_mac(out.bytes.data(), eth_to);
  wire::write_mac(out.bytes.data() + 6, kScannerMac);
  wire::write16(out.bytes.data() + 12, 0x86dd);
  std::byte* const ip = out.ip();
  wire::write32(ip, 0x60000000);
  wire::write16(ip + 4, static_cast<std::uint16_t>(payload.size()));
  wire::write8(ip + 6, protocol);
  wire::write8(ip + 7, hop_limit);
  put(ip + 8, kScanner6);
  put(ip + 24, to);
  std::copy(payload.begin(), payload.end(), ip + 40);
  wire::write16(ip + 40 + checksum_at, 0);
  wire::write16(ip + 40 + checksum_at, checksum6(protocol, kScanner6, to, ip + 40, payload.size()));
  out.length = 54 + payload.size();
  return out;
}

inline bool is_sound6(TestFrame& frame) {
  const std::size_t size = wire::read16(frame.ip() + 4);
  return wire::read16(frame.bytes.data() + 12) == 0x86dd && size + 54 == frame.length &&
         wire::read8(frame.ip()) >> 4U == 6 &&
         checksum6(wire::read8(frame.ip() + 6), get(frame.ip() + 8), get(frame.ip() + 24),
                   frame.ip() + 40, size) == 0;
}

// The segment of a frame over IPv4, to another host over IPv6.
inline TestFrame over_ipv6(TestFrame& frame, Ipv6Address to, std::uint64_t eth_to) {
  const std::size_t size = frame.length - wire::kEthernetSize - wire::kIpSize;
  return frame6(to, wire::kProtocolTcp, {frame.l4(), frame.l4() + size}, wire::kTcpChecksum,
                eth_to);
}

}  // namespace trawl::simnet
