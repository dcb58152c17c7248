#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/interval_set.h"
#include "dataplane/target.h"

namespace trawl::dataplane {

// EgressGuard for IPv6: the last check before a frame leaves.
//
// Built from the blocklist alone, never from the target space, and shares no code with it. Sorted
// intervals, and for each value of an address's first 16 bits those that can hold it; a binary
// search among them decides. An address in ::ffff:0:0/96 (IPv4-mapped, RFC 4291) or 64:ff9b::/96
// (behind a NAT64, RFC 6052) is never allowed: it stands for an IPv4 address, which another guard
// answers for.
//
// Thread: immutable once made.
class EgressGuard6 {
 public:
  explicit EgressGuard6(const Ipv6Set& blocked);

  [[nodiscard]] bool allows(Ipv6Address address) const noexcept;
  // Bit i is set when targets[i] must not be sent to. Needs targets.size() <= 64.
  [[nodiscard]] std::uint64_t blocked(std::span<const Target6> targets) const noexcept;
  // Bytes held by the tables.
  [[nodiscard]] std::size_t memory() const noexcept;

 private:
  static constexpr std::size_t kTops = std::size_t{1} << 16U;

  std::vector<Interval<Ipv6Address>> intervals_;  // Sorted and disjoint.
  std::vector<std::uint32_t> begin_;  // By first 16 bits: the first interval that ends in or behind
                                      // them. One more closes the last.
};

}  // namespace trawl::dataplane
