// What the sending loop sends for others: answers to neighbours, frames of the kernel, and frames
// that wait for room in the link.
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <bit>

#include "dataplane/internal/poll_tx.h"
#include "dataplane/internal/tx_frame.h"
#include "dataplane/wire.h"

namespace trawl::dataplane::internal {

template <typename Address>
void BasicTxLoop<Address>::send_answers() noexcept {
  rte_mbuf* answer = nullptr;
  while (rte_ring_sc_dequeue(seat_.answers, reinterpret_cast<void**>(&answer)) == 0) {
    if (sender_.send(&answer, 1) == 1) {
      counters_.add(kIsV4 ? Counter::ArpAnswers : Counter::NeighbourAnswers);
    } else {
      rte_pktmbuf_free(answer);  // Who asked will ask again.
    }
  }
}

// What the link does not take stays in the ring; when that is full, the kernel waits, or drops and
// counts.
template <typename Address>
void BasicTxLoop<Address>::send_for_kernel() noexcept {
  FrameRing& frames = seat_.kernel->down();
  unsigned count = std::min<unsigned>(frames.waiting(), kKernelBurst);
  if (count == 0) [[likely]]
    return;
  // Up to the first that the blocklist of now stops, which then is the first.
  unsigned allowed = 0;
  while (allowed < count && seat_.kernel->may_still_leave(allowed)) ++allowed;
  if (allowed == 0) {
    frames.pop(1);
    counters_.add(Counter::KernelBlocked);
    return;
  }
  count = allowed;
  std::array<rte_mbuf*, kKernelBurst> buffers;
  if (rte_pktmbuf_alloc_bulk(seat_.control_pool, buffers.data(), count) != 0) {
    counters_.add(Counter::TxNoBuffer);
    return;
  }
  for (unsigned i = 0; i < count; ++i) {
    const auto frame = frames.frame(i);
    set_length(buffers[i], frame.size());
    std::copy_n(frame.data(), frame.size(), frame_of(buffers[i]));
  }
  const unsigned sent = sender_.send(buffers.data(), static_cast<std::uint16_t>(count));
  frames.pop(sent);
  counters_.add(Counter::TxKernel, sent);
  if (sent == count) return;
  counters_.add(Counter::TxRingFull);
  rte_pktmbuf_free_bulk(buffers.data() + sent, count - sent);
}

// What is left of a burst, as far as the link takes it. It counts for the rate.
template <typename Address>
unsigned BasicTxLoop<Address>::send_made(MadeFrames& made, Counter sent, Counter blocked) noexcept {
  if (made.guard != &plan_.guard.current()) ask_guard(made, blocked);
  if (made.count == 0) return 0;
  const std::uint16_t taken =
      sender_.send(made.frames.data() + made.first, static_cast<std::uint16_t>(made.count));
  counters_.add(sent, taken);
  pacer_.sent(taken);
  made.first += taken;
  made.count -= taken;
  if (made.count > 0) counters_.add(Counter::TxRingFull);
  return taken;
}

// Takes out what the egress guard does not let go: it is asked about the address in the frame.
template <typename Address>
void BasicTxLoop<Address>::ask_guard(MadeFrames& made, Counter blocked) noexcept {
  made.guard = &plan_.guard.current();
  rte_mbuf** const frames = made.frames.data() + made.first;
  std::array<Target, kBurst> targets;
  for (unsigned i = 0; i < made.count; ++i) targets[i].ip = destination_of(frames[i]);
  const auto answer = plan_.guard.check({targets.data(), made.count});
  if (answer.all_clear()) [[likely]]
    return;
  const std::uint64_t stopped = answer.blocked | answer.opted_out;
  unsigned allowed = 0;
  for (unsigned i = 0; i < made.count; ++i) {
    if ((stopped >> i & 1U) != 0) {
      rte_pktmbuf_free(frames[i]);
    } else {
      frames[allowed++] = frames[i];
    }
  }
  made.count = allowed;
  counters_.add(blocked, static_cast<unsigned>(std::popcount(stopped)));
}

template <typename Address>
Address BasicTxLoop<Address>::destination_of(const rte_mbuf* frame) const noexcept {
  const auto* const packet =
      rte_pktmbuf_mtod(frame, const std::byte*) + wire::kEthernetSize + plan_.vlan.tag_size();
  if constexpr (kIsV4) {
    return Ipv4Address{wire::read32(packet + wire::kIpDestination)};
  } else {
    return wire::read_ipv6(packet + wire::kIpv6Destination);
  }
}

template void BasicTxLoop<Ipv4Address>::send_answers() noexcept;
template void BasicTxLoop<Ipv4Address>::send_for_kernel() noexcept;
template unsigned BasicTxLoop<Ipv4Address>::send_made(MadeFrames&, Counter, Counter) noexcept;
template Ipv4Address BasicTxLoop<Ipv4Address>::destination_of(const rte_mbuf*) const noexcept;
template void BasicTxLoop<Ipv6Address>::send_answers() noexcept;
template void BasicTxLoop<Ipv6Address>::send_for_kernel() noexcept;
template unsigned BasicTxLoop<Ipv6Address>::send_made(MadeFrames&, Counter, Counter) noexcept;
template Ipv6Address BasicTxLoop<Ipv6Address>::destination_of(const rte_mbuf*) const noexcept;
template void BasicTxLoop<Ipv4Address>::ask_guard(MadeFrames&, Counter) noexcept;
template void BasicTxLoop<Ipv6Address>::ask_guard(MadeFrames&, Counter) noexcept;

}  // namespace trawl::dataplane::internal
