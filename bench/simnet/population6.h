#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/ip.h"
#include "bench/simnet/options.h"

namespace trawl::simnet {

// The simulated IPv6 hosts: a bounded number of addresses scattered over a prefix too large to
// list. Half of them lie as servers do, low in their subnets; the others have random interface
// identifiers.
//
// Thread: immutable once made. Cost: a look-up takes one or two cache misses.
class Population6 {
 public:
  // Without a prefix there are none.
  explicit Population6(const PopulationOptions& options);

  [[nodiscard]] bool empty() const noexcept { return addresses_.empty(); }
  // Which of addresses() it is; nullopt when nobody has it.
  [[nodiscard]] std::optional<std::uint32_t> number(Ipv6Address address) const noexcept;
  [[nodiscard]] bool is_live(Ipv6Address address) const noexcept {
    return number(address).has_value();
  }
  [[nodiscard]] bool is_router(Ipv6Address address) const noexcept {
    return !empty() && address == router_;
  }
  // Every live address, sorted.
  [[nodiscard]] std::span<const Ipv6Address> addresses() const noexcept { return addresses_; }
  // The source of a host's traits, as Population::host() draws them for IPv4.
  [[nodiscard]] std::uint64_t draw(Ipv6Address address) const noexcept;

 private:
  std::uint64_t key_;
  Ipv6Address router_;  // The second address of the prefix after its first.
  std::vector<Ipv6Address> addresses_;
  std::vector<std::uint32_t> slots_;  // Open addressing; index into addresses_ plus one.
};

}  // namespace trawl::simnet
