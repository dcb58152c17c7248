#include "nse/host/raw_destinations.h"

#include <cstdint>

namespace trawl::nse {
namespace {

RawDestinations unreadable() { return {.addresses = {}, .readable = false}; }

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t word_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}

Ipv4Address v4_at(std::string_view bytes, std::size_t at) {
  return Ipv4Address{std::uint32_t{word_at(bytes, at)} << 16U | word_at(bytes, at + 2)};
}

Ipv6Address v6_at(std::string_view bytes, std::size_t at) {
  Uint128 value = 0;
  for (std::size_t i = 0; i < 16; ++i) value = value << 8U | byte_at(bytes, at + i);
  return Ipv6Address{value};
}

// RFC 791 section 3.1: the addresses of loose and strict source routes (131, 137).
RawDestinations of_v4(std::string_view packet) {
  constexpr std::size_t kHeader = 20;
  if (packet.size() < kHeader) return unreadable();
  RawDestinations to{.addresses = {v4_at(packet, 16)}};
  const std::size_t length = std::size_t{byte_at(packet, 0) & 15U} * 4;
  if (length < kHeader || length > packet.size()) return unreadable();
  for (std::size_t at = kHeader; at < length;) {
    const std::uint8_t kind = byte_at(packet, at);
    if (kind == 0) break;
    if (kind == 1) {
      ++at;
      continue;
    }
    if (at + 1 >= length) return unreadable();
    const std::size_t size = byte_at(packet, at + 1);
    if (size < 2 || at + size > length) return to;  // No router follows what it cannot read.
    if (kind == 131 || kind == 137) {
      for (std::size_t hop = at + 3; hop + 4 <= at + size; hop += 4) {
        to.addresses.emplace_back(v4_at(packet, hop));
      }
    }
    at += size;
  }
  return to;
}

// RFC 8200 section 4: the addresses of routing headers, behind other extension headers.
RawDestinations of_v6(std::string_view packet) {
  constexpr std::size_t kHeader = 40;
  if (packet.size() < kHeader) return unreadable();
  RawDestinations to{.addresses = {v6_at(packet, 24)}};
  std::uint8_t next = byte_at(packet, 6);
  std::size_t at = kHeader;
  while (next == 0 || next == 43 || next == 60) {
    if (at + 8 > packet.size()) return to;
    const std::size_t size = (std::size_t{byte_at(packet, at + 1)} + 1) * 8;
    if (next == 43) {
      for (std::size_t hop = at + 8; hop + 16 <= at + size && hop + 16 <= packet.size();
           hop += 16) {
        to.addresses.emplace_back(v6_at(packet, hop));
      }
    }
    next = byte_at(packet, at);
    at += size;
  }
  return to;
}

RawDestinations of_arp(std::string_view packet) {
  if (packet.size() < 8) return unreadable();
  const std::size_t hardware = byte_at(packet, 4);
  if (word_at(packet, 2) != 0x0800 || byte_at(packet, 5) != 4) return {};  // Not of IPv4.
  const std::size_t target = 8 + 2 * hardware + 4;
  if (packet.size() < target + 4) return unreadable();
  return {.addresses = {v4_at(packet, target)}};
}

}  // namespace

RawDestinations packet_destinations(std::string_view packet) {
  if (packet.empty()) return unreadable();
  switch (byte_at(packet, 0) >> 4U) {
    case 4: return of_v4(packet);
    case 6: return of_v6(packet);
    default: return unreadable();
  }
}

RawDestinations frame_destinations(std::string_view frame) {
  constexpr std::size_t kHeader = 14;
  if (frame.size() < kHeader) return unreadable();
  std::uint16_t type = word_at(frame, 12);
  std::string_view rest = frame.substr(kHeader);
  while (type == 0x8100 || type == 0x88a8 || type == 0x9100) {
    if (rest.size() < 4) return unreadable();
    type = word_at(rest, 2);
    rest.remove_prefix(4);
  }
  if (type == 0x8864) {  // A PPPoE session (RFC 2516), with IPv4 or IPv6 in PPP.
    if (rest.size() < 8) return {};
    const std::uint16_t inner = word_at(rest, 6);
    rest.remove_prefix(8);
    type = inner == 0x0021 ? 0x0800 : inner == 0x0057 ? 0x86dd : 0;
  }
  switch (type) {
    case 0x0800: return of_v4(rest);
    case 0x86dd: return of_v6(rest);
    case 0x0806:
    case 0x8035: return of_arp(rest);
    default: return {};
  }
}

}  // namespace trawl::nse
