// The sending loop under a NetworkBudget, by a clock of the test's own. No packet leaves this
// process.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <array>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/internal/poll_tx.h"
#include "dataplane/link.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

ScanPlan make_plan() {
  constexpr ScanKey kKey{7, 7, 7};
  constexpr PortRange kPorts{.first = 61000, .last = 64999};
  const SourceAddresses sources{kOurs};
  return ScanPlan{.cookies = {kKey, sources, kPorts, ProbeKind::TcpSyn},
                  .probe = {ProbeKind::TcpSyn, {kOurMac, kOurs, {}}, nullptr},
                  .parser = {sources, kPorts},
                  .guard = SwappableGuard{EgressGuard{Ipv4Set{}}},
                  .neighbours = std::move(
                      *Neighbours::make({.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac})),
                  .clock = TscClock::with_rate(1e9),
                  .mac = kOurMac,
                  .source = kOurs,
                  .rate = PacketsPerSecond{1e6},
                  .max_runtime = {},
                  .receive = false};
}

std::vector<Frame> take_sent(const Link& link) {
  std::vector<Frame> frames;
  std::array<rte_mbuf*, 64> buffers;
  while (const auto count = rte_eth_rx_burst(link.port(), 0, buffers.data(), 64)) {
    for (unsigned i = 0; i < count; ++i) {
      const std::span bytes{rte_pktmbuf_mtod(buffers[i], const std::byte*),
                            rte_pktmbuf_data_len(buffers[i])};
      frames.emplace_back(bytes.begin(), bytes.end());
    }
    rte_pktmbuf_free_bulk(buffers.data(), count);
  }
  return frames;
}

// Two senders by a clock of the test's own: what each network gets, and when.
TEST(BudgetSending, NoNetworkGetsMoreThanItsBudgetAndNoTargetIsLeftOut) {
  constexpr double kRate = 1000.0;
  constexpr Ticks kStep = 50'000;  // Of nanoseconds.
  const auto opened = Link::open(*LinkSpec::parse("net_ring1"), {.senders = 1});
  ASSERT_TRUE(opened);
  Link* const link = opened->get();
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.19.0.0/21"));
  set.add(*Ipv4Prefix::parse("198.19.9.0/25"));
  const auto targets = std::make_shared<TargetSpace>(RankedSet<Ipv4Address>{set},
                                                     std::vector<std::uint16_t>{22, 80});
  ScanPlan plan = make_plan();
  plan.clock = TscClock::with_rate(1e9);
  plan.rate = PacketsPerSecond{1e6};
  constexpr Ticks kBegin = 5'000'000'000;
  plan.budget = std::make_shared<NetworkBudget>(*targets->addresses().v4(), PacketsPerSecond{kRate},
                                                plan.clock, kBegin);
  const auto skip = std::make_shared<PositionSet>(targets->size());
  for (std::uint64_t position = 0; position < targets->size(); ++position) {
    if (position < 200 || position % 5 == 0) skip->add(position);
  }
  internal::SharedState shared;
  shared.rate.store(1e6);
  CoreCounters counters;
  std::vector<std::unique_ptr<internal::BasicTxLoop<Ipv4Address>>> senders;
  for (unsigned i = 0; i < 2; ++i) {
    const internal::TxSeat seat{.port = link->port(),
                                .use = internal::BufferUse::Keeps,
                                .pool = link->tx_pool(0),
                                .control_pool = link->rx_pool(),
                                .sender = i,
                                .senders = 2};
    senders.push_back(
        std::make_unique<internal::BasicTxLoop<Ipv4Address>>(plan, shared, seat, counters));
    senders.back()->begin(kBegin);
  }
  Lanes lanes;
  const internal::SweepRun sweep{.sweep = {.space = targets,
                                           .order = {targets->size(), 1, 2},
                                           .first = 0,
                                           .last = targets->size(),
                                           .attempt = 2,
                                           .skip = skip},
                                 .lanes = &lanes,
                                 .number = 1};
  shared.run.store(&sweep);
  std::map<std::uint32_t, double> level;  // Of a bucket in plain numbers, by network...
  std::map<std::uint32_t, Ticks> before;
  std::map<std::pair<std::uint32_t, unsigned>, int> asked;
  const double burst = plan.budget->burst();
  Ticks now = kBegin;
  const auto finished = [&] {
    return senders[0]->finished_run() == 1 && senders[1]->finished_run() == 1;
  };
  for (; !finished() && now < kBegin + 5'000'000'000; now += kStep) {
    for (const auto& sender : senders) (void)sender->poll(now);
    for (const Lane& lane : lanes) ASSERT_LE(lane.sent.load(), lane.taken.load());
    for (const Frame& frame : take_sent(*link)) {
      const std::uint32_t network = get32(frame, 30) >> 8U;
      const auto last = before.try_emplace(network, kBegin).first;
      level[network] =
          std::min(burst, level[network] + kRate * static_cast<double>(now - last->second) / 1e9);
      last->second = now;
      level[network] -= 1.0;
      ASSERT_GE(level[network], -1e-3);
      ++asked[{get32(frame, 30), get16(frame, 36)}];
    }
  }
  ASSERT_TRUE(finished());
  for (std::uint64_t position = 0; position < targets->size(); ++position) {
    const Target target = targets->at(sweep.sweep.order.forward(position));
    const auto found = asked.find({target.ip.value(), target.port});
    const int times = found == asked.end() ? 0 : found->second;
    ASSERT_EQ(times, skip->contains(position) ? 0 : 1) << position;
  }
  for (const Lane& lane : lanes) EXPECT_EQ(lane.sent.load(), lane.taken.load());
  CounterValues sums{};
  counters.add_to(sums);
  EXPECT_GT(sums[static_cast<std::size_t>(Counter::ProbesLimited)], 0U);
  EXPECT_EQ(sums[static_cast<std::size_t>(Counter::PacingStalls)], 0U);
  // 410 or so for each whole network: 0.4 s, and a little for those that were not in sight.
  EXPECT_LT(now - kBegin, 650'000'000U);
  for (const auto& sender : senders) sender->release();
}

}  // namespace
}  // namespace trawl::dataplane

int main(int argc, char** argv) {
  using namespace trawl::dataplane;
  testing::InitGoogleTest(&argc, argv);
  const auto started =
      Eal::start({.polling_cpus = {allowed_cpus().front()}, .link = *LinkSpec::parse("net_null0")});
  if (!started) {
    std::printf("skipped: %s\n", started.error().message.c_str());
    return 77;
  }
  const int result = RUN_ALL_TESTS();
  Eal::stop();
  return result;
}
