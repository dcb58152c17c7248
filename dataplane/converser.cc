#include "dataplane/internal/converser.h"

#include <rte_mbuf.h>

#include <type_traits>
#include <utility>

#include "dataplane/wire.h"

namespace trawl::dataplane::internal {
namespace {

template <typename Probe>
constexpr bool kIsSyn = false;
template <typename Address, SynOptions Options>
constexpr bool kIsSyn<BasicTcpSynTemplate<Address, Options>> = true;

}  // namespace

template <typename Address>
auto BasicConverser<Address>::make(BasicScanPlan<Address>& plan, rte_mempool* pool,
                                   rte_ring* frames, CoreCounters& counters)
    -> Result<std::unique_ptr<BasicConverser>> {
  auto engine = Engine::make(plan.conversations, plan.cookies, plan.clock, counters);
  if (!engine) return Failure{engine.error()};
  return std::unique_ptr<BasicConverser>{
      new BasicConverser{plan, pool, frames, counters, std::move(*engine)}};
}

template <typename Address>
BasicConverser<Address>::BasicConverser(BasicScanPlan<Address>& plan, rte_mempool* pool,
                                        rte_ring* frames, CoreCounters& counters,
                                        std::unique_ptr<Engine> engine)
    : plan_{plan},
      pool_{pool},
      frames_{frames},
      counters_{counters},
      engine_{std::move(engine)},
      writer_{plan.mac, plan.vlan, plan.conversations} {}

template <typename Address>
bool BasicConverser<Address>::notice(Ticks now, std::span<const std::byte> frame,
                                     Counter outcome) noexcept {
  if (outcome != Counter::RxValid && outcome != Counter::RxNotAReply) return false;
  if (noticed_ == segments_.size()) return false;
  BasicSegment<Address>& segment = segments_[noticed_];
  if (!read_segment(frame, plan_.vlan, segment)) return false;
  // What a ReplyParser calls no reply it may not have looked at beyond its flags.
  const bool is_syn = (segment.flags & wire::kSyn) != 0;
  const bool is_reset = (segment.flags & wire::kRst) != 0;
  const bool is_reply = outcome == Counter::RxValid;
  if (is_reply && is_reset) {
    if (!engine_->expects_reset(now, segment)) return false;
  } else if (is_syn && !is_reply) {
    return false;
  }
  ++noticed_;
  return !(is_reply && is_syn);
}

template <typename Address>
void BasicConverser<Address>::hold(Ticks now) noexcept {
  if (noticed_ > 0) {
    engine_->receive(now, {segments_.data(), noticed_}, outbox_);
    noticed_ = 0;
  }
  // A wait can be over a little later; what it leads to would not be repeated.
  if (has_room()) engine_->tick(now, outbox_);
  if (!outbox_.frames().empty()) send();
}

// Where the next hop is not known, 0: our own probe found it, so that is for a moment at most.
template <typename Address>
std::uint64_t BasicConverser<Address>::head_for(Address address) noexcept {
  const auto* const word = plan_.neighbours.next_hop(address);
  const std::uint64_t known = word == nullptr ? 0 : word->load(std::memory_order_relaxed);
  if ((known & BasicNeighbours<Address>::kResolved) == 0) return 0;
  return plan_.probe.frame_head(MacAddress::from_integer(known));
}

template <typename Address>
void BasicConverser<Address>::send() noexcept {
  std::array<rte_mbuf*, BasicOutbox<Address>::kMost> buffers;
  const auto outgoing = outbox_.frames();
  const auto wanted = static_cast<unsigned>(outgoing.size());
  unsigned count = 0;
  if (rte_pktmbuf_alloc_bulk(pool_, buffers.data(), wanted) != 0) {
    counters_.add(Counter::TalkRingFull, wanted);
    outbox_.clear();
    return;
  }
  for (const auto& frame : outgoing) {
    const std::uint64_t head = head_for(frame.target.ip);
    if (head == 0) {
      counters_.add(Counter::TalkNoNeighbour);
      continue;
    }
    rte_mbuf* const buffer = buffers[count++];
    const std::size_t size = write(rte_pktmbuf_mtod(buffer, std::byte*), head, frame);
    buffer->data_len = static_cast<std::uint16_t>(size);
    buffer->pkt_len = static_cast<std::uint32_t>(size);
  }
  outbox_.clear();
  const unsigned put = rte_ring_sp_enqueue_burst(
      frames_, reinterpret_cast<void* const*>(buffers.data()), count, nullptr);
  counters_.add(Counter::TalkRingFull, count - put);
  if (put < wanted) rte_pktmbuf_free_bulk(buffers.data() + put, wanted - put);
}

// A SYN looks like those of the survey.
template <typename Address>
std::size_t BasicConverser<Address>::write(std::byte* frame, std::uint64_t head,
                                           const BasicOutgoing<Address>& outgoing) const noexcept {
  if (outgoing.kind == BasicOutgoing<Address>::Kind::Segment) {
    return writer_.write(frame, head, outgoing);
  }
  std::size_t size = 0;
  plan_.probe.visit([&]<typename Probe>(const Probe& probe) {
    if constexpr (kIsSyn<Probe>) {
      probe.prepare(frame);
      probe.stamp(frame, head, outgoing.target, outgoing.cookie, outgoing.stamp);
      size = probe.size().count();
    }
  });
  if (plan_.cookies.sources().several()) plan_.probe.set_source(frame, outgoing.source);
  return size;
}

template class BasicConverser<Ipv4Address>;
template class BasicConverser<Ipv6Address>;

}  // namespace trawl::dataplane::internal
