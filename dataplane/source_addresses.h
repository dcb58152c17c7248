#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/ip.h"

namespace trawl::dataplane {

// The addresses probes are sent from: one, or several, of which each target always gets the same.
//
// Thread: immutable once made.
template <typename Address>
class BasicSourceAddresses {
 public:
  static constexpr std::size_t kMost = 1024;

  BasicSourceAddresses(Address only) : first_{only} {}  // NOLINT(google-explicit-constructor)
  // Needs 1 to kMost of them, sorted, each once.
  explicit BasicSourceAddresses(std::vector<Address> sorted)
      : first_{sorted.front()}, all_{std::move(sorted)} {}

  [[nodiscard]] bool several() const noexcept { return all_.size() > 1; }
  // The only one, or the one that asks for neighbours.
  [[nodiscard]] Address first() const noexcept { return first_; }
  [[nodiscard]] bool contains(Address address) const noexcept {
    if (address == first_) return true;
    return several() && std::binary_search(all_.begin(), all_.end(), address);
  }
  // Of several, the one for 32 bits of a cookie.
  [[nodiscard]] Address pick(std::uint32_t bits) const noexcept {
    return all_[(std::uint64_t{bits} * all_.size()) >> 32U];
  }

 private:
  Address first_;
  std::vector<Address> all_;  // Empty for one made from an address alone.
};

using SourceAddresses = BasicSourceAddresses<Ipv4Address>;
using SourceAddresses6 = BasicSourceAddresses<Ipv6Address>;

}  // namespace trawl::dataplane
