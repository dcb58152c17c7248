#pragma once

#include <cstdint>
#include <utility>
#include <variant>

#include "base/ranked_set.h"

namespace trawl {

// A frozen set of addresses of one family, numbered: a RankedSet whose family is known at run time.
//
// Thread: immutable once made.
class RankedAddresses {
 public:
  RankedAddresses(RankedSet<Ipv4Address> set)  // NOLINT(google-explicit-constructor)
      : set_{std::move(set)} {}
  // Needs fewer than 2^64 addresses.
  RankedAddresses(RankedSet<Ipv6Address> set)  // NOLINT(google-explicit-constructor)
      : set_{std::move(set)} {}

  // Exactly one of them is not nullptr.
  [[nodiscard]] const RankedSet<Ipv4Address>* v4() const noexcept {
    return std::get_if<RankedSet<Ipv4Address>>(&set_);
  }
  [[nodiscard]] const RankedSet<Ipv6Address>* v6() const noexcept {
    return std::get_if<RankedSet<Ipv6Address>>(&set_);
  }
  [[nodiscard]] bool is_v4() const noexcept { return v4() != nullptr; }

  [[nodiscard]] std::uint64_t size() const noexcept {
    const auto* const v4_set = v4();
    return v4_set != nullptr ? v4_set->size() : static_cast<std::uint64_t>(v6()->size());
  }
  // The address numbered `rank`. Needs rank < size().
  [[nodiscard]] IpAddress select(std::uint64_t rank) const noexcept {
    if (const auto* const v4_set = v4()) return v4_set->select(static_cast<std::uint32_t>(rank));
    return v6()->select(rank);
  }

 private:
  std::variant<RankedSet<Ipv4Address>, RankedSet<Ipv6Address>> set_;
};

}  // namespace trawl
