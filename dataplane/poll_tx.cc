#include "dataplane/internal/poll_tx.h"

#include <rte_mempool.h>
#include <rte_ring.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <type_traits>

#include "dataplane/internal/tx_frame.h"

namespace trawl::dataplane::internal {
namespace {

using namespace std::chrono_literals;

// How long a probe waits in each queue for its next hop. A request goes out on arrival and again
// after the third and the fourth wait; after the last, the neighbour counts as absent.
constexpr std::array<std::chrono::milliseconds, 5> kPatience{1ms, 10ms, 250ms, 500ms, 1000ms};
// A core that yields this long before a packet's time may get its turn after it.
constexpr auto kNear = 2ms;
// The control plane asks for more every 50 ms; what it asked for has left by then.
constexpr auto kRequestInterval = 40ms;
// What waits for the budget of its network, at most: frames of conversations hold buffers that are
// missing elsewhere, and all of it is looked at again and again.
constexpr std::size_t kMostWaiting = 1024;

// Frames of UDP probes differ in size and are written whole; those of others are prepared once.
template <typename Probe>
constexpr bool kWritesAll = std::is_same_v<Probe, BasicUdpTemplate<Ipv4Address>> ||
                            std::is_same_v<Probe, BasicUdpTemplate<Ipv6Address>>;

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
      last_lane_{(seat.sender + 1) * kLanes / seat.senders},
      raw_line_{seat.raw != nullptr ? RawExchange::kWaiting : 0},
      talk_line_{plan.budget && seat.talk != nullptr ? kMostWaiting : 0},
      reset_line_{plan.budget && seat.resets != nullptr ? kMostWaiting : 0} {
  for (unsigned i = 0; i < kStages; ++i) patience_[i] = plan.clock.ticks_in(kPatience[i]);
  near_ = plan.clock.ticks_in(kNear);
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
  if (seat_.kernel != nullptr) send_for_kernel();
  if (seat_.raw != nullptr) send_raw(now);
  if (seat_.talk != nullptr) send_talk(now);
  if (now >= deadline_) {
    give_up();
    return send_resets_alone(now) > 0;
  }
  asked_ = 0;
  is_behind_ = false;
  // A peer repeats what it gets no answer to; a probe can wait.
  if (talk_.count > 0) return false;
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
  if (!may_probe(now)) return send_resets_alone(now) > 0;
  unsigned want = pacer_.allow(now, kBurst);
  if (want == 0) {
    is_behind_ = pacer_.is_behind();
    return false;
  }
  unsigned sent = 0;
  if (resets_wait(now)) [[unlikely]] {
    sent = send_resets(now, share_of_resets(want));
    want -= std::min(sent, want);
    if (want == 0) return true;
  }
  if (!have_buffers(want)) return sent > 0;
  if (const unsigned count = take_request(now); count > 0) {
    sent += send_burst(now, count, request_attempt_);
  } else if (run_ != nullptr) {
    sent += send_sweep(now, want);
  }
  return sent > 0;
}

// Whether nothing but the rate holds probes back.
template <typename Address>
bool BasicTxLoop<Address>::may_probe(Ticks now) noexcept {
  if (shared_.replies_piling.load(std::memory_order_relaxed)) {
    counters_.add(Counter::TxBackPressure);
    return false;
  }
  if (shared_.is_held.load(std::memory_order_relaxed)) {
    counters_.add(Counter::TxHeld);
    return false;
  }
  return gateway_ready(now);
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
  held_guard_ = &plan_.guard.current();
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

// Frames that the link had no room for may have waited for long. What the guard of now does not let
// go is taken out of them: targets_ is as it was when they were made.
template <typename Address>
void BasicTxLoop<Address>::check_held_again() noexcept {
  held_guard_ = &plan_.guard.current();
  const auto answer = plan_.guard.check({targets_.data() + held_first_, held_});
  const std::uint64_t stopped = answer.blocked | answer.opted_out;
  unsigned kept = 0;
  for (unsigned i = 0; i < held_; ++i) {
    const unsigned at = held_first_ + i;
    if ((stopped >> i & 1U) != 0) {
      rte_mempool_put(seat_.pool, frames_[at]);
      continue;
    }
    frames_[held_first_ + kept] = frames_[at];
    targets_[held_first_ + kept++] = targets_[at];
  }
  held_ = kept;
  counters_.add(Counter::ProbesBlocked, static_cast<unsigned>(std::popcount(answer.blocked)));
  counters_.add(Counter::ProbesOptedOut, static_cast<unsigned>(std::popcount(answer.opted_out)));
}

template <typename Address>
unsigned BasicTxLoop<Address>::send_held() noexcept {
  if (held_guard_ != &plan_.guard.current()) [[unlikely]]
    check_held_again();
  const std::uint16_t sent =
      sender_.send(frames_.data() + held_first_, static_cast<std::uint16_t>(held_));
  counters_.add(Counter::ProbesSent, sent);
  held_first_ += sent;
  held_ -= sent;
  if (held_ > 0) counters_.add(Counter::TxRingFull);
  return sent;
}

template <typename Address>
void BasicTxLoop<Address>::release() noexcept {
  if (held_ > 0) {
    rte_mempool_put_bulk(seat_.pool, reinterpret_cast<void**>(frames_.data() + held_first_), held_);
  }
  rte_mempool_put_bulk(seat_.pool, reinterpret_cast<void**>(spares_.data()), spare_);
  held_ = 0;
  spare_ = 0;
  abandon_raw();
  abandon_talk();
  abandon_resets();
}

template class BasicTxLoop<Ipv4Address>;
template class BasicTxLoop<Ipv6Address>;

}  // namespace trawl::dataplane::internal
