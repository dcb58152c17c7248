// How the sending loop keeps to the budgets of networks; apart from it, since surveys without them
// have nothing to do with this.
#include <algorithm>
#include <bit>

#include "dataplane/internal/poll_tx.h"

namespace trawl::dataplane::internal {

// Fills targets_ from lane after lane, each up to the first target whose network may not be sent
// anything. There it waits, so that nothing is skipped and its cursor stays true; the other lanes
// go on.
template <typename Address>
unsigned BasicTxLoop<Address>::take_within_budget(Ticks now, unsigned want) noexcept {
  const unsigned lanes = last_lane_ - first_lane_;
  bool all_wait = true;
  unsigned count = 0;
  for (unsigned looked = 0; looked < lanes && count < want; ++looked) {
    if (block_left_ == 0 && !next_block()) break;
    if (lane_due_[lane_] > now) {
      block_left_ = 0;
      continue;
    }
    const std::atomic<std::uint64_t>& taken = (*run_->lanes)[lane_].taken;
    const std::uint64_t before = taken.load(std::memory_order_relaxed);
    count += take_allowed(now, want - count, count);
    // What a lane leaves out is done with, too.
    all_wait &= taken.load(std::memory_order_relaxed) == before;
    touched_ |= std::uint64_t{1} << lane_;
  }
  if (all_wait && !exhausted_) {
    counters_.add(Counter::TxNetworksWait);
    pacer_.forgo(now);
  }
  return count;
}

// Everything taken of the lanes that take_within_budget() looked at is with the link, or waits for
// a neighbour.
template <typename Address>
void BasicTxLoop<Address>::confirm_touched() noexcept {
  for (; touched_ != 0; touched_ &= touched_ - 1) {
    Lane& lane = (*run_->lanes)[static_cast<unsigned>(std::countr_zero(touched_))];
    lane.sent.store(lane.taken.load(std::memory_order_relaxed), std::memory_order_release);
  }
}

// The next positions of the present lane, at most `want`, up to the first whose network has had
// its share; their targets go to targets_ from `at` on.
template <typename Address>
unsigned BasicTxLoop<Address>::take_allowed(Ticks now, unsigned want, unsigned at) noexcept {
  const Sweep& sweep = run_->sweep;
  Lane& lane = (*run_->lanes)[lane_];
  const std::uint64_t cursor = lane.taken.load(std::memory_order_relaxed);
  const std::uint64_t position = share_.position(cursor);
  const std::uint64_t skipped = sweep.skip ? sweep.skip->mask_from(position - sweep.first) : 0;
  const std::uint64_t rest = block_left_ == 64 ? ~std::uint64_t{0} : (1ULL << block_left_) - 1;
  const bool skips_all = (skipped & rest) == rest;
  auto taken = static_cast<unsigned>(
      skips_all ? block_left_ : std::min<std::uint64_t>({want, look_ahead_, block_left_}));
  unsigned count = 0;
  bool is_due = true;
  if (!skips_all) {
    std::array<std::uint64_t, kBurst> indexes;
    std::array<std::uint8_t, kBurst> offsets;
    sweep.order.forward_batch(position, {indexes.data(), taken});
    unsigned looked = 0;
    for (unsigned i = 0; i < taken; ++i) {
      indexes[looked] = indexes[i];
      offsets[looked] = static_cast<std::uint8_t>(i);
      looked += static_cast<unsigned>((skipped >> i & 1U) == 0);
    }
    Target* const targets = targets_.data() + at;
    sweep.space->at_batch({indexes.data(), looked}, {targets, looked});
    for (; count < looked; ++count) {
      const Ticks wait = plan_.budget->take(targets[count].ip, now);
      if (wait == 0) continue;
      lane_due_[lane_] = now + wait;
      taken = offsets[count];
      is_due = false;
      break;
    }
    // Looking at more than may go costs time and brings nothing.
    look_ahead_ = is_due ? std::min(2 * look_ahead_, kBurst) : kLeastLookAhead;
  }
  if (!is_due) counters_.add(Counter::ProbesLimited);
  block_left_ = is_due ? block_left_ - taken : 0;
  // Published before the frames leave: a reply can not overtake it.
  lane.taken.store(cursor + taken, std::memory_order_release);
  return count;
}

// Whether a probe that waited for its next hop must wait on for its network. It counted when it was
// taken, which stands for the request for its neighbour, and counts again as it leaves.
template <typename Address>
bool BasicTxLoop<Address>::network_must_wait(Target target, Ticks now) noexcept {
  const auto* const word = plan_.neighbours.next_hop(target.ip);
  const std::uint64_t known = word == nullptr ? 0 : word->load(std::memory_order_relaxed);
  return (known & Neighbours::kResolved) != 0 && plan_.budget->take(target.ip, now) > 0;
}

template unsigned BasicTxLoop<Ipv4Address>::take_within_budget(Ticks, unsigned) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_allowed(Ticks, unsigned, unsigned) noexcept;
template void BasicTxLoop<Ipv4Address>::confirm_touched() noexcept;
template bool BasicTxLoop<Ipv4Address>::network_must_wait(Target, Ticks) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_within_budget(Ticks, unsigned) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_allowed(Ticks, unsigned, unsigned) noexcept;
template void BasicTxLoop<Ipv6Address>::confirm_touched() noexcept;
template bool BasicTxLoop<Ipv6Address>::network_must_wait(Target, Ticks) noexcept;

}  // namespace trawl::dataplane::internal
