#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace trawl::control {

inline constexpr std::size_t kResetSize = 40;

// The IPv4 packet that ends the handshake which a SYN-ACK goes on with (RFC 9293 section 3.10.7.3).
// False when the packet is no SYN-ACK, or has options of IP.
[[nodiscard]] bool write_reset(std::span<const std::byte> syn_ack, std::uint8_t ttl,
                               std::span<std::byte, kResetSize> out) noexcept;

}  // namespace trawl::control
