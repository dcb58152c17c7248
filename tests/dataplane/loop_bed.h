#pragma once

#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/internal/poll_rx.h"
#include "dataplane/internal/poll_tx.h"
#include "dataplane/link.h"
#include "tests/dataplane/frames6.h"

namespace trawl::dataplane {

// Both polling loops over a net_ring, by a clock of the test's own: what the sender sends, the test
// takes, and what the test injects, the receiver takes. No packet leaves the process.
template <typename Address>
struct LoopBed {
  static constexpr bool kIsV4 = std::is_same_v<Address, Ipv4Address>;
  static constexpr Ticks kBegin = 5'000'000'000;
  static constexpr PortRange kPorts{.first = 61000, .last = 64999};
  using Target = BasicTarget<Address>;
  using Plan = BasicScanPlan<Address>;
  using Guard = typename BasicSwappableGuard<Address>::Guard;
  using Set = std::conditional_t<kIsV4, Ipv4Set, Ipv6Set>;

  static Address ours() {
    if constexpr (kIsV4) {
      return kOurs;
    } else {
      return kOurs6;
    }
  }
  // Host `i` of the network that is probed.
  static Address host(unsigned i) {
    if constexpr (kIsV4) {
      return Ipv4Address{0xc6130000U + i};
    } else {
      return Ipv6Address{kDocumentation + 0x10000U + i};
    }
  }

  static Plan make_plan(double rate) {
    const BasicSourceAddresses<Address> sources{ours()};
    const BasicProbeSource<Address> source{kOurMac, ours()};
    return Plan{.cookies = {ScanKey{7, 7, 7}, sources, kPorts, ProbeKind::TcpSyn},
                .probe = {ProbeKind::TcpSyn, source, nullptr},
                .parser = {sources, kPorts},
                .guard = BasicSwappableGuard<Address>{Guard{Set{}}},
                .neighbours = std::move(*BasicNeighbours<Address>::make(
                    {.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac})),
                .clock = TscClock::with_rate(1e9),
                .mac = kOurMac,
                .source = ours(),
                .rate = PacketsPerSecond{rate},
                .max_runtime = {},
                .reset = BasicResetTemplate<Address>{source}};
  }

  explicit LoopBed(const std::string& name, double rate, Plan of)
      : plan{std::move(of)},
        link{std::move(*Link::open(*LinkSpec::parse(name), {.senders = 1}))},
        resets{rte_ring_create_elem((name + "r").c_str(), sizeof(Target), 1024, 0, kOneToOne)},
        talk{rte_ring_create((name + "t").c_str(), 1024, 0, kOneToOne)},
        replies{rte_ring_create_elem((name + "a").c_str(), sizeof(Reply), 1024, 0, kOneToOne)},
        reset_rings{resets} {
    shared.rate.store(rate);
    // As `plan` is now.
    tx = std::make_unique<internal::BasicTxLoop<Address>>(
        plan, shared,
        internal::TxSeat{.port = link->port(),
                         .use = internal::BufferUse::Keeps,
                         .pool = link->tx_pool(0),
                         .control_pool = link->rx_pool(),
                         .talk = talk,
                         .resets = resets},
        counters);
    rx = std::make_unique<internal::BasicRxLoop<Address>>(
        plan, shared,
        internal::RxSeat{.port = link->port(), .replies = replies, .resets = reset_rings},
        rx_counters);
    tx->begin(kBegin);
  }
  LoopBed(const std::string& name, double rate) : LoopBed{name, rate, make_plan(rate)} {}
  ~LoopBed() {
    tx->release();
    (void)take_sent();
    for (rte_ring* ring : {resets, talk, replies}) rte_ring_free(ring);
  }
  LoopBed(const LoopBed&) = delete;
  LoopBed& operator=(const LoopBed&) = delete;

