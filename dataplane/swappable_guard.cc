#include "dataplane/swappable_guard.h"

#include <utility>

namespace trawl::dataplane {

template <typename Address>
BasicSwappableGuard<Address>::BasicSwappableGuard(Guard first) {
  guards_.push_back(std::make_unique<const Guard>(std::move(first)));
  first_ = guards_.front().get();
  current_.store(first_, std::memory_order_release);
}

template <typename Address>
BasicSwappableGuard<Address>::BasicSwappableGuard(BasicSwappableGuard&& other) noexcept
    : current_{other.current_.load(std::memory_order_relaxed)},
      first_{other.first_},
      guards_{std::move(other.guards_)} {}

template <typename Address>
void BasicSwappableGuard<Address>::publish(Guard next) {
  guards_.push_back(std::make_unique<const Guard>(std::move(next)));
  current_.store(guards_.back().get(), std::memory_order_release);
}

template <typename Address>
auto BasicSwappableGuard<Address>::check(
    std::span<const BasicTarget<Address>> targets) const noexcept -> Answer {
  const Guard& now = current();
  const std::uint64_t never = first_->blocked(targets);
  if (&now == first_) [[likely]]
    return {.blocked = never, .opted_out = 0};
  return {.blocked = never, .opted_out = now.blocked(targets) & ~never};
}

template <typename Address>
bool BasicSwappableGuard<Address>::allows(Address address) const noexcept {
  return current().allows(address) && first_->allows(address);
}

template class BasicSwappableGuard<Ipv4Address>;
template class BasicSwappableGuard<Ipv6Address>;

}  // namespace trawl::dataplane
