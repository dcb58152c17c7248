#include "dataplane/internal/poll_tx.h"

#include <rte_mempool.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <type_traits>

#include "dataplane/internal/arp_frame.h"
#include "dataplane/internal/neighbour_frame.h"

namespace trawl::dataplane::internal {
namespace {

using namespace std::chrono_literals;

// How long a probe waits in each queue for its next hop. A request goes out on arrival and again
// after the third and the fourth wait; after the last, the neighbour counts as absent.
constexpr std::array<std::chrono::milliseconds, 5> kPatience{1ms, 10ms, 250ms, 500ms, 1000ms};
constexpr unsigned kFirstRepeat = 3;
// The control plane asks for more every 50 ms; what it asked for has left by then.
constexpr auto kRequestInterval = 40ms;
constexpr auto kGatewayRepeat = 250ms;
constexpr auto kGatewayRefresh = 10s;  // Another router may have taken over.

// Where the frame of a pool buffer lies: behind the mbuf and the headroom. Worked out rather than
// read from the mbuf, which is in no near cache when a burst is stamped.
std::byte* frame_of(rte_mbuf* buffer) noexcept {
  return reinterpret_cast<std::byte*>(buffer) + sizeof(rte_mbuf) + RTE_PKTMBUF_HEADROOM;
}

// Frames of UDP probes differ in size and are written whole; those of others are prepared once.
template <typename Probe>
constexpr bool kWritesAll = std::is_same_v<Probe, BasicUdpTemplate<Ipv4Address>> ||
                            std::is_same_v<Probe, BasicUdpTemplate<Ipv6Address>>;

void set_length(rte_mbuf* buffer, std::size_t size) noexcept {
  buffer->data_off = RTE_PKTMBUF_HEADROOM;
  buffer->data_len = static_cast<std::uint16_t>(size);
  buffer->pkt_len = static_cast<std::uint32_t>(size);
  buffer->ol_flags = 0;
}

}  // namespace

template <typename Address>
BasicTxLoop<Address>::BasicTxLoop(BasicScanPlan<Address>& plan, const SharedState& shared,
                                  const TxSeat& seat, CoreCounters& counters)
    : plan_{plan},
      shared_{shared},
      seat_{seat},
      counters_{counters},
      sender_{seat.port, seat.queue, seat.use},
      pacer_{plan.clock},
      request_spread_{plan.clock.ticks_in(kRequestInterval)},
      first_lane_{seat.sender * kLanes / seat.senders},
      last_lane_{(seat.sender + 1) * kLanes / seat.senders} {
  for (unsigned i = 0; i < kStages; ++i) patience_[i] = plan.clock.ticks_in(kPatience[i]);
  prepare_pool();
}

template <typename Address>
void BasicTxLoop<Address>::prepare_pool() noexcept {
  rte_mempool_obj_iter(
      seat_.pool,
      [](rte_mempool*, void* self, void* object, unsigned) {
        auto* const buffer = static_cast<rte_mbuf*>(object);
        static_cast<BasicTxLoop*>(self)->plan_.probe.visit(
            [buffer]<typename Probe>(const Probe& probe) {
              if constexpr (!kWritesAll<Probe>) {
                set_length(buffer, probe.size().count());
                probe.prepare(frame_of(buffer));
              }
            });
      },
      this);
}

template <typename Address>
void BasicTxLoop<Address>::begin(Ticks now) noexcept {
  rate_ = shared_.rate.load(std::memory_order_relaxed);
  pacer_.set_rate(PacketsPerSecond{rate_}.divided_by(seat_.senders), now);
  if (plan_.neighbours.gateway_known()) {
    next_gateway_request_ = now + plan_.clock.ticks_in(kGatewayRefresh);
  }
  if (plan_.max_runtime) deadline_ = now + plan_.clock.ticks_in(*plan_.max_runtime);
}

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

template <typename Address>
void BasicTxLoop<Address>::follow_rate(Ticks now) noexcept {
  const double rate = shared_.rate.load(std::memory_order_relaxed);
  if (rate == rate_) [[likely]]
    return;
  rate_ = rate;
  pacer_.set_rate(PacketsPerSecond{rate}.divided_by(seat_.senders), now);
}

template <typename Address>
bool BasicTxLoop<Address>::poll(Ticks now) noexcept {
  if (seat_.answers != nullptr) send_answers();
  if (seat_.kernel != nullptr) send_for_kernel(*seat_.kernel);
  if (seat_.talk != nullptr) send_talk();
  if (now >= deadline_) {
    give_up();
    return false;
  }
  asked_ = 0;
  is_behind_ = false;
  // A peer repeats what it gets no answer to; a probe can wait.
  if (talk_held_ > 0) return false;
  if (held_ > 0) {
    const unsigned sent = send_held();
    if (held_ > 0) return sent > 0;
    if (run_ != nullptr) {
      confirm();
      finish_if_done();
    }
  }
  if (const SweepRun* const run = shared_.run.load(std::memory_order_acquire); run != run_) {
    adopt(run);
  }
  follow_rate(now);
  if (shared_.replies_piling.load(std::memory_order_relaxed)) {
    counters_.add(Counter::TxBackPressure);
    return false;
  }
  if (shared_.is_held.load(std::memory_order_relaxed)) {
    counters_.add(Counter::TxHeld);
    return false;
  }
  if (!gateway_ready(now)) return false;
  const unsigned want = pacer_.allow(now, kBurst);
  if (want == 0) {
    is_behind_ = pacer_.is_behind();
    return false;
  }
  if (!have_buffers(want)) return false;
  unsigned sent = 0;
  if (const unsigned count = take_request(now); count > 0) {
    sent = send_burst(now, count, request_attempt_);
  } else if (run_ != nullptr) {
    sent = send_sweep(now, want);
  }
  return sent > 0;
}

// A burst of the sweep. True to the order: what waited for its next hop goes first.
template <typename Address>
unsigned BasicTxLoop<Address>::send_sweep(Ticks now, unsigned want) noexcept {
  const std::uint8_t attempt = run_->sweep.attempt;
  unsigned sent = 0;
  if (const unsigned waited = take_waiting(now, want); waited > 0) {
    sent = send_burst(now, waited, attempt);
  } else if (!exhausted_) {
    const unsigned count = take_new(now, want);
    if (count > 0) sent = send_burst(now, count, attempt);
    if (held_ == 0) confirm();
  } else if (finished_run_.load(std::memory_order_relaxed) == run_->number) {
    pacer_.forgo(now);  // Until the next sweep.
  }
  counters_.set(Counter::PacingStalls, pacer_.stalls());
  finish_if_done();
  return sent;
}

// Everything taken of the present lane is with the link, or waits for a neighbour.
template <typename Address>
void BasicTxLoop<Address>::confirm() noexcept {
  if (touched_ != 0) [[unlikely]]
    return confirm_touched();
  Lane& lane = (*run_->lanes)[lane_];
  lane.sent.store(lane.taken.load(std::memory_order_relaxed), std::memory_order_release);
}

// Buffers first, so that no position is taken that could not be sent.
template <typename Address>
bool BasicTxLoop<Address>::have_buffers(unsigned want) noexcept {
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

// The time is over: what was taken and has not left never will.
template <typename Address>
void BasicTxLoop<Address>::give_up() noexcept {
  constexpr std::uint64_t kForGood = ~std::uint64_t{0};
  if (finished_run_.load(std::memory_order_relaxed) == kForGood) return;
  std::size_t left = held_;
  for (const auto& queue : waiting_) left += queue.size();
  counters_.add(Counter::ProbesAbandoned, left);
  finished_run_.store(kForGood, std::memory_order_release);
}

template <typename Address>
void BasicTxLoop<Address>::finish_if_done() noexcept {
  if (!exhausted_ || held_ > 0) return;
  for (const auto& queue : waiting_) {
    if (!queue.empty()) return;
  }
  finished_run_.store(run_->number, std::memory_order_release);
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

// Closes the gaps that blocked targets leave; returns how many of `count` stay.
template <typename Address>
unsigned BasicTxLoop<Address>::drop_blocked(unsigned count) noexcept {
  const auto answer = plan_.guard.check({targets_.data(), count});
  if (answer.all_clear()) [[likely]]
    return count;
  const std::uint64_t stopped = answer.blocked | answer.opted_out;
  unsigned allowed = 0;
  for (unsigned i = 0; i < count; ++i) {
    if ((stopped >> i & 1U) != 0) continue;
    targets_[allowed] = targets_[i];
    heads_[allowed++] = heads_[i];
  }
  counters_.add(Counter::ProbesBlocked, static_cast<unsigned>(std::popcount(answer.blocked)));
  counters_.add(Counter::ProbesOptedOut, static_cast<unsigned>(std::popcount(answer.opted_out)));
  return allowed;
}

// Guard, cookies, stamps, and off: targets_[0, count) with heads_[0, count).
template <typename Address>
unsigned BasicTxLoop<Address>::send_burst(Ticks now, unsigned count,
                                          std::uint8_t attempt) noexcept {
  const unsigned allowed = drop_blocked(count);
  if (allowed == 0) return 0;
  spare_ -= allowed;
  std::copy_n(spares_.begin() + spare_, allowed, frames_.begin());
  std::array<Cookie, kBurst> cookies;
  make_cookies({cookies.data(), allowed});
  const std::uint32_t stamp = ProbeStamp::encode(plan_.clock.microseconds_at(now), attempt);
  write_frames({cookies.data(), allowed}, stamp);
  pacer_.sent(allowed);
  held_first_ = 0;
  held_ = allowed;
  return send_held();
}

// Those of targets_, and sources_ where there are several.
template <typename Address>
void BasicTxLoop<Address>::make_cookies(std::span<Cookie> cookies) noexcept {
  const std::span<const Target> targets{targets_.data(), cookies.size()};
  if (plan_.cookies.sources().several()) {
    plan_.cookies.make(targets, cookies, {sources_.data(), cookies.size()});
  } else {
    plan_.cookies.make(targets, cookies);
  }
}

// Fills frames_ for targets_, heads_ and `cookies`; the loop is compiled for each kind of probe.
template <typename Address>
void BasicTxLoop<Address>::write_frames(std::span<const Cookie> cookies,
                                        std::uint32_t stamp) noexcept {
  plan_.probe.visit([&]<typename Probe>(const Probe& probe) {
    for (std::size_t i = 0; i < cookies.size(); ++i) {
      rte_mbuf* const buffer = frames_[i];
      if constexpr (kWritesAll<Probe>) {
        const std::size_t size =
            probe.write(frame_of(buffer), heads_[i], targets_[i], cookies[i], stamp);
        set_length(buffer, size);
      } else {
        if (seat_.use == BufferUse::Keeps) {
          set_length(buffer, probe.size().count());
          probe.prepare(frame_of(buffer));
        }
        probe.stamp(frame_of(buffer), heads_[i], targets_[i], cookies[i], stamp);
      }
    }
  });
  if (!plan_.cookies.sources().several()) return;
  for (std::size_t i = 0; i < cookies.size(); ++i) {
    plan_.probe.set_source(frame_of(frames_[i]), sources_[i]);
  }
}

template <typename Address>
unsigned BasicTxLoop<Address>::send_held() noexcept {
  const std::uint16_t sent =
      sender_.send(frames_.data() + held_first_, static_cast<std::uint16_t>(held_));
  counters_.add(Counter::ProbesSent, sent);
  held_first_ += sent;
  held_ -= sent;
  if (held_ > 0) counters_.add(Counter::TxRingFull);
  return sent;
}

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
void BasicTxLoop<Address>::send_for_kernel(FrameRing& frames) noexcept {
  const unsigned count = std::min<unsigned>(frames.waiting(), kKernelBurst);
  if (count == 0) [[likely]]
    return;
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

template <typename Address>
void BasicTxLoop<Address>::release() noexcept {
  if (held_ > 0) {
    rte_mempool_put_bulk(seat_.pool, reinterpret_cast<void**>(frames_.data() + held_first_), held_);
  }
  rte_mempool_put_bulk(seat_.pool, reinterpret_cast<void**>(spares_.data()), spare_);
  rte_pktmbuf_free_bulk(talk_.data() + talk_first_, talk_held_);
  talk_held_ = 0;
  held_ = 0;
  spare_ = 0;
}

template class BasicTxLoop<Ipv4Address>;
template class BasicTxLoop<Ipv6Address>;

}  // namespace trawl::dataplane::internal
