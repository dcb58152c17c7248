#include "dataplane/egress_guard6.h"

namespace trawl::dataplane {
namespace {

constexpr unsigned kTopShift = 112;

// ::ffff:0:0/96 and 64:ff9b::/96.
bool stands_for_ipv4(Ipv6Address address) noexcept {
  constexpr Uint128 kMapped = 0xffff;
  constexpr Uint128 kTranslated = Uint128{0x64ff9b} << 64U;
  const Uint128 top = address.value() >> 32U;
  return top == kMapped || top == kTranslated;
}

}  // namespace

EgressGuard6::EgressGuard6(const Ipv6Set& blocked)
    : intervals_{blocked.intervals().begin(), blocked.intervals().end()}, begin_(kTops + 1) {
  std::uint32_t at = 0;
  for (std::size_t top = 0; top < kTops; ++top) {
    const Uint128 first = Uint128{top} << kTopShift;
    while (at < intervals_.size() && intervals_[at].last.value() < first) ++at;
    begin_[top] = at;
  }
  begin_[kTops] = static_cast<std::uint32_t>(intervals_.size());
}

// The first interval that ends at or behind the address decides: it lies among those from begin_ of
// these 16 bits to begin_ of the next, which is the first to end behind them.
bool EgressGuard6::allows(Ipv6Address address) const noexcept {
  const auto top = static_cast<std::size_t>(address.value() >> kTopShift);
  std::size_t low = begin_[top];
  std::size_t high = begin_[top + 1];
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (intervals_[middle].last < address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const bool held = low < intervals_.size() && intervals_[low].first <= address;
  return !held && !stands_for_ipv4(address);
}

std::uint64_t EgressGuard6::blocked(std::span<const Target6> targets) const noexcept {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    result |= std::uint64_t{!allows(targets[i].ip)} << i;
  }
  return result;
}

std::size_t EgressGuard6::memory() const noexcept {
  return sizeof *this + intervals_.size() * sizeof(Interval<Ipv6Address>) +
         begin_.size() * sizeof(std::uint32_t);
}

}  // namespace trawl::dataplane
