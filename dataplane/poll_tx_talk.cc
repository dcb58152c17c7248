// The part of the sending loop that is about conversations.
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <bit>

#include "dataplane/internal/poll_tx.h"
#include "dataplane/wire.h"

namespace trawl::dataplane::internal {

// Frames that conversations want sent, as many as one burst received and one look at the clock make
// at most. They count for the rate, and go before probes: a peer waits for them.
template <typename Address>
void BasicTxLoop<Address>::send_talk() noexcept {
  constexpr unsigned kMostBursts = 5;
  for (unsigned burst = 0; burst < kMostBursts; ++burst) {
    if (talk_held_ == 0) {
      talk_first_ = 0;
      talk_held_ = take_talk();
      if (talk_held_ == 0) return;
    }
    const std::uint16_t sent =
        sender_.send(talk_.data() + talk_first_, static_cast<std::uint16_t>(talk_held_));
    counters_.add(Counter::TalkFrames, sent);
    pacer_.sent(sent);
    talk_first_ += sent;
    talk_held_ -= sent;
    if (talk_held_ > 0) return counters_.add(Counter::TxRingFull);
  }
}

// The next frames from the ring that the egress guard lets go, as they are: it is asked about the
// address in the frame.
template <typename Address>
unsigned BasicTxLoop<Address>::take_talk() noexcept {
  const unsigned taken = rte_ring_sc_dequeue_burst(
      seat_.talk, reinterpret_cast<void**>(talk_.data()), kBurst, nullptr);
  if (taken == 0) return 0;
  const std::size_t ip = wire::kEthernetSize + plan_.vlan.tag_size();
  std::array<Target, kBurst> targets;
  for (unsigned i = 0; i < taken; ++i) {
    const auto* const packet = rte_pktmbuf_mtod(talk_[i], const std::byte*) + ip;
    if constexpr (kIsV4) {
      targets[i].ip = Ipv4Address{wire::read32(packet + wire::kIpDestination)};
    } else {
      targets[i].ip = wire::read_ipv6(packet + wire::kIpv6Destination);
    }
  }
  const auto answer = plan_.guard.check({targets.data(), taken});
  if (answer.all_clear()) [[likely]]
    return taken;
  const std::uint64_t stopped = answer.blocked | answer.opted_out;
  unsigned allowed = 0;
  for (unsigned i = 0; i < taken; ++i) {
    if ((stopped >> i & 1U) != 0) {
      rte_pktmbuf_free(talk_[i]);
    } else {
      talk_[allowed++] = talk_[i];
    }
  }
  counters_.add(Counter::TalkBlocked, static_cast<unsigned>(std::popcount(stopped)));
  return allowed;
}

template void BasicTxLoop<Ipv4Address>::send_talk() noexcept;
template void BasicTxLoop<Ipv6Address>::send_talk() noexcept;
template unsigned BasicTxLoop<Ipv4Address>::take_talk() noexcept;
template unsigned BasicTxLoop<Ipv6Address>::take_talk() noexcept;

}  // namespace trawl::dataplane::internal
