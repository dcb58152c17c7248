#include "dataplane/scanner.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_pause.h>
#include <rte_ring_elem.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/exception/neighbour_watch.h"
#include "dataplane/internal/converser.h"
#include "dataplane/internal/poll_rx.h"
#include "dataplane/internal/poll_tx.h"
#include "dataplane/probe_stamp.h"

namespace trawl::dataplane {
namespace {

using internal::BasicRxLoop;
using internal::BasicTxLoop;
using internal::BufferUse;
using internal::RxSeat;
using internal::SharedState;
using internal::SweepRun;
using internal::TxSeat;

constexpr unsigned kReplyRing = 1U << 16U;
constexpr unsigned kCaptureRing = 1U << 14U;
constexpr unsigned kAnswerRing = 256;
constexpr unsigned kRequestRing = 1024;
constexpr unsigned kTalkRing = 4096;
// As many SYN-ACKs as come in a round trip before resets take their half of the rate.
constexpr unsigned kResetRing = 1U << 15U;

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
template <typename Address>
void poll_until_stopped(BasicTxLoop<Address>* tx, BasicRxLoop<Address>* rx,
                        const SharedState& shared, bool shares_cpu) noexcept {
  // Where nothing else wants the core, yielding costs next to nothing; where something does (the
  // control thread, a peer under test), it must get its turn: at once when replies wait for it, and
  // not while probes are overdue, for the turn of another may take longer than the lag to make
  // good.
  const unsigned patience = shares_cpu ? 1 : 64;
  unsigned idle = 0;
  if (tx != nullptr) tx->begin(TscClock::now());
  while (!shared.stop.load(std::memory_order_relaxed)) {
    const Ticks now = TscClock::now();
    bool busy = tx != nullptr && tx->poll(now);
    if (rx != nullptr && (!busy || rx->is_due())) busy |= rx->poll(now);
    const bool overdue = tx != nullptr && tx->is_behind();
    const bool piling = shared.replies_piling.load(std::memory_order_relaxed);
    if (busy || (overdue && !piling)) {
      idle = 0;
    } else if (++idle >= patience || piling) {
      idle = 0;
      sched_yield();
    } else {
      rte_pause();
    }
  }
}

template <typename Address>
BasicTarget<Address> of_family(const AnyTarget& target) noexcept {
  if constexpr (std::is_same_v<Address, Ipv4Address>) {
    return {target.ip.v4(), target.port};
  } else {
    return {target.ip.v6(), target.port};
  }
}

}  // namespace

std::uint16_t senders_for(unsigned threads, bool receive) noexcept {
  return static_cast<std::uint16_t>(receive && threads > 1 ? threads - 1 : threads);
}

// What is the same for both families, and a door to the rest.
struct Scanner::Impl {
  Impl(Link& l, unsigned t) : link{l}, threads{t} {}
  virtual ~Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  virtual void launch() = 0;
  virtual void release() noexcept = 0;
  [[nodiscard]] virtual bool finished() const noexcept = 0;
  virtual void block(const Ipv4Set& v4, const Ipv6Set& v6) = 0;
  virtual bool request(const AnyTarget& target, std::uint32_t attempt) noexcept = 0;
  [[nodiscard]] virtual std::optional<IpAddress> gateway_address() const noexcept = 0;
  [[nodiscard]] virtual bool gateway_known() const noexcept = 0;
  [[nodiscard]] virtual bool only_gateway() const noexcept = 0;
  [[nodiscard]] virtual ProbeKind kind() const noexcept = 0;
  [[nodiscard]] virtual bool receives() const noexcept = 0;
  [[nodiscard]] virtual const TscClock& clock() const noexcept = 0;
  [[nodiscard]] virtual const KernelExchange* kernel() const noexcept = 0;
  [[nodiscard]] virtual std::optional<NetworkLimit> network_limit() const noexcept = 0;
  virtual void our_ends(std::span<const AnyTarget> targets,
                        std::span<OurEnd> ends) const noexcept = 0;

