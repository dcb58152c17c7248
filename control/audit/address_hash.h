#pragma once

#include <cstddef>
#include <cstdint>

#include "base/ip.h"

namespace trawl::control {

// For sets and maps of addresses.
struct AddressHash {
  std::size_t operator()(const IpAddress& address) const noexcept {
    const Uint128 value = address.v6().value();
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15U;  // 2^64 by the golden ratio.
    std::uint64_t mixed = static_cast<std::uint64_t>(value >> 64U) * kOdd;
    mixed = (mixed ^ static_cast<std::uint64_t>(value)) * kOdd;
    return static_cast<std::size_t>(mixed ^ mixed >> 32U);
  }
};

}  // namespace trawl::control
