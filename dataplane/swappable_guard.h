#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/egress_guard.h"
#include "dataplane/target_space.h"

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
class SwappableGuard {
 public:
  explicit SwappableGuard(EgressGuard first);
  // Needs that no core uses either yet.
  SwappableGuard(SwappableGuard&& other) noexcept;
  SwappableGuard& operator=(SwappableGuard&&) = delete;
  ~SwappableGuard() = default;

  // From its return on, no burst begins with an older guard.
  void publish(EgressGuard next);
  // How many guards are kept: one, and one for each publish().
  [[nodiscard]] std::size_t generations() const noexcept { return guards_.size(); }

  // The guard to use for one burst; valid as long as this is.
  [[nodiscard]] const EgressGuard& current() const noexcept {
    return *current_.load(std::memory_order_acquire);
  }
  [[nodiscard]] const EgressGuard& first() const noexcept { return *first_; }

  // Bit i is about targets[i]; no bit is set in both.
  struct Answer {
    std::uint64_t blocked = 0;    // Never allowed: count as Counter::ProbesBlocked.
    std::uint64_t opted_out = 0;  // No longer allowed: count as Counter::ProbesOptedOut.

    [[nodiscard]] bool all_clear() const noexcept { return (blocked | opted_out) == 0; }
  };
  // Needs targets.size() <= 64. Cost: that of one EgressGuard::blocked() until the first publish(),
  // then of two.
  [[nodiscard]] Answer check(std::span<const Target> targets) const noexcept;
  [[nodiscard]] bool allows(Ipv4Address address) const noexcept;

 private:
  // One cache line that the cores read and that is written only by publish().
  alignas(64) std::atomic<const EgressGuard*> current_;
  const EgressGuard* first_;
  std::vector<std::unique_ptr<const EgressGuard>> guards_;
};

}  // namespace trawl::dataplane
