#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/mac.h"
#include "dataplane/packet/packet_spec.h"

namespace trawl::dataplane {

// Writes the IP packet that `spec` describes, checksums included. Returns its size, or 0 when `out`
// is too small. Both addresses are of one family.
[[nodiscard]] std::size_t craft_packet(const PacketSpec& spec, std::span<std::byte> out) noexcept;

// Fragments of an IPv4 packet (RFC 791 section 3.2), for links and filters that want small ones.
//
// The number of fragments of at most `mtu` bytes of data each; mtu is a multiple of eight.
[[nodiscard]] std::size_t fragments_of(std::span<const std::byte> packet, std::size_t mtu) noexcept;
// Writes number `index` of them as a packet of its own. Returns its size, or 0 when `out` is too
// small.
[[nodiscard]] std::size_t write_fragment(std::span<const std::byte> packet, std::size_t mtu,
                                         std::size_t index, std::span<std::byte> out) noexcept;

// Who asks for whose hardware address, and from where. `who` and `asked` are of one family.
struct NeighbourQuestion {
  MacAddress mac;
  IpAddress who;
  IpAddress asked;
};

// A whole Ethernet frame: an ARP request (RFC 826), or a neighbour solicitation (RFC 4861 section
// 4.3). Returns its size, 0 when `out` is too small.
[[nodiscard]] std::size_t write_neighbour_question(const NeighbourQuestion& question,
                                                   std::span<std::byte> out) noexcept;

// CRC32c (RFC 9260 appendix A) and Adler-32 (RFC 1950 section 8.2).
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes) noexcept;
[[nodiscard]] std::uint32_t adler32(std::span<const std::byte> bytes) noexcept;

}  // namespace trawl::dataplane
