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
class SourceAddresses {
 public:
  static constexpr std::size_t kMost = 1024;

  SourceAddresses(Ipv4Address only) : first_{only} {}  // NOLINT(google-explicit-constructor)
  // Needs 1 to kMost of them, sorted, each once.
  explicit SourceAddresses(std::vector<Ipv4Address> sorted)
      : first_{sorted.front()}, all_{std::move(sorted)} {}

  [[nodiscard]] bool several() const noexcept { return all_.size() > 1; }
  // The only one, or the one that asks for neighbours.
  [[nodiscard]] Ipv4Address first() const noexcept { return first_; }
  [[nodiscard]] bool contains(Ipv4Address address) const noexcept {
    if (address == first_) return true;
    return several() && std::binary_search(all_.begin(), all_.end(), address);
  }
  // Of several, the one for 32 bits of a cookie.
  [[nodiscard]] Ipv4Address pick(std::uint32_t bits) const noexcept {
    return all_[(std::uint64_t{bits} * all_.size()) >> 32U];
  }

 private:
  Ipv4Address first_;
  std::vector<Ipv4Address> all_;  // Empty for one made from an address alone.
};

}  // namespace trawl::dataplane
