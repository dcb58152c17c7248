#include "dataplane/scanner.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <rte_ring_elem.h>
#include <sched.h>

#include <memory>
#include <utility>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/internal/poll_rx.h"
#include "dataplane/internal/poll_tx.h"

namespace trawl::dataplane {
namespace {

using internal::BufferUse;
using internal::RxLoop;
using internal::RxSeat;
using internal::SharedState;
using internal::SweepRun;
using internal::TxLoop;
using internal::TxSeat;

constexpr unsigned kReplyRing = 1U << 16U;
constexpr unsigned kAnswerRing = 256;
constexpr unsigned kRequestRing = 1024;

struct FreeRing {
  void operator()(rte_ring* ring) const noexcept { rte_ring_free(ring); }
};
using Ring = std::unique_ptr<rte_ring, FreeRing>;

BufferUse buffer_use(const Link& link) {
  if (link.driver() == "net_af_packet") return BufferUse::Copies;
  const bool hands_on =
      link.driver() == "net_ring" || link.spec().text.find("zero-copy=yes") != std::string::npos;
  return hands_on ? BufferUse::Keeps : BufferUse::Returns;
}

// A rate as one number that an atomic holds.
double raw_rate(PacketsPerSecond rate) noexcept {
  return rate.is_unlimited() ? -1.0 : rate.per_second();
}

// What one polling thread runs until told to stop.
void poll_until_stopped(TxLoop* tx, RxLoop* rx, const SharedState& shared,
                        bool shares_cpu) noexcept {
  // Where nothing else wants the core, yielding costs next to nothing; where something does (the
  // control thread, a peer under test), it must get its turn: at once when replies wait for it.
  const unsigned patience = shares_cpu ? 1 : 64;
  unsigned idle = 0;
  if (tx != nullptr) tx->begin(TscClock::now());
  while (!shared.stop.load(std::memory_order_relaxed)) {
    const Ticks now = TscClock::now();
    bool busy = tx != nullptr && tx->poll(now);
    busy |= rx != nullptr && rx->poll(now);
    if (busy) {
      idle = 0;
    } else if (++idle >= patience || shared.replies_piling.load(std::memory_order_relaxed)) {
      idle = 0;
      sched_yield();
    } else {
      rte_pause();
    }
  }
}

}  // namespace

std::uint16_t senders_for(unsigned threads, bool receive) noexcept {
  return static_cast<std::uint16_t>(receive && threads > 1 ? threads - 1 : threads);
}

struct Scanner::Impl {
  Impl(ScanPlan p, Link& l) : plan{std::move(p)}, link{l} {}

