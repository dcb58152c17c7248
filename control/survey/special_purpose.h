#pragma once

#include <span>
#include <string_view>

#include "base/interval_set.h"
#include "base/ip.h"

namespace trawl::control {

// A block of addresses that the IETF set aside, from data/special_purpose_ipv4.txt.
struct SpecialPurposeBlock {
  Ipv4Prefix prefix;
  std::string_view rfc;   // Where it is defined: "RFC 2544".
  std::string_view name;  // "Benchmarking"
};

// The table that is compiled in, in the order of the file. Blocks may lie inside one another.
[[nodiscard]] std::span<const SpecialPurposeBlock> special_purpose_blocks();

// Every address in special_purpose_blocks().
[[nodiscard]] Ipv4Set special_purpose_addresses();

// The smallest block that holds `address`, or nullptr.
[[nodiscard]] const SpecialPurposeBlock* special_purpose_block_of(Ipv4Address address);

}  // namespace trawl::control
