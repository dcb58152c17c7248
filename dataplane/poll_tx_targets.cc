// Which targets the sending loop probes next: positions of the sweep, requests of the control
// plane, and what waited for its next hop.
#include <rte_ring_elem.h>

#include <algorithm>
#include <chrono>

#include "dataplane/internal/arp_frame.h"
#include "dataplane/internal/neighbour_frame.h"
#include "dataplane/internal/poll_tx.h"
#include "dataplane/internal/tx_frame.h"

namespace trawl::dataplane::internal {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kFirstRepeat = 3;
constexpr auto kGatewayRepeat = 250ms;

}  // namespace

// Starts with the lane that lags most, so that a run with one sender keeps to the order.
template <typename Address>
void BasicTxLoop<Address>::adopt(const SweepRun* run) noexcept {
  run_ = run;
  exhausted_ = false;
  block_left_ = 0;
  lane_due_.fill(0);
  lane_ = first_lane_;
  std::uint64_t lowest = ~std::uint64_t{0};
  for (unsigned lane = first_lane_; lane < last_lane_; ++lane) {
    const LaneShare share{run->sweep.first, run->sweep.last, lane, kLanes};
    const std::uint64_t taken = (*run->lanes)[lane].taken.load(std::memory_order_relaxed);
    if (taken >= share.own_total() || share.position(taken) >= lowest) continue;
    lowest = share.position(taken);
    lane_ = lane;
  }
  lane_ = lane_ == first_lane_ ? last_lane_ - 1 : lane_ - 1;  // next_block() goes one on.
}

// Moves on to the next lane with positions left; false when there is none.
template <typename Address>
bool BasicTxLoop<Address>::next_block() noexcept {
  const unsigned lanes = last_lane_ - first_lane_;
  for (unsigned tried = 0; tried < lanes; ++tried) {
    lane_ = lane_ + 1 == last_lane_ ? first_lane_ : lane_ + 1;
    share_ = LaneShare{run_->sweep.first, run_->sweep.last, lane_, kLanes};
    const std::uint64_t taken = (*run_->lanes)[lane_].taken.load(std::memory_order_relaxed);
    if (taken >= share_.own_total()) continue;
    block_left_ = share_.run(taken, LaneShare::kBlock);
    return true;
  }
  exhausted_ = true;
  return false;
}

// Nothing is generated for a gateway that has not answered yet when every probe needs it.
template <typename Address>
bool BasicTxLoop<Address>::gateway_ready(Ticks now) noexcept {
  const Neighbours& neighbours = plan_.neighbours;
  if (!neighbours.gateway_address()) return true;  // Nobody to ask.
  const bool known = neighbours.gateway_known();
  if (now >= next_gateway_request_ && seat_.sender == 0) {
    (void)request(*neighbours.gateway_address());
    next_gateway_request_ = now + plan_.clock.ticks_in(known ? kGatewayRefresh : kGatewayRepeat);
  }
  return known || !neighbours.only_gateway();
}

// Fills targets_ from the waiting queues with probes whose wait is over and whose hop is known.
template <typename Address>
unsigned BasicTxLoop<Address>::take_waiting(Ticks now, unsigned want) noexcept {
  unsigned count = 0;
  for (unsigned stage = 0; stage < kStages; ++stage) {
    auto& queue = waiting_[stage];
    for (unsigned looked = 0; looked < kBurst && !queue.empty(); ++looked) {
      if (count + asked_ >= want) return count;
      if (queue.front().due > now) break;
      if (stage + 1 < kStages && waiting_[stage + 1].room() == 0) break;
      const Target target = queue.front().target;
      if (plan_.budget && network_must_wait(target, now)) break;
      queue.pop();
      if (resolve(target, stage + 1, now, heads_[count])) targets_[count++] = target;
    }
  }
  return count;
}

