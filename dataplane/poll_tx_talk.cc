// The part of the sending loop that is about conversations.
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/internal/poll_tx.h"

namespace trawl::dataplane::internal {

// Frames that conversations want sent, as many as one burst received and one look at the clock make
// at most. They count for the rate and for the budgets of their networks, and go before probes: a
// peer waits for them.
template <typename Address>
void BasicTxLoop<Address>::send_talk(Ticks now) noexcept {
  constexpr unsigned kMostBursts = 5;
  for (unsigned burst = 0; burst < kMostBursts; ++burst) {
    if (talk_.count == 0) {
      talk_.first = 0;
      talk_.guard = nullptr;
      talk_.count = take_talk(now);
      if (talk_.count == 0) return;
    }
    (void)send_made(talk_, Counter::TalkFrames, Counter::TalkBlocked);
    if (talk_.count > 0) return;
  }
}

// The next frames that may go, from the line or the ring. Those of networks that have had their
// share wait in the line; when that is full, all wait in the ring, and conversations for that.
template <typename Address>
unsigned BasicTxLoop<Address>::take_talk(Ticks now) noexcept {
  rte_mbuf** const into = talk_.frames.data();
  if (!plan_.budget) {
    return rte_ring_sc_dequeue_burst(seat_.talk, reinterpret_cast<void**>(into), kBurst, nullptr);
  }
  const auto wait_for = [this, now](const rte_mbuf* frame) noexcept {
    return plan_.budget->take(destination_of(frame), now);
  };
  unsigned count = 0;
  if (talk_line_.is_due(now)) count = talk_line_.take(now, into, kBurst, wait_for);
  // Not past what was there before.
  if (count == kBurst || talk_line_.is_due(now) || talk_line_.room() < kBurst) return count;
  std::array<rte_mbuf*, kBurst> fresh;
  const unsigned taken = rte_ring_sc_dequeue_burst(
      seat_.talk, reinterpret_cast<void**>(fresh.data()), kBurst - count, nullptr);
  for (unsigned i = 0; i < taken; ++i) {
    const Ticks wait = wait_for(fresh[i]);
    if (wait == 0) {
      into[count++] = fresh[i];
    } else if (wait == BasicNetworkBudget<Address>::kNever) {
      rte_pktmbuf_free(fresh[i]);
      counters_.add(Counter::TalkBlocked);
    } else {
      talk_line_.push(fresh[i], now + wait);
      counters_.add(Counter::TalkLimited);
    }
  }
  return count;
}

template <typename Address>
void BasicTxLoop<Address>::abandon_talk() noexcept {
  counters_.add(Counter::TalkAbandoned, talk_.count + talk_line_.size());
  rte_pktmbuf_free_bulk(talk_.frames.data() + talk_.first, talk_.count);
  talk_.count = 0;
  talk_line_.clear([](rte_mbuf* frame) { rte_pktmbuf_free(frame); });
}

template void BasicTxLoop<Ipv4Address>::send_talk(Ticks) noexcept;
template void BasicTxLoop<Ipv6Address>::send_talk(Ticks) noexcept;
template void BasicTxLoop<Ipv4Address>::abandon_talk() noexcept;
template void BasicTxLoop<Ipv6Address>::abandon_talk() noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_talk(Ticks) noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_talk(Ticks) noexcept;

}  // namespace trawl::dataplane::internal
