#include "dataplane/swappable_guard.h"

#include <utility>

namespace trawl::dataplane {

SwappableGuard::SwappableGuard(EgressGuard first) {
  guards_.push_back(std::make_unique<const EgressGuard>(std::move(first)));
  first_ = guards_.front().get();
  current_.store(first_, std::memory_order_release);
}

SwappableGuard::SwappableGuard(SwappableGuard&& other) noexcept
    : current_{other.current_.load(std::memory_order_relaxed)},
      first_{other.first_},
      guards_{std::move(other.guards_)} {}

void SwappableGuard::publish(EgressGuard next) {
  guards_.push_back(std::make_unique<const EgressGuard>(std::move(next)));
  current_.store(guards_.back().get(), std::memory_order_release);
}

SwappableGuard::Answer SwappableGuard::check(std::span<const Target> targets) const noexcept {
  const EgressGuard& now = current();
  const std::uint64_t never = first_->blocked(targets);
  if (&now == first_) [[likely]]
    return {.blocked = never, .opted_out = 0};
  return {.blocked = never, .opted_out = now.blocked(targets) & ~never};
}

bool SwappableGuard::allows(Ipv4Address address) const noexcept {
  return current().allows(address) && first_->allows(address);
}

}  // namespace trawl::dataplane
