// The part of the sending loop that sends packets of others at their time.
#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/internal/poll_tx.h"
#include "dataplane/internal/tx_frame.h"
#include "dataplane/wire.h"

namespace trawl::dataplane::internal {
namespace {

// Looked at in one poll: what they may take from probes.
constexpr unsigned kMostTaken = 32;
constexpr unsigned kMostSent = 32;

}  // namespace

// Before everything else, as their times are a part of what they measure. They count for the rate.
template <typename Address>
void BasicTxLoop<Address>::send_raw(Ticks now) noexcept {
  if (!seat_.raw->outgoing().is_empty()) take_raw();
  for (unsigned sent = 0; sent < kMostSent && raw_line_.is_due(now); ++sent) {
    if (!send_one_raw(raw_line_.pop(), now)) break;
  }
  is_time_near_ = raw_line_.is_due(now + near_);
}

// Into buffers, each packet behind room for its frame's head.
template <typename Address>
void BasicTxLoop<Address>::take_raw() noexcept {
  const std::size_t head = wire::kEthernetSize + plan_.vlan.tag_size();
  for (unsigned i = 0; i < kMostTaken && raw_line_.has_room(); ++i) {
    if (seat_.raw->outgoing().is_empty()) return;
    rte_mbuf* buffer = nullptr;
    if (rte_pktmbuf_alloc_bulk(seat_.control_pool, &buffer, 1) != 0) {
      counters_.add(Counter::TxNoBuffer);
      return;
    }
    (void)seat_.raw->outgoing().take({&raw_packet_, 1});
    set_length(buffer, head + raw_packet_.size);
    std::copy_n(raw_packet_.bytes.begin(), raw_packet_.size, frame_of(buffer) + head);
    raw_line_.push(buffer, raw_packet_.not_before, raw_packet_.tag);
  }
}

// The packet is gone, one way or the other; who sent it is told.
template <typename Address>
void BasicTxLoop<Address>::end_raw(const TimedFrame& timed, Counter why, Ticks at) noexcept {
  counters_.add(why);
  if (!seat_.raw->departed(timed.tag, at)) counters_.add(Counter::RawUntold);
}

// False when the link takes no more.
template <typename Address>
bool BasicTxLoop<Address>::send_one_raw(const TimedFrame& timed, Ticks now) noexcept {
  rte_mbuf* frame = timed.item;
  const Target target{destination_of(frame), 0};
  const auto drop = [&](Counter why) noexcept {
    end_raw(timed, why, 0);
    rte_pktmbuf_free(frame);
    return true;
  };
  if (!plan_.guard.check({&target, 1}).all_clear()) return drop(Counter::RawBlocked);
  const auto* const word = plan_.neighbours.next_hop(target.ip);
  const std::uint64_t known = word == nullptr ? 0 : word->load(std::memory_order_relaxed);
  if ((known & Neighbours::kResolved) == 0) return drop(Counter::RawNoNeighbour);
  if (plan_.budget) {
    const Ticks wait = plan_.budget->take(target.ip, now);
    if (wait == BasicNetworkBudget<Address>::kNever) return drop(Counter::RawBlocked);
    if (wait > 0) {
      counters_.add(Counter::RawLimited);
      raw_line_.put_back(timed, now + wait);
      return true;
    }
  }
  write_head(frame_of(frame), MacAddress::from_integer(known));
  const Ticks at = TscClock::now();
  if (sender_.send(&frame, 1) == 0) {
    counters_.add(Counter::TxRingFull);
    raw_line_.put_back(timed, now);
    return false;
  }
  end_raw(timed, Counter::RawSent, at);
  pacer_.sent(1);
  return true;
}

template <typename Address>
void BasicTxLoop<Address>::write_head(std::byte* frame, MacAddress to) const noexcept {
  wire::write_mac(frame, to.to_integer());
  wire::write_mac(frame + wire::kEthernetSource, plan_.mac.to_integer());
  std::byte* type = frame + wire::kEthernetType;
  if (plan_.vlan.tagged()) {
    wire::write16(type, wire::kTypeVlan);
    wire::write16(frame + wire::kVlanTag, plan_.vlan.id());
    type += wire::kVlanTagSize;
  }
  wire::write16(type, kIsV4 ? wire::kTypeIpv4 : wire::kTypeIpv6);
}

template <typename Address>
void BasicTxLoop<Address>::abandon_raw() noexcept {
  if (seat_.raw == nullptr) return;
  while (raw_line_.size() > 0) {
    const TimedFrame timed = raw_line_.pop();
    end_raw(timed, Counter::RawAbandoned, 0);
    rte_pktmbuf_free(timed.item);
  }
  while (seat_.raw->outgoing().take({&raw_packet_, 1}) == 1) counters_.add(Counter::RawAbandoned);
}

template void BasicTxLoop<Ipv4Address>::send_raw(Ticks) noexcept;
template void BasicTxLoop<Ipv4Address>::take_raw() noexcept;
template void BasicTxLoop<Ipv4Address>::end_raw(const TimedFrame&, Counter, Ticks) noexcept;
template bool BasicTxLoop<Ipv4Address>::send_one_raw(const TimedFrame&, Ticks) noexcept;
template void BasicTxLoop<Ipv4Address>::write_head(std::byte*, MacAddress) const noexcept;
template void BasicTxLoop<Ipv4Address>::abandon_raw() noexcept;
template void BasicTxLoop<Ipv6Address>::send_raw(Ticks) noexcept;
template void BasicTxLoop<Ipv6Address>::take_raw() noexcept;
template void BasicTxLoop<Ipv6Address>::end_raw(const TimedFrame&, Counter, Ticks) noexcept;
template bool BasicTxLoop<Ipv6Address>::send_one_raw(const TimedFrame&, Ticks) noexcept;
template void BasicTxLoop<Ipv6Address>::write_head(std::byte*, MacAddress) const noexcept;
template void BasicTxLoop<Ipv6Address>::abandon_raw() noexcept;

}  // namespace trawl::dataplane::internal