  // nullptr without conversations.
  [[nodiscard]] virtual BannerSlabs* slabs() noexcept = 0;
  [[nodiscard]] virtual std::size_t open_conversations() const noexcept = 0;

  Link& link;
  const unsigned threads;
  SharedState shared;
  Ring replies;
  Ring answers;
  Ring requests;
  Ring talk;                                      // With conversations alone.
  std::vector<Ring> resets;                       // One for each sender, where there are resets.
  std::vector<rte_ring*> reset_rings;             // The same.
  std::optional<internal::CaptureRing> captured;  // With a capture alone.
  std::optional<internal::SynAckRing> syn_acks;   // Where they are wanted.
  // The present sweep and the one before it, which a sender may still be leaving.
  std::unique_ptr<SweepRun> run, last_run;
  std::unique_ptr<Lanes> own_lanes, last_lanes;
  std::vector<std::unique_ptr<CoreCounters>> counters;
  bool running = false;
};

template <typename Address>
struct Scanner::ImplOf final : Impl {
  ImplOf(BasicScanPlan<Address> p, Link& l, unsigned t) : Impl{l, t}, plan{std::move(p)} {}

  static Result<std::unique_ptr<Scanner>> make(BasicScanPlan<Address> p, Link& l, unsigned t) {
    auto impl = std::make_unique<ImplOf>(std::move(p), l, t);
    if (auto built = impl->build(); !built) return Failure{built.error()};
    return std::unique_ptr<Scanner>{new Scanner{std::move(impl)}};
  }
  Result<void> build();
  Result<void> build_conversations(CoreCounters& core);
  Result<void> build_resets();
  Result<void> build_loops();
  Result<void> watch_neighbours();

  void launch() override;
  void release() noexcept override {
    for (auto& sender : senders) sender->release();
    rte_mbuf* frame = nullptr;
    while (rte_ring_sc_dequeue(answers.get(), reinterpret_cast<void**>(&frame)) == 0) {
      rte_pktmbuf_free(frame);
    }
    while (talk && rte_ring_sc_dequeue(talk.get(), reinterpret_cast<void**>(&frame)) == 0) {
      rte_pktmbuf_free(frame);
      counters.front()->add(Counter::TalkAbandoned);
    }
  }
  bool finished() const noexcept override {
    return std::all_of(senders.begin(), senders.end(), [this](const auto& sender) {
      return sender->finished_run() >= run->number;
    });
  }
  void block(const Ipv4Set& v4, const Ipv6Set& v6) override {
    if (plan.kernel) plan.kernel->block(v4, v6);
    if constexpr (std::is_same_v<Address, Ipv4Address>) {
      plan.guard.publish(EgressGuard{v4});
    } else {
      plan.guard.publish(EgressGuard6{v6});
    }
  }
  bool request(const AnyTarget& target, std::uint32_t attempt) noexcept override {
    if (rte_ring_full(requests.get()) != 0) return false;
    internal::ProbeRequest<Address> own{of_family<Address>(target), attempt};
    if (plan.budget && plan.budget->take(own.target.ip, TscClock::now()) > 0) return false;
    return rte_ring_sp_enqueue_elem(requests.get(), &own, sizeof own) == 0;
  }
  std::optional<IpAddress> gateway_address() const noexcept override {
    const auto address = plan.neighbours.gateway_address();
    return address ? std::optional<IpAddress>{*address} : std::nullopt;
  }
  bool gateway_known() const noexcept override { return plan.neighbours.gateway_known(); }
  bool only_gateway() const noexcept override { return plan.neighbours.only_gateway(); }
  ProbeKind kind() const noexcept override { return plan.cookies.kind(); }
  bool receives() const noexcept override { return plan.receive; }
  const TscClock& clock() const noexcept override { return plan.clock; }
  const KernelExchange* kernel() const noexcept override { return plan.kernel.get(); }
  std::optional<NetworkLimit> network_limit() const noexcept override {
    if (!plan.budget) return std::nullopt;
    return NetworkLimit{plan.budget->rate(), plan.budget->burst(), plan.budget->most_addresses()};
  }
  void our_ends(std::span<const AnyTarget> targets, std::span<OurEnd> ends) const noexcept override;
  BannerSlabs* slabs() noexcept override {
    return converser ? &converser->engine().slabs() : nullptr;
  }
  std::size_t open_conversations() const noexcept override {
    return converser ? converser->engine().open() : 0;
  }

