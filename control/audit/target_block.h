#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address_family.h"
#include "base/ip.h"

namespace trawl::control {

// The addresses that one target expression means, numbered in the order in which Nmap lists them:
// the last octet first.
class TargetBlock {
 public:
  using Octets = std::array<std::bitset<256>, 4>;

  // Every combination of the octets; needs at least one of each.
  explicit TargetBlock(const Octets& octets);
  explicit TargetBlock(const Ipv6Prefix& prefix) : v6_{prefix} {}

  // At most 2^32, or 2^128 - 1 for more.
  [[nodiscard]] Uint128 size() const noexcept { return size_; }
  // Needs index < size().
  [[nodiscard]] IpAddress at(Uint128 index) const noexcept;
  [[nodiscard]] bool contains(const IpAddress& address) const noexcept;
  // Whether no address between the first and the last is missing.
  [[nodiscard]] bool is_contiguous() const noexcept;

 private:
  std::array<std::vector<std::uint8_t>, 4> choices_;  // Of IPv4, in rising order.
  Octets octets_;
  std::optional<Ipv6Prefix> v6_;
  Uint128 size_ = size_of_prefix();

  [[nodiscard]] Uint128 size_of_prefix() const noexcept;
};

// Every address that shares its first `length` bits with `address`.
[[nodiscard]] TargetBlock block_around(const IpAddress& address, unsigned length);

// A host name, and how many bits of its address count.
struct NamedTarget {
  std::string name;
  unsigned length = 0;
};

// What an expression says before any name is resolved:
//
//   198.18.0.1  198.18.0.0/24  198.18.0-3.1,5,9-20  198.18.*.-  2001:db8::/120  example.org/24
//   fe80::1%eth1  fe80::1%eth1/120
//
// An octet is a list of numbers and ranges below 256, "*" or "-" for all of them; leading zeros do
// not count. "/n" widens to every address that shares n bits with one of them. Whatever is no
// address is a name.
struct TargetExpression {
  std::variant<TargetBlock, NamedTarget> what;
  std::string warning;  // "" for none.
  std::string zone{};   // The interface of an IPv6 address (RFC 4007 section 11), "" for none.
};

// Returns the reason when it is neither (Nmap's wording).
[[nodiscard]] std::variant<TargetExpression, std::string> parse_target_expression(
    std::string_view text, AddressFamily family);

}  // namespace trawl::control
