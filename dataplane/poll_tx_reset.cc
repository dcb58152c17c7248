// The part of the sending loop that ends the handshakes which SYN probes began.
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <array>

#include "dataplane/internal/poll_tx.h"
#include "dataplane/internal/tx_frame.h"

namespace trawl::dataplane::internal {

template <typename Address>
bool BasicTxLoop<Address>::resets_wait(Ticks now) const noexcept {
  if (seat_.resets == nullptr) return false;
  return resets_.count > 0 || rte_ring_empty(seat_.resets) == 0 || reset_line_.is_due(now);
}

// How many of the packets that may go now: half of them while there are probes to send, so that
// nobody who repeats SYN-ACKs to us can take more of the rate than that.
template <typename Address>
unsigned BasicTxLoop<Address>::share_of_resets(unsigned allowed) noexcept {
  if (run_ == nullptr || finished_run_.load(std::memory_order_relaxed) == run_->number) {
    return allowed;
  }
  if (allowed > 1) return allowed / 2;
  is_turn_of_resets_ = !is_turn_of_resets_;
  return is_turn_of_resets_ ? 1 : 0;
}

// While probes are held, or their time is over, by the same rate. A lag is not made good: it would
// be the probes'.
template <typename Address>
unsigned BasicTxLoop<Address>::send_resets_alone(Ticks now) noexcept {
  if (!resets_wait(now)) return 0;
  pacer_.forgo(now);
  return send_resets(now, pacer_.allow(now, kBurst));
}

template <typename Address>
unsigned BasicTxLoop<Address>::send_resets(Ticks now, unsigned most) noexcept {
  if (most == 0) return 0;
  if (resets_.count == 0) make_resets(now, most);
  return send_made(resets_, Counter::ResetsSent, Counter::ResetsBlocked);
}

// A burst of them. All that is in one follows from the target: see BasicResetTemplate.
template <typename Address>
void BasicTxLoop<Address>::make_resets(Ticks now, unsigned most) noexcept {
  std::array<rte_mbuf*, kBurst> buffers;
  if (rte_pktmbuf_alloc_bulk(seat_.control_pool, buffers.data(), most) != 0) {
    counters_.add(Counter::TxNoBuffer);
    return;
  }
  std::array<Target, kBurst> targets;
  std::array<std::uint64_t, kBurst> heads;
  const unsigned taken = take_resets(now, most, targets.data());
  unsigned count = 0;
  for (unsigned i = 0; i < taken; ++i) {
    const auto* const word = plan_.neighbours.next_hop(targets[i].ip);
    const std::uint64_t known = word == nullptr ? 0 : word->load(std::memory_order_relaxed);
    if ((known & Neighbours::kResolved) == 0) continue;
    heads[count] = plan_.probe.frame_head(MacAddress::from_integer(known));
    targets[count++] = targets[i];
  }
  counters_.add(Counter::ResetsDropped, taken - count);
  std::array<Cookie, kBurst> cookies;
  std::array<Address, kBurst> sources;
  plan_.cookies.make_all({targets.data(), count}, {cookies.data(), count}, {sources.data(), count});
  const bool several = plan_.cookies.sources().several();
  for (unsigned i = 0; i < count; ++i) {
    set_length(buffers[i], plan_.reset->size().count());
    plan_.reset->write(frame_of(buffers[i]), heads[i], targets[i], cookies[i]);
    if (several) plan_.probe.set_source(frame_of(buffers[i]), sources[i]);
  }
  rte_pktmbuf_free_bulk(buffers.data() + count, most - count);
  std::copy_n(buffers.begin(), count, resets_.frames.begin());
  resets_.first = 0;
  resets_.count = count;
  resets_.guard = nullptr;
}

// Whom to reset next, from the line or the ring, at most `most`; as take_talk().
template <typename Address>
unsigned BasicTxLoop<Address>::take_resets(Ticks now, unsigned most, Target* into) noexcept {
  const auto from_ring = [this](Target* to, unsigned want) noexcept {
    return rte_ring_sc_dequeue_burst_elem(seat_.resets, to, sizeof(Target), want, nullptr);
  };
  if (!plan_.budget) return from_ring(into, most);
  const auto wait_for = [this, now](Target target) noexcept {
    return plan_.budget->take(target.ip, now);
  };
  unsigned count = 0;
  if (reset_line_.is_due(now)) count = reset_line_.take(now, into, most, wait_for);
  if (count == most || reset_line_.is_due(now) || reset_line_.room() < kBurst) return count;
  std::array<Target, kBurst> fresh;
  const unsigned taken = from_ring(fresh.data(), most - count);
  for (unsigned i = 0; i < taken; ++i) {
    const Ticks wait = wait_for(fresh[i]);
    if (wait == 0) {
      into[count++] = fresh[i];
    } else if (wait == BasicNetworkBudget<Address>::kNever) {
      counters_.add(Counter::ResetsBlocked);
    } else {
      reset_line_.push(fresh[i], now + wait);
      counters_.add(Counter::ResetsLimited);
    }
  }
  return count;
}

template <typename Address>
void BasicTxLoop<Address>::abandon_resets() noexcept {
  std::size_t left = resets_.count + reset_line_.size();
  if (seat_.resets != nullptr) left += rte_ring_count(seat_.resets);
  counters_.add(Counter::ResetsDropped, left);
  rte_pktmbuf_free_bulk(resets_.frames.data() + resets_.first, resets_.count);
  resets_.count = 0;
  reset_line_.clear([](Target) {});
  if (seat_.resets != nullptr) rte_ring_reset(seat_.resets);
}

template bool BasicTxLoop<Ipv4Address>::resets_wait(Ticks) const noexcept;
template bool BasicTxLoop<Ipv6Address>::resets_wait(Ticks) const noexcept;
template unsigned BasicTxLoop<Ipv4Address>::share_of_resets(unsigned) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::share_of_resets(unsigned) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::send_resets_alone(Ticks) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::send_resets_alone(Ticks) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::send_resets(Ticks, unsigned) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::send_resets(Ticks, unsigned) noexcept;
template void BasicTxLoop<Ipv4Address>::abandon_resets() noexcept;
template void BasicTxLoop<Ipv6Address>::abandon_resets() noexcept;
template void BasicTxLoop<Ipv4Address>::make_resets(Ticks, unsigned) noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_resets(Ticks, unsigned, Target*) noexcept;
template void BasicTxLoop<Ipv6Address>::make_resets(Ticks, unsigned) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_resets(Ticks, unsigned, Target6*) noexcept;

}  // namespace trawl::dataplane::internal