// Puts the next target that the control plane asked for besides the sweep in targets_[0], when its
// time has come; returns how many that are.
template <typename Address>
unsigned BasicTxLoop<Address>::take_request(Ticks now) noexcept {
  if (seat_.requests == nullptr) return 0;
  if (!request_spread_.allow(now, rte_ring_count(seat_.requests))) return 0;
  ProbeRequest<Address> request;
  if (rte_ring_sc_dequeue_elem(seat_.requests, &request, sizeof request) != 0) return 0;
  request_attempt_ = static_cast<std::uint8_t>(request.attempt);
  Target& target = targets_[0];
  target = request.target;
  const auto* const word = plan_.neighbours.next_hop(target.ip);
  const std::uint64_t known = word == nullptr ? 0 : word->load(std::memory_order_relaxed);
  if ((known & Neighbours::kResolved) == 0) {
    counters_.add(Counter::ProbesNoNeighbour);
    return 0;
  }
  heads_[0] = plan_.probe.frame_head(MacAddress::from_integer(known));
  return 1;
}

// Takes the next positions of this loop's lanes, at most `want`, and writes the indexes of those
// that are not left out.
template <typename Address>
unsigned BasicTxLoop<Address>::take_positions(unsigned want,
                                              std::span<std::uint64_t> indexes) noexcept {
  if (block_left_ == 0 && !next_block()) return 0;
  const Sweep& sweep = run_->sweep;
  Lane& lane = (*run_->lanes)[lane_];
  const std::uint64_t cursor = lane.taken.load(std::memory_order_relaxed);
  const std::uint64_t position = share_.position(cursor);
  const std::uint64_t skipped = sweep.skip ? sweep.skip->mask_from(position - sweep.first) : 0;
  const std::uint64_t rest = block_left_ == 64 ? ~std::uint64_t{0} : (1ULL << block_left_) - 1;
  // What is left out costs nothing of the rate.
  const auto taken = static_cast<unsigned>(
      (skipped & rest) == rest ? block_left_ : std::min<std::uint64_t>(want, block_left_));
  block_left_ -= taken;
  unsigned count = 0;
  if ((skipped & rest) != rest) {
    sweep.order.forward_batch(position, indexes.first(taken));
    for (unsigned i = 0; i < taken; ++i) {
      indexes[count] = indexes[i];
      count += static_cast<unsigned>((skipped >> i & 1U) == 0);
    }
  }
  // Published before the frames leave: a reply can not overtake it.
  lane.taken.store(cursor + taken, std::memory_order_release);
  return count;
}

// Fills targets_ with the next positions of the sweep, less what must wait.
template <typename Address>
unsigned BasicTxLoop<Address>::take_new(Ticks now, unsigned want) noexcept {
  const bool may_wait = !plan_.neighbours.only_gateway();
  if (may_wait) want = static_cast<unsigned>(std::min<std::size_t>(want, waiting_[0].room()));
  if (want == 0) return 0;
  unsigned taken = 0;
  if (plan_.budget) [[unlikely]] {
    taken = take_within_budget(now, want);
  } else {
    std::array<std::uint64_t, kBurst> indexes;
    taken = take_positions(want, indexes);
    run_->sweep.space->at_batch({indexes.data(), taken}, {targets_.data(), taken});
  }
  if (taken == 0) return 0;
  if (!may_wait) {
    const auto word = plan_.neighbours.gateway()->load(std::memory_order_relaxed);
    std::fill_n(heads_.begin(), taken, plan_.probe.frame_head(MacAddress::from_integer(word)));
    return taken;
  }
  // Before anything is asked for: a blocked neighbour is not asked for either.
  const unsigned allowed = drop_blocked(taken);
  unsigned count = 0;
  for (unsigned i = 0; i < allowed; ++i) {
    const Target target = targets_[i];
    if (resolve(target, 0, now, heads_[count])) targets_[count++] = target;
  }
  return count;
}

