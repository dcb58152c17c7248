#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/ip.h"

namespace trawl {

// The addresses from `first` to `last`, both included. Needs first <= last.
template <typename Address>
struct Interval {
  Address first;
  Address last;
  friend constexpr bool operator==(const Interval&, const Interval&) noexcept = default;
};

// A set of addresses as sorted, disjoint, non-touching intervals.
//
// Made for lists of millions of prefixes: add() only appends, and the first question after
// additions sorts and merges once.
template <typename Address>
class IntervalSet {
 public:
  using Range = Interval<Address>;

  void add(Range range) { pending_.push_back(range); }
  void add(const Prefix<Address>& prefix) { add(Range{prefix.first(), prefix.last()}); }
  void add(const IntervalSet& other);

  // Takes every address of `other` out of this set.
  void subtract(const IntervalSet& other);
  // Keeps only the addresses that `other` holds too.
  void intersect(const IntervalSet& other);

  [[nodiscard]] bool contains(Address address) const;
  [[nodiscard]] bool empty() const { return intervals().empty(); }
  // How many addresses the set holds (all 2^128 count as 2^128 - 1).
  [[nodiscard]] typename Address::Count size() const;
  // Sorted, disjoint and with a gap between neighbours.
  [[nodiscard]] std::span<const Range> intervals() const {
    normalise();
    return sorted_;
  }

 private:
  void normalise() const;

  mutable std::vector<Range> sorted_;
  mutable std::vector<Range> pending_;
};

using Ipv4Set = IntervalSet<Ipv4Address>;
using Ipv6Set = IntervalSet<Ipv6Address>;

extern template class IntervalSet<Ipv4Address>;
extern template class IntervalSet<Ipv6Address>;

}  // namespace trawl
