#include "dataplane/internal/poll_tx.h"

#include <rte_mempool.h>

#include <algorithm>
#include <chrono>

#include "dataplane/internal/arp_frame.h"

namespace trawl::dataplane::internal {
namespace {

using namespace std::chrono_literals;

// How long a probe waits in each queue for its next hop. A request goes out on arrival and again
// after the third and the fourth wait; after the last, the neighbour counts as absent.
constexpr std::array<std::chrono::milliseconds, 5> kPatience{1ms, 10ms, 250ms, 500ms, 1000ms};
constexpr unsigned kFirstRepeat = 3;
constexpr auto kGatewayRepeat = 250ms;

// Where the frame of a pool buffer lies: behind the mbuf and the headroom. Worked out rather than
// read from the mbuf, which is in no near cache when a burst is stamped.
std::byte* frame_of(rte_mbuf* buffer) noexcept {
  return reinterpret_cast<std::byte*>(buffer) + sizeof(rte_mbuf) + RTE_PKTMBUF_HEADROOM;
}

void set_length(rte_mbuf* buffer, std::size_t size) noexcept {
  buffer->data_off = RTE_PKTMBUF_HEADROOM;
  buffer->data_len = static_cast<std::uint16_t>(size);
  buffer->pkt_len = static_cast<std::uint32_t>(size);
  buffer->ol_flags = 0;
}

}  // namespace

TxLoop::TxLoop(ScanPlan& plan, const SharedState& shared, const TxSeat& seat,
               CoreCounters& counters)
    : plan_{plan},
      shared_{shared},
      seat_{seat},
      counters_{counters},
      sender_{seat.port, seat.queue, seat.use},
      pacer_{plan.clock},
      share_{plan.first, plan.last, seat.sender, seat.senders} {
  for (unsigned i = 0; i < kStages; ++i) patience_[i] = plan.clock.ticks_in(kPatience[i]);
  prepare_pool();
}

void TxLoop::prepare_pool() noexcept {
  rte_mempool_obj_iter(
      seat_.pool,
      [](rte_mempool*, void* self, void* object, unsigned) {
        auto* const buffer = static_cast<rte_mbuf*>(object);
        set_length(buffer, ProbeTemplate::kSize.count());
        static_cast<TxLoop*>(self)->plan_.probe.prepare(
            {frame_of(buffer), ProbeTemplate::kSize.count()});
      },
      this);
}

void TxLoop::begin(Ticks now) noexcept {
  pacer_.set_rate(plan_.rate.divided_by(seat_.senders), now);
  if (plan_.max_runtime) deadline_ = now + plan_.clock.ticks_in(*plan_.max_runtime);
  finish_if_done(now);
}

bool TxLoop::poll(Ticks now) noexcept {
  if (seat_.answers != nullptr) send_answers();
  if (held_ > 0) {
    const unsigned sent = send_held();
    if (held_ > 0) {
      if (now >= deadline_) finish_if_done(now);  // A link that takes nothing must not hold us.
      return sent > 0;
    }
  }
  if (finished_.load(std::memory_order_relaxed)) return false;
  if (now >= deadline_) {
    finish_if_done(now);
    return false;
  }
  if (shared_.replies_piling.load(std::memory_order_relaxed)) {
    counters_.add(Counter::TxBackPressure);
    return false;
  }
  if (!gateway_ready(now)) return false;
  const unsigned want = pacer_.allow(now, kBurst);
  if (want == 0) return false;
  if (!have_buffers(want)) return false;
  unsigned count = take_waiting(now, want);
  if (count == 0) count = take_new(now, want);
  const unsigned sent = count > 0 ? send_burst(now, count) : 0;
  finish_if_done(now);
  return sent > 0;
}

// Buffers first, so that no position is taken that could not be sent.
bool TxLoop::have_buffers(unsigned want) noexcept {
  if (spare_ >= want) return true;
  auto** const room = reinterpret_cast<void**>(spares_.data() + spare_);
  if (rte_mempool_get_bulk(seat_.pool, room, want - spare_) != 0) {
    counters_.add(Counter::TxNoBuffer);
    (void)rte_eth_tx_done_cleanup(seat_.port, seat_.queue, 0);
    return false;
  }
  spare_ = want;
  return true;
}

void TxLoop::finish_if_done(Ticks now) noexcept {
  if (now < deadline_) {
    if (cursor_.load(std::memory_order_relaxed) < share_.own_total() || held_ > 0) return;
    for (const WaitingQueue& queue : waiting_) {
      if (!queue.empty()) return;
    }
  }
  counters_.set(Counter::PacingStalls, pacer_.stalls());
  finished_.store(true, std::memory_order_release);
}

bool TxLoop::has_sent(std::uint64_t position) const noexcept {
  return share_.has_sent(position, cursor_.load(std::memory_order_acquire));
}

// Nothing is generated for a gateway that has not answered yet when every probe needs it.
bool TxLoop::gateway_ready(Ticks now) noexcept {
  const auto* const word = plan_.neighbours.gateway();
  if ((word->load(std::memory_order_relaxed) & Neighbours::kResolved) != 0) return true;
  if (plan_.neighbours.gateway_address().value() == 0) return true;  // No gateway at all.
  if (now >= next_gateway_request_ && seat_.sender == 0) {
    request(plan_.neighbours.gateway_address());
    next_gateway_request_ = now + plan_.clock.ticks_in(kGatewayRepeat);
  }
  return !plan_.neighbours.only_gateway();
}

// Fills targets_ from the waiting queues with probes whose wait is over and whose hop is known.
unsigned TxLoop::take_waiting(Ticks now, unsigned want) noexcept {
  unsigned count = 0;
  for (unsigned stage = 0; stage < kStages; ++stage) {
    WaitingQueue& queue = waiting_[stage];
    for (unsigned looked = 0; looked < kBurst && !queue.empty() && count < want; ++looked) {
      if (queue.front().due > now) break;
      if (stage + 1 < kStages && waiting_[stage + 1].room() == 0) break;
      const Target target = queue.front().target;
      queue.pop();
      if (resolve(target, stage + 1, now, heads_[count])) targets_[count++] = target;
    }
  }
  return count;
}

// Fills targets_ with the next positions of this sender's range, less what must wait or be blocked.
unsigned TxLoop::take_new(Ticks now, unsigned want) noexcept {
  const std::uint64_t cursor = cursor_.load(std::memory_order_relaxed);
  std::uint64_t most = share_.run(cursor, want);
  const bool may_wait = !plan_.neighbours.only_gateway();
  if (may_wait) most = std::min<std::uint64_t>(most, waiting_[0].room());
  const auto taken = static_cast<unsigned>(most);
  if (taken == 0) return 0;
  std::array<std::uint64_t, kBurst> indexes;
  plan_.order.forward_batch(share_.position(cursor), {indexes.data(), taken});
  plan_.space.at_batch({indexes.data(), taken}, {targets_.data(), taken});
  // Published before the frames leave: a reply can not overtake it.
  cursor_.store(cursor + taken, std::memory_order_release);
  if (!may_wait) {
    const auto word = plan_.neighbours.gateway()->load(std::memory_order_relaxed);
    std::fill_n(heads_.begin(), taken, plan_.probe.frame_head(MacAddress::from_integer(word)));
    return taken;
  }
  unsigned count = 0;
  for (unsigned i = 0; i < taken; ++i) {
    const Target target = targets_[i];
    if (resolve(target, 0, now, heads_[count])) targets_[count++] = target;
  }
  return count;
}

// True and `head` set when the next hop is known. Otherwise the probe waits on in queue
// `stage`, or is given up after the last one.
bool TxLoop::resolve(Target target, unsigned stage, Ticks now, std::uint64_t& head) noexcept {
  Neighbours::Word* const word = plan_.neighbours.next_hop(target.ip);
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
  const unsigned requests = stage < kFirstRepeat ? 1 : stage - kFirstRepeat + 2;
  const bool may_ask = !is_gateway && plan_.guard.allows(target.ip);
  if (may_ask && known < requests && word->compare_exchange_strong(known, requests)) {
    request(target.ip);
    pacer_.sent(1);
  }
  const unsigned queue = std::min(stage, kStages - 1);
  waiting_[queue].push(WaitingProbe{target, now + patience_[queue]});
  if (stage == 0) counters_.add(Counter::ProbesDeferred);
  return false;
}

// Closes the gaps that blocked targets leave; returns how many of `count` stay.
unsigned TxLoop::drop_blocked(unsigned count) noexcept {
  const std::uint64_t blocked = plan_.guard.blocked({targets_.data(), count});
  if (blocked == 0) [[likely]]
    return count;
  unsigned allowed = 0;
  for (unsigned i = 0; i < count; ++i) {
    if ((blocked >> i & 1U) != 0) continue;
    targets_[allowed] = targets_[i];
    heads_[allowed++] = heads_[i];
  }
  counters_.add(Counter::ProbesBlocked, count - allowed);
  return allowed;
}

// Guard, cookies, stamps, and off: targets_[0, count) with heads_[0, count).
unsigned TxLoop::send_burst(Ticks now, unsigned count) noexcept {
  const unsigned allowed = drop_blocked(count);
  if (allowed == 0) return 0;
  spare_ -= allowed;
  std::copy_n(spares_.begin() + spare_, allowed, frames_.begin());
  std::array<Cookie, kBurst> cookies;
  plan_.cookies.make({targets_.data(), allowed}, {cookies.data(), allowed});
  const std::uint32_t stamp = ProbeStamp::encode(plan_.clock.microseconds_at(now), 1);
  for (unsigned i = 0; i < allowed; ++i) {
    rte_mbuf* const buffer = frames_[i];
    if (seat_.use == BufferUse::Keeps) {
      set_length(buffer, ProbeTemplate::kSize.count());
      plan_.probe.prepare({frame_of(buffer), ProbeTemplate::kSize.count()});
    }
    plan_.probe.stamp(frame_of(buffer), heads_[i], targets_[i], cookies[i], stamp);
  }
  pacer_.sent(allowed);
  held_first_ = 0;
  held_ = allowed;
  return send_held();
}

unsigned TxLoop::send_held() noexcept {
  const std::uint16_t sent =
      sender_.send(frames_.data() + held_first_, static_cast<std::uint16_t>(held_));
  counters_.add(Counter::ProbesSent, sent);
  held_first_ += sent;
  held_ -= sent;
  if (held_ > 0) counters_.add(Counter::TxRingFull);
  return sent;
}

void TxLoop::send_answers() noexcept {
  rte_mbuf* answer = nullptr;
  while (rte_ring_sc_dequeue(seat_.answers, reinterpret_cast<void**>(&answer)) == 0) {
    if (sender_.send(&answer, 1) == 1) {
      counters_.add(Counter::ArpAnswers);
    } else {
      rte_pktmbuf_free(answer);  // Who asked will ask again.
    }
  }
}

void TxLoop::request(Ipv4Address address) noexcept {
  rte_mbuf* buffer = rte_pktmbuf_alloc(seat_.control_pool);
  if (buffer == nullptr) return;  // Asked again after the next wait.
  set_length(buffer, kArpFrameSize);
  write_arp_request({frame_of(buffer), kArpFrameSize}, plan_.mac, plan_.source, address);
  if (sender_.send(&buffer, 1) == 1) {
    counters_.add(Counter::ArpRequests);
  } else {
    rte_pktmbuf_free(buffer);
  }
}

void TxLoop::release() noexcept {
  if (held_ > 0) {
    rte_mempool_put_bulk(seat_.pool, reinterpret_cast<void**>(frames_.data() + held_first_), held_);
  }
  rte_mempool_put_bulk(seat_.pool, reinterpret_cast<void**>(spares_.data()), spare_);
  held_ = 0;
  spare_ = 0;
}

}  // namespace trawl::dataplane::internal
