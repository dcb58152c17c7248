#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/interval_set.h"
#include "base/ip.h"

namespace trawl::control {

// A block of addresses that the IETF set aside, from data/special_purpose_ipv4.txt or _ipv6.txt.
template <typename Address>
struct SpecialPurpose {
  Prefix<Address> prefix;
  std::string_view rfc;        // Where it is defined: "RFC 2544".
  std::string_view allocated;  // Year and month: "1999-03".
  std::string_view name;       // "Benchmarking"

  // "198.18.0.0/15, Benchmarking, RFC 2544"
  [[nodiscard]] std::string to_string() const;
};

using SpecialPurposeBlock = SpecialPurpose<Ipv4Address>;
using SpecialPurposeIpv6Block = SpecialPurpose<Ipv6Address>;

extern template struct SpecialPurpose<Ipv4Address>;
extern template struct SpecialPurpose<Ipv6Address>;

// The tables that are compiled in, in the order of the files. Blocks may lie inside one another.
[[nodiscard]] std::span<const SpecialPurposeBlock> special_purpose_blocks();
[[nodiscard]] std::span<const SpecialPurposeIpv6Block> special_purpose_ipv6_blocks();

// Every address in the tables.
[[nodiscard]] Ipv4Set special_purpose_addresses();
[[nodiscard]] Ipv6Set special_purpose_ipv6_addresses();

// The smallest block that holds `address`, or nullptr.
[[nodiscard]] const SpecialPurposeBlock* special_purpose_block_of(Ipv4Address address);
[[nodiscard]] const SpecialPurposeIpv6Block* special_purpose_block_of(Ipv6Address address);

}  // namespace trawl::control