// True and `head` set when the next hop is known. Otherwise the probe waits on in queue
// `stage`, or is given up after the last one.
template <typename Address>
bool BasicTxLoop<Address>::resolve(Target target, unsigned stage, Ticks now,
                                   std::uint64_t& head) noexcept {
  const bool is_new = stage == 0;
  auto* const word = plan_.neighbours.next_hop(target.ip);
  std::uint64_t known =
      word == nullptr ? Neighbours::kSilent : word->load(std::memory_order_relaxed);
  if ((known & Neighbours::kResolved) != 0) {
    head = plan_.probe.frame_head(MacAddress::from_integer(known));
    return true;
  }
  const bool is_gateway = word == plan_.neighbours.gateway();
  if ((known & Neighbours::kSilent) != 0 || (stage == kStages && !is_gateway)) {
    if (word != nullptr) word->compare_exchange_strong(known, Neighbours::kSilent);
    counters_.add(Counter::ProbesNoNeighbour);
    return false;
  }
  // Who opted out while the probe waited is not asked for again either.
  if (!is_new && !is_gateway && !plan_.guard.allows(target.ip)) {
    counters_.add(Counter::ProbesOptedOut);
    return false;
  }
  const unsigned requests = stage < kFirstRepeat ? 1 : stage - kFirstRepeat + 2;
  if (!is_gateway && known < requests && word->compare_exchange_strong(known, requests)) {
    if (request(target.ip)) {
      pacer_.sent(1);
      ++asked_;
    } else {
      // Not asked: whoever looks next may try, this probe among them.
      std::uint64_t claimed = requests;
      word->compare_exchange_strong(claimed, known);
      stage = stage == 0 ? 0 : stage - 1;
    }
  }
  const unsigned queue = std::min(stage, kStages - 1);
  waiting_[queue].push(WaitingProbe<Address>{target, now + patience_[queue]});
  if (is_new) counters_.add(Counter::ProbesDeferred);
  return false;
}

// False when the link has no room for it.
template <typename Address>
bool BasicTxLoop<Address>::request(Address address) noexcept {
  rte_mbuf* buffer = rte_pktmbuf_alloc(seat_.control_pool);
  if (buffer == nullptr) {
    counters_.add(Counter::TxNoBuffer);
    return false;
  }
  constexpr std::size_t kSize = kIsV4 ? kArpFrameSize : kMostNeighbourFrame;
  const std::span<std::byte> frame{frame_of(buffer), kSize};
  if constexpr (kIsV4) {
    set_length(buffer, kArpFrameSize);
    write_arp_request(frame, plan_.mac, plan_.source, address, plan_.vlan);
  } else {
    set_length(buffer, kNeighbourFrameSize + plan_.vlan.tag_size());
    write_neighbour_request(frame, plan_.mac, plan_.source, address, plan_.vlan);
  }
  if (sender_.send(&buffer, 1) == 1) {
    counters_.add(kIsV4 ? Counter::ArpRequests : Counter::NeighbourRequests);
    return true;
  }
  counters_.add(Counter::TxRingFull);
  rte_pktmbuf_free(buffer);
  return false;
}

template void BasicTxLoop<Ipv4Address>::adopt(const SweepRun*) noexcept;
template bool BasicTxLoop<Ipv4Address>::next_block() noexcept;
template bool BasicTxLoop<Ipv4Address>::gateway_ready(Ticks) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_waiting(Ticks, unsigned) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_request(Ticks) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_positions(unsigned,
                                                           std::span<std::uint64_t>) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_new(Ticks, unsigned) noexcept;
template bool BasicTxLoop<Ipv4Address>::resolve(Target, unsigned, Ticks, std::uint64_t&) noexcept;
template bool BasicTxLoop<Ipv4Address>::request(Ipv4Address) noexcept;
template void BasicTxLoop<Ipv6Address>::adopt(const SweepRun*) noexcept;
template bool BasicTxLoop<Ipv6Address>::next_block() noexcept;
template bool BasicTxLoop<Ipv6Address>::gateway_ready(Ticks) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_waiting(Ticks, unsigned) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_request(Ticks) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_positions(unsigned,
                                                           std::span<std::uint64_t>) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_new(Ticks, unsigned) noexcept;
template bool BasicTxLoop<Ipv6Address>::resolve(Target6, unsigned, Ticks, std::uint64_t&) noexcept;
template bool BasicTxLoop<Ipv6Address>::request(Ipv6Address) noexcept;

}  // namespace trawl::dataplane::internal
