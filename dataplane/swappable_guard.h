#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "dataplane/egress_guard.h"
#include "dataplane/egress_guard6.h"
#include "dataplane/target.h"

namespace trawl::dataplane {

// An egress guard that can be replaced while polling cores ask it.
//
// Each guard is immutable; publish() takes the next one and swaps a pointer, which a core reads
// once a burst. To free an old guard, every core would have to tell that it is done with it;
// instead they are kept until the end, some megabytes for each change of lists that change a few
// times a survey.
//
// The first guard keeps its say: a target that it blocks should not have been in the plan, and its
// probe is a loss to be explained; one that only a later guard blocks has opted out meanwhile.
//
// Thread: current(), first() and check() from any core, publish() and generations() from the
// control thread.
template <typename Address>
class BasicSwappableGuard {
 public:
  using Guard = std::conditional_t<std::is_same_v<Address, Ipv4Address>, EgressGuard, EgressGuard6>;

  explicit BasicSwappableGuard(Guard first);
  // Needs that no core uses either yet.
  BasicSwappableGuard(BasicSwappableGuard&& other) noexcept;
  BasicSwappableGuard& operator=(BasicSwappableGuard&&) = delete;
  ~BasicSwappableGuard() = default;

  // From its return on, no burst begins with an older guard.
  void publish(Guard next);
  // How many guards are kept: one, and one for each publish().
  [[nodiscard]] std::size_t generations() const noexcept { return guards_.size(); }

  // The guard to use for one burst; valid as long as this is.
  [[nodiscard]] const Guard& current() const noexcept {
    return *current_.load(std::memory_order_acquire);
  }
  [[nodiscard]] const Guard& first() const noexcept { return *first_; }

  // Bit i is about targets[i]; no bit is set in both.
  struct Answer {
    std::uint64_t blocked = 0;    // Never allowed: count as Counter::ProbesBlocked.
    std::uint64_t opted_out = 0;  // No longer allowed: count as Counter::ProbesOptedOut.

    [[nodiscard]] bool all_clear() const noexcept { return (blocked | opted_out) == 0; }
  };
  // Needs targets.size() <= 64. Cost: that of one EgressGuard::blocked() until the first publish(),
  // then of two.
  [[nodiscard]] Answer check(std::span<const BasicTarget<Address>> targets) const noexcept;
  [[nodiscard]] bool allows(Address address) const noexcept;

 private:
  // One cache line that the cores read and that is written only by publish().
  alignas(64) std::atomic<const Guard*> current_;
  const Guard* first_;
  std::vector<std::unique_ptr<const Guard>> guards_;
};

using SwappableGuard = BasicSwappableGuard<Ipv4Address>;
using SwappableGuard6 = BasicSwappableGuard<Ipv6Address>;
extern template class BasicSwappableGuard<Ipv4Address>;
extern template class BasicSwappableGuard<Ipv6Address>;

}  // namespace trawl::dataplane
