#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace trawl::control {

// How a host numbers the IP packets that it sends (RFC 791 section 3.1, RFC 6864), as far as some
// of its numbers tell.
enum class IpIdClass : std::uint8_t {
  Unknown,      // Also of a host that is too busy to tell.
  Incremental,  // One counter for all it sends.
  IncrementalByTwo,
  LittleEndian,  // One counter, whose bytes are sent in the wrong order.
  Zeros,
  Random,
  RandomIncrements
};

// By the rules for "IP ID sequence generation algorithm" in the Nmap book, "OS Detection"; numbers
// in the order in which they were sent. Unknown for fewer than three.
[[nodiscard]] IpIdClass classify_ip_ids(std::span<const std::uint16_t> ids) noexcept;

// In Nmap's words: "Broken little-endian incremental".
[[nodiscard]] std::string_view name_of(IpIdClass type) noexcept;

// Whether what a host sends can be counted by it.
[[nodiscard]] constexpr bool is_countable(IpIdClass type) noexcept {
  return type == IpIdClass::Incremental || type == IpIdClass::IncrementalByTwo ||
         type == IpIdClass::LittleEndian;
}

// How many packets a host sent from the one numbered `from` to the one numbered `to`, that one
// included; -1 when the numbers do not fit. Counts below 32768 are told apart.
[[nodiscard]] int packets_between(IpIdClass type, std::uint16_t from, std::uint16_t to) noexcept;

}  // namespace trawl::control