  BasicScanPlan<Address> plan;
  std::vector<std::unique_ptr<BasicTxLoop<Address>>> senders;
  std::unique_ptr<internal::BasicConverser<Address>> converser;
  std::unique_ptr<BasicRxLoop<Address>> receiver;
  std::unique_ptr<BasicNeighbourWatch<Address>> watch;  // Where the kernel has the neighbours.
};

template <typename Address>
Result<void> Scanner::ImplOf<Address>::build() {
  const int socket = static_cast<int>(rte_socket_id());
  constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
  replies.reset(rte_ring_create_elem("replies", sizeof(Reply), kReplyRing, socket, kOneToOne));
  answers.reset(rte_ring_create("neighbour_answers", kAnswerRing, socket, kOneToOne));
  requests.reset(rte_ring_create_elem("requests", sizeof(internal::ProbeRequest<Address>),
                                      kRequestRing, socket, kOneToOne));
  shared.rate.store(raw_rate(plan.rate));
  if (!replies || !answers || !requests) {
    return fail(ExitCode::Runtime,
                fmt::format("not enough memory for rings ({})", rte_strerror(rte_errno)));
  }
  if (plan.conversations) {
    talk.reset(rte_ring_create("conversations", kTalkRing, socket, kOneToOne));
    if (!talk) {
      return fail(ExitCode::Runtime,
                  fmt::format("not enough memory for rings ({})", rte_strerror(rte_errno)));
    }
  }
  if (plan.reset && plan.receive) {
    if (auto built = build_resets(); !built) return built;
  }
  return build_loops();
}

template <typename Address>
Result<void> Scanner::ImplOf<Address>::build_resets() {
  if (plan.cookies.kind() != ProbeKind::TcpSyn || plan.conversations) {
    return fail(ExitCode::Usage, "only handshakes of TCP SYN scans without words can be reset");
  }
  for (unsigned i = 0; i < senders_for(threads, plan.receive); ++i) {
    resets.emplace_back(rte_ring_create_elem(
        fmt::format("resets{}", i).c_str(), sizeof(BasicTarget<Address>), kResetRing,
        static_cast<int>(rte_socket_id()), RING_F_SP_ENQ | RING_F_SC_DEQ));
    if (!resets.back()) {
      return fail(ExitCode::Runtime,
                  fmt::format("not enough memory for rings ({})", rte_strerror(rte_errno)));
    }
    reset_rings.push_back(resets.back().get());
  }
  return {};
}

template <typename Address>
Result<void> Scanner::ImplOf<Address>::build_conversations(CoreCounters& core) {
  if (plan.cookies.kind() != ProbeKind::TcpSyn) {
    return fail(ExitCode::Usage, "only a port that answers a TCP SYN can be talked to");
  }
  auto made = internal::BasicConverser<Address>::make(plan, link.rx_pool(), talk.get(), core);
  if (!made) return Failure{made.error()};
  converser = std::move(*made);
  return {};
}

template <typename Address>
Result<void> Scanner::ImplOf<Address>::build_loops() {
  const std::uint16_t wanted = senders_for(threads, plan.receive);
  for (std::uint16_t i = 0; i < wanted; ++i) {
    counters.push_back(std::make_unique<CoreCounters>());
    const TxSeat seat{.port = link.port(),
                      .queue = i,
                      .use = buffer_use(link),
                      .pool = link.tx_pool(i),
                      .control_pool = link.rx_pool(),
                      .answers = i == 0 ? answers.get() : nullptr,
                      .kernel = i == 0 ? plan.kernel.get() : nullptr,
                      .raw = i == 0 ? plan.raw.get() : nullptr,
                      .talk = i == 0 ? talk.get() : nullptr,
                      .requests = i == 0 ? requests.get() : nullptr,
                      .resets = reset_rings.empty() ? nullptr : reset_rings[i],
                      .sender = i,
                      .senders = wanted};
    senders.push_back(std::make_unique<BasicTxLoop<Address>>(plan, shared, seat, *counters.back()));
    if (!senders.back()->ready()) {
      return fail(ExitCode::Runtime,
                  "not enough address space for probes that wait for neighbours");
    }
  }
  if (plan.receive) {
    if (plan.capture) {
      auto ring = internal::CaptureRing::make(kCaptureRing);
      if (!ring) return Failure{ring.error()};
      captured = std::move(*ring);
    }
    if (plan.syn_acks && plan.cookies.kind() == ProbeKind::TcpSyn) {
      auto ring = internal::SynAckRing::make(kReplyRing);
      if (!ring) return Failure{ring.error()};
      syn_acks = std::move(*ring);
    }
    counters.push_back(std::make_unique<CoreCounters>());
    const RxSeat seat{.port = link.port(),
                      .queues = link.queues(),
                      .replies = replies.get(),
                      .answers = answers.get(),
                      .resets = reset_rings,
                      .capture = captured ? &*captured : nullptr,
                      .syn_acks = syn_acks ? &*syn_acks : nullptr};
    if (plan.conversations) {
      if (auto built = build_conversations(*counters.back()); !built) return built;
    }
    receiver = std::make_unique<BasicRxLoop<Address>>(plan, shared, seat, *counters.back(),
                                                      converser.get());
  }
  if (plan.receive && link.kernel_has_neighbours()) return watch_neighbours();
  return {};
}

template <typename Address>
Result<void> Scanner::ImplOf<Address>::watch_neighbours() {
  counters.push_back(std::make_unique<CoreCounters>());
  auto started =
      BasicNeighbourWatch<Address>::start(link.spec().kernel_interface, plan, *counters.back());
  if (!started) return Failure{started.error()};
  watch = std::move(*started);
  return {};
}

template <typename Address>
void Scanner::ImplOf<Address>::launch() {
  const bool split = plan.receive && threads > 1;
  for (unsigned thread = 0; thread < threads; ++thread) {
    const unsigned sender = split ? thread - 1 : thread;
    auto* const tx = split && thread == 0 ? nullptr : senders[sender].get();
    auto* const rx = thread == 0 ? receiver.get() : nullptr;
    Eal::launch(thread, [this, tx, rx] { poll_until_stopped(tx, rx, shared, plan.shares_cpu); });
  }
}

template <typename Address>
void Scanner::ImplOf<Address>::our_ends(std::span<const AnyTarget> targets,
                                        std::span<OurEnd> ends) const noexcept {
  constexpr std::size_t kMost = BasicCookieMaker<Address>::kMostBatch;
  std::array<BasicTarget<Address>, kMost> own;
  std::array<Cookie, kMost> cookies;
  std::array<Address, kMost> sources;
  const bool several = plan.cookies.sources().several();
  for (std::size_t at = 0; at < targets.size(); at += kMost) {
    const std::size_t count = std::min(kMost, targets.size() - at);
    for (std::size_t i = 0; i < count; ++i) own[i] = of_family<Address>(targets[at + i]);
    if (several) {
      plan.cookies.make({own.data(), count}, {cookies.data(), count}, {sources.data(), count});
    } else {
      plan.cookies.make({own.data(), count}, {cookies.data(), count});
    }
    for (std::size_t i = 0; i < count; ++i) {
      ends[at + i] = {several ? sources[i] : plan.source, cookies[i].source_port};
    }
  }
}

Scanner::Scanner(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Result<std::unique_ptr<Scanner>> Scanner::make(ScanPlan plan, Link& link, unsigned threads) {
  return ImplOf<Ipv4Address>::make(std::move(plan), link, threads);
}

Result<std::unique_ptr<Scanner>> Scanner::make(ScanPlan6 plan, Link& link, unsigned threads) {
  return ImplOf<Ipv6Address>::make(std::move(plan), link, threads);
}

Scanner::~Scanner() {
  stop();
  impl_->release();
}

void Scanner::start() {
  impl_->running = true;
  impl_->launch();
}

void Scanner::stop() {
  if (!std::exchange(impl_->running, false)) return;
  impl_->shared.stop.store(true);
  Eal::join();
  impl_->release();
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

bool Scanner::has_sweep() const noexcept { return impl_->run != nullptr; }
const Sweep& Scanner::sweep() const noexcept { return impl_->run->sweep; }
const Lanes& Scanner::lanes() const noexcept { return *impl_->run->lanes; }

void Scanner::block(const Ipv4Set& v4, const Ipv6Set& v6) { impl_->block(v4, v6); }

void Scanner::set_rate(PacketsPerSecond rate) noexcept {
  impl_->shared.rate.store(raw_rate(rate), std::memory_order_relaxed);
}

void Scanner::hold(bool is_held) noexcept {
  impl_->shared.is_held.store(is_held, std::memory_order_relaxed);
}

PacketsPerSecond Scanner::rate() const noexcept {
  return PacketsPerSecond{impl_->shared.rate.load(std::memory_order_relaxed)};
}

bool Scanner::request(const AnyTarget& target) noexcept {
  return impl_->request(target, ProbeStamp::kSentinelAttempt);
}

bool Scanner::request_conversation(const AnyTarget& target) noexcept {
  return impl_->request(target, 1);
}

bool Scanner::sending_finished() const noexcept { return impl_->finished(); }

bool Scanner::has_sent(std::uint64_t position) const noexcept {
  return dataplane::has_sent(impl_->run->sweep, *impl_->run->lanes, position);
}

bool Scanner::gateway_known() const noexcept {
  return !impl_->gateway_address() || impl_->gateway_known();
}

std::optional<IpAddress> Scanner::gateway_address() const noexcept {
  return impl_->gateway_address();
}

bool Scanner::only_gateway() const noexcept { return impl_->only_gateway(); }

std::size_t Scanner::take_replies(std::span<Reply> into) noexcept {
  return rte_ring_sc_dequeue_burst_elem(impl_->replies.get(), into.data(), sizeof(Reply),
                                        static_cast<unsigned>(into.size()), nullptr);
}

std::size_t Scanner::take_frames(std::span<CapturedFrame> into) noexcept {
  return impl_->captured ? impl_->captured->take(into) : 0;
}

std::size_t Scanner::take_syn_acks(std::span<SynAckHead> into) noexcept {
  return impl_->syn_acks ? impl_->syn_acks->take(into) : 0;
}

std::size_t Scanner::take_banners(std::span<Banner*> into) noexcept {
  BannerSlabs* const slabs = impl_->slabs();
  return slabs != nullptr ? slabs->take(into) : 0;
}

void Scanner::give_back(std::span<Banner* const> banners) noexcept {
  if (!banners.empty()) impl_->slabs()->give_back(banners);
}

std::size_t Scanner::open_conversations() const noexcept { return impl_->open_conversations(); }

CounterValues Scanner::counters() const noexcept {
  CounterValues sums{};
  for (const auto& core : impl_->counters) core->add_to(sums);
  if (const KernelExchange* const kernel = impl_->kernel()) kernel->add_counters(sums);
  return sums;
}

ProbeKind Scanner::kind() const noexcept { return impl_->kind(); }
bool Scanner::receives() const noexcept { return impl_->receives(); }
const TscClock& Scanner::clock() const noexcept { return impl_->clock(); }

std::optional<Scanner::NetworkLimit> Scanner::network_limit() const noexcept {
  return impl_->network_limit();
}

void Scanner::our_ends(std::span<const AnyTarget> targets, std::span<OurEnd> ends) const noexcept {
  impl_->our_ends(targets, ends);
}

}  // namespace trawl::dataplane