  ScanPlan plan;
  Link& link;
  SharedState shared;
  unsigned threads = 1;
  Ring replies;
  Ring answers;
  Ring requests;
  // The present sweep and the one before it, which a sender may still be leaving.
  std::unique_ptr<SweepRun> run, last_run;
  std::unique_ptr<Lanes> own_lanes, last_lanes;
  std::vector<std::unique_ptr<CoreCounters>> counters;
  std::vector<std::unique_ptr<TxLoop>> senders;
  std::unique_ptr<RxLoop> receiver;
  bool running = false;
};

Scanner::Scanner(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Result<std::unique_ptr<Scanner>> Scanner::make(ScanPlan plan, Link& link, unsigned threads) {
  auto impl = std::make_unique<Impl>(std::move(plan), link);
  impl->threads = threads;
  const int socket = static_cast<int>(rte_socket_id());
  constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
  impl->replies.reset(
      rte_ring_create_elem("replies", sizeof(Reply), kReplyRing, socket, kOneToOne));
  impl->answers.reset(rte_ring_create("arp_answers", kAnswerRing, socket, kOneToOne));
  impl->requests.reset(
      rte_ring_create_elem("requests", sizeof(Target), kRequestRing, socket, kOneToOne));
  impl->shared.rate.store(raw_rate(impl->plan.rate));
  if (!impl->replies || !impl->answers || !impl->requests) {
    return fail(ExitCode::Runtime,
                fmt::format("not enough memory for rings ({})", rte_strerror(rte_errno)));
  }
  const std::uint16_t senders = senders_for(threads, impl->plan.receive);
  for (std::uint16_t i = 0; i < senders; ++i) {
    impl->counters.push_back(std::make_unique<CoreCounters>());
    const TxSeat seat{.port = link.port(),
                      .queue = i,
                      .use = buffer_use(link),
                      .pool = link.tx_pool(i),
                      .control_pool = link.rx_pool(),
                      .answers = i == 0 ? impl->answers.get() : nullptr,
                      .requests = i == 0 ? impl->requests.get() : nullptr,
                      .sender = i,
                      .senders = senders};
    impl->senders.push_back(
        std::make_unique<TxLoop>(impl->plan, impl->shared, seat, *impl->counters.back()));
    if (!impl->senders.back()->ready()) {
      return fail(ExitCode::Runtime, "not enough address space for probes that wait for ARP");
    }
  }
  if (impl->plan.receive) {
    impl->counters.push_back(std::make_unique<CoreCounters>());
    const RxSeat seat{.port = link.port(),
                      .queues = link.queues(),
                      .replies = impl->replies.get(),
                      .answers = impl->answers.get()};
    impl->receiver =
        std::make_unique<RxLoop>(impl->plan, impl->shared, seat, *impl->counters.back());
  }
  return std::unique_ptr<Scanner>{new Scanner{std::move(impl)}};
}

Scanner::~Scanner() {
  stop();
  for (auto& sender : impl_->senders) sender->release();
  rte_mbuf* answer = nullptr;
  while (rte_ring_sc_dequeue(impl_->answers.get(), reinterpret_cast<void**>(&answer)) == 0) {
    rte_pktmbuf_free(answer);
  }
}

void Scanner::start() {
  impl_->running = true;
  const bool split = impl_->plan.receive && impl_->threads > 1;
  for (unsigned thread = 0; thread < impl_->threads; ++thread) {
    const unsigned sender = split ? thread - 1 : thread;
    TxLoop* const tx = split && thread == 0 ? nullptr : impl_->senders[sender].get();
    RxLoop* const rx = thread == 0 ? impl_->receiver.get() : nullptr;
    Eal::launch(thread, [impl = impl_.get(), tx, rx] {
      poll_until_stopped(tx, rx, impl->shared, impl->plan.shares_cpu);
    });
  }
}

void Scanner::stop() {
  if (!std::exchange(impl_->running, false)) return;
  impl_->shared.stop.store(true);
  Eal::join();
}

void Scanner::begin_sweep(Sweep sweep, Lanes* lanes) {
  impl_->last_run = std::move(impl_->run);
  impl_->last_lanes = std::move(impl_->own_lanes);
  if (lanes == nullptr) {
    impl_->own_lanes = std::make_unique<Lanes>();
    lanes = impl_->own_lanes.get();
  }
  const std::uint64_t number = impl_->last_run ? impl_->last_run->number + 1 : 1;
  impl_->run = std::make_unique<SweepRun>(
      SweepRun{.sweep = std::move(sweep), .lanes = lanes, .number = number});
  impl_->shared.run.store(impl_->run.get(), std::memory_order_release);
}

const Sweep& Scanner::sweep() const noexcept { return impl_->run->sweep; }
const Lanes& Scanner::lanes() const noexcept { return *impl_->run->lanes; }

SwappableGuard& Scanner::guard() noexcept { return impl_->plan.guard; }

void Scanner::set_rate(PacketsPerSecond rate) noexcept {
  impl_->shared.rate.store(raw_rate(rate), std::memory_order_relaxed);
}

PacketsPerSecond Scanner::rate() const noexcept {
  return PacketsPerSecond{impl_->shared.rate.load(std::memory_order_relaxed)};
}

bool Scanner::request(Target target) noexcept {
  return rte_ring_sp_enqueue_elem(impl_->requests.get(), &target, sizeof target) == 0;
}

bool Scanner::sending_finished() const noexcept {
  for (const auto& sender : impl_->senders) {
    if (sender->finished_run() < impl_->run->number) return false;
  }
  return true;
}

bool Scanner::has_sent(std::uint64_t position) const noexcept {
  return dataplane::has_sent(impl_->run->sweep, *impl_->run->lanes, position);
}

bool Scanner::gateway_known() const noexcept {
  const Neighbours& neighbours = impl_->plan.neighbours;
  return !neighbours.gateway_address() || neighbours.gateway_known();
}

std::size_t Scanner::take_replies(std::span<Reply> into) noexcept {
  return rte_ring_sc_dequeue_burst_elem(impl_->replies.get(), into.data(), sizeof(Reply),
                                        static_cast<unsigned>(into.size()), nullptr);
}

CounterValues Scanner::counters() const noexcept {
  CounterValues sums{};
  for (const auto& core : impl_->counters) core->add_to(sums);
  return sums;
}

const ScanPlan& Scanner::plan() const noexcept { return impl_->plan; }

}  // namespace trawl::dataplane