  // A sweep over hosts 0...count-1 on port 80, as far as loops look.
  void begin_sweep(unsigned count) {
    Set set;
    set.add(Interval<Address>{host(0), host(count - 1)});
    auto targets =
        std::make_shared<TargetSpace>(RankedSet<Address>{set}, std::vector<std::uint16_t>{80});
    run.reset(new internal::SweepRun{.sweep = {.space = std::move(targets),
                                               .order = {count, 1, 2},
                                               .first = 0,
                                               .last = count,
                                               .attempt = 1,
                                               .skip = {}},
                                     .lanes = &lanes,
                                     .number = 1});
    shared.run.store(run.get());
  }

  Cookie cookie_of(Target target) const {
    Cookie cookie{};
    plan.cookies.make({&target, 1}, {&cookie, 1});
    return cookie;
  }
  Frame syn_ack(Target target, std::uint32_t sequence = 0xabcdef01) const {
    const Cookie cookie = cookie_of(target);
    const TcpFields fields{.from_port = target.port,
                           .to_port = cookie.source_port,
                           .sequence = sequence,
                           .ack = cookie.sequence + 1};
    if constexpr (kIsV4) {
      return tcp_frame(fields, {.from = target.ip});
    } else {
      return tcp6_frame(fields, {.from = target.ip});
    }
  }
  rte_mbuf* buffer_of(const Frame& frame) const {
    rte_mbuf* buffer = rte_pktmbuf_alloc(link->rx_pool());
    std::ranges::copy(frame, reinterpret_cast<std::byte*>(rte_pktmbuf_append(
                                 buffer, static_cast<std::uint16_t>(frame.size()))));
    return buffer;
  }
  void inject(const Frame& frame) const {
    rte_mbuf* buffer = buffer_of(frame);
    ASSERT_EQ(rte_eth_tx_burst(link->port(), 0, &buffer, 1), 1);
  }
  // Likewise for a frame that a conversation wants sent.
  void say(const Frame& frame) const { ASSERT_EQ(rte_ring_sp_enqueue(talk, buffer_of(frame)), 0); }
  void ask_for_reset(Target target) const {
    ASSERT_EQ(rte_ring_sp_enqueue_elem(resets, &target, sizeof target), 0);
  }
  std::vector<Frame> take_sent() const {
    std::vector<Frame> frames;
    std::array<rte_mbuf*, 64> buffers;
    while (const auto count = rte_eth_rx_burst(link->port(), 0, buffers.data(), 64)) {
      for (unsigned i = 0; i < count; ++i) {
        const std::span bytes{rte_pktmbuf_mtod(buffers[i], const std::byte*),
                              rte_pktmbuf_data_len(buffers[i])};
        frames.emplace_back(bytes.begin(), bytes.end());
      }
      rte_pktmbuf_free_bulk(buffers.data(), count);
    }
    return frames;
  }
  static unsigned flags_of(const Frame& frame) { return get8(frame, kIsV4 ? 47 : 67); }
  static bool is_reset(const Frame& frame) { return flags_of(frame) == kFlagRst; }
  static bool is_syn(const Frame& frame) { return flags_of(frame) == kFlagSyn; }
  std::uint64_t count(Counter counter) const {
    CounterValues sums{};
    counters.add_to(sums);
    rx_counters.add_to(sums);
    return sums[static_cast<std::size_t>(counter)];
  }

  static constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
  Plan plan;
  std::unique_ptr<Link> link;
  rte_ring* resets;
  rte_ring* talk;
  rte_ring* replies;
  std::array<rte_ring*, 1> reset_rings;
  internal::SharedState shared;
  CoreCounters counters;
  CoreCounters rx_counters;
  Lanes lanes;
  std::unique_ptr<internal::SweepRun> run;
  std::unique_ptr<internal::BasicTxLoop<Address>> tx;
  std::unique_ptr<internal::BasicRxLoop<Address>> rx;
};

}  // namespace trawl::dataplane
