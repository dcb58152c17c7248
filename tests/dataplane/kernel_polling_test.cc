// Polling loops that have frames of the kernel to carry, over DPDK's virtual devices.
//
// No packet leaves this process: net_ring gives back what was sent.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/exception/kernel_exchange.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"
#include "tests/dataplane/counted_new.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr PortRange kPorts{.first = 61000, .last = 64999};
constexpr std::uint64_t kTargets = 512;

std::shared_ptr<KernelExchange> make_exchange() {
  return std::make_shared<KernelExchange>(
      KernelExchange::Config{
          .traffic = {.kind = ProbeKind::TcpSyn, .ports = kPorts, .vlan = {}, .sources = {kOurs}},
          .mac = kOurMac,
          .gateway = std::nullopt},
      Ipv4Set{}, Ipv6Set{});
}

ScanPlan make_plan(std::shared_ptr<KernelExchange> kernel, bool receive) {
  return ScanPlan{.cookies = {ScanKey{7, 7, 7}, kOurs, kPorts, ProbeKind::TcpSyn},
                  .probe = {ProbeKind::TcpSyn, {kOurMac, kOurs, VlanId{}}, nullptr},
                  .parser = {kOurs, kPorts},
                  .guard = SwappableGuard{EgressGuard{Ipv4Set{}}},
                  .neighbours = std::move(
                      *Neighbours::make({.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac})),
                  .clock = TscClock::calibrate(),
                  .mac = kOurMac,
                  .source = kOurs,
                  .rate = PacketsPerSecond::unlimited(),
                  .kernel = std::move(kernel),
                  .max_runtime = 60s,
                  .receive = receive,
                  .shares_cpu = true};
}

Sweep make_sweep() {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.19.0.0/23"));
  auto targets =
      std::make_shared<TargetSpace>(RankedSet<Ipv4Address>{set}, std::vector<std::uint16_t>{80});
  return {.space = std::move(targets),
          .order = {kTargets, 1, 2},
          .first = 0,
          .last = kTargets,
          .attempt = 1,
          .skip = {}};
}

std::unique_ptr<Link> open_link(const std::string& text, unsigned threads, bool receive) {
  auto link = Link::open(*LinkSpec::parse(text), {.senders = senders_for(threads, receive)});
  EXPECT_TRUE(link) << link.error().message;
  return link ? std::move(*link) : nullptr;
}

// Puts frames where the link's receiver finds them, before its loops start.
void inject(const Link& link, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    rte_mbuf* buffer = rte_pktmbuf_alloc(link.rx_pool());
    ASSERT_NE(buffer, nullptr);
    std::ranges::copy(frame, reinterpret_cast<std::byte*>(rte_pktmbuf_append(
                                 buffer, static_cast<std::uint16_t>(frame.size()))));
    ASSERT_EQ(rte_eth_tx_burst(link.port(), 0, &buffer, 1), 1);
  }
}

// Runs until everything is sent and `done` says so, counting what polling threads allocate.
template <typename Done>
void run(Scanner& scanner, Done done) {
  scanner.begin_sweep(make_sweep());
  allocations = 0;
  scanner.start();
  counting_allocations = true;
  const auto give_up = std::chrono::steady_clock::now() + 30s;
  while (!(scanner.sending_finished() && done()) && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(1ms);
  }
  counting_allocations = false;
  scanner.stop();
  EXPECT_TRUE(scanner.sending_finished());
  EXPECT_EQ(allocations, 0U);
}

std::uint64_t count(const Scanner& scanner, Counter counter) {
  return scanner.counters()[static_cast<std::size_t>(counter)];
}

Frame arp_reply() {
  Frame frame;
  append_mac(frame, kOurMac);
  append_mac(frame, kPeerMac);
  append16(frame, 0x0806);
  for (const unsigned word : {1U, 0x0800U, 0x0604U, 2U}) append16(frame, word);
  append_mac(frame, kPeerMac);
  append32(frame, kPeer.value());
  append_mac(frame, kOurMac);
  append32(frame, kOurs.value());
  return frame;
}

// As arp_reply(), but asks for our address.
Frame arp_request() {
  Frame frame = arp_reply();
  set16(frame, 20, 1);
  return frame;
}

TEST(KernelPolling, FramesThatAreNotTheScansGoUpInOrder) {
  for (unsigned threads = 1; threads <= 2; ++threads) {
    const auto kernel = make_exchange();
    const auto link = open_link("net_ring" + std::to_string(threads), threads, true);
    ASSERT_TRUE(link);
    auto scanner = Scanner::make(make_plan(kernel, true), *link, threads);
    ASSERT_TRUE(scanner);
    const std::vector<Frame> kernels{tcp_frame({.to_port = 40000}), arp_reply(),
                                     udp_frame(53, 40001, Frame(900)),
                                     icmp_frame({.type = 8}, Frame(56))};
    inject(*link, {tcp_frame({.to_port = 61001}), kernels[0], arp_request(), kernels[1],
                   udp_frame(53, 61001, {}), kernels[2], kernels[3]});
    run(**scanner, [&] { return kernel->up().waiting() >= kernels.size(); });
    ASSERT_EQ(kernel->up().waiting(), kernels.size());
    for (std::uint32_t i = 0; i < kernels.size(); ++i) {
      EXPECT_TRUE(std::ranges::equal(kernel->up().frame(i), kernels[i])) << i;
    }
    EXPECT_EQ(count(**scanner, Counter::RxKernel), kernels.size());
    EXPECT_EQ(count(**scanner, Counter::RxForged), 1U) << "is the scan's, though no reply";
    EXPECT_EQ(count(**scanner, Counter::RxOtherPort), 0U);
    EXPECT_EQ(count(**scanner, Counter::ArpAnswers), 1U) << "not left to the kernel";
  }
}

TEST(KernelPolling, WhatTheKernelDoesNotTakeIsDroppedAndCounted) {
  const auto kernel = make_exchange();
  const auto link = open_link("net_ring3", 1, true);
  ASSERT_TRUE(link);
  auto scanner = Scanner::make(make_plan(kernel, true), *link, 1);
  ASSERT_TRUE(scanner);
  const Frame frame = udp_frame(53, 40001, {});
  for (std::uint32_t i = 0; i + 1 < KernelExchange::kSlots; ++i)
    ASSERT_TRUE(kernel->pass_up(frame));
  kernel->publish_up();
  inject(*link, {frame, frame, frame});
  run(**scanner, [&] { return count(**scanner, Counter::RxKernelFull) >= 2; });
  EXPECT_EQ(count(**scanner, Counter::RxKernel), 1U);
  EXPECT_EQ(count(**scanner, Counter::RxKernelFull), 2U);
}

TEST(KernelPolling, FramesOfTheKernelLeaveBesideProbes) {
  const auto kernel = make_exchange();
  const auto link = open_link("net_ring4", 2, false);
  ASSERT_TRUE(link);
  auto scanner = Scanner::make(make_plan(kernel, false), *link, 2);
  ASSERT_TRUE(scanner);
  constexpr std::uint32_t kFrames = 100;
  std::vector<Frame> expected;
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    expected.push_back(udp_frame(40001, 53, Frame(i * 10), {.from = kOurs, .protocol = 17}));
    std::ranges::copy(expected.back(), kernel->read_slot().begin());
    kernel->take_down(expected.back().size());
  }
  kernel->down().publish();
  run(**scanner, [&] { return kernel->down().waiting() == 0; });
  EXPECT_EQ(count(**scanner, Counter::TxKernel), kFrames);
  EXPECT_EQ(count(**scanner, Counter::ProbesSent), kTargets);
  std::vector<Frame> sent;
  std::array<rte_mbuf*, 64> buffers;
  for (std::uint16_t queue = 0; queue < 2; ++queue) {
    while (const auto got = rte_eth_rx_burst(link->port(), queue, buffers.data(), 64)) {
      for (unsigned i = 0; i < got; ++i) {
        const std::span bytes{rte_pktmbuf_mtod(buffers[i], const std::byte*),
                              rte_pktmbuf_data_len(buffers[i])};
        if (get8(bytes, 23) == 17) sent.emplace_back(bytes.begin(), bytes.end());
      }
      rte_pktmbuf_free_bulk(buffers.data(), got);
    }
  }
  EXPECT_EQ(sent, expected);
}

TEST(KernelPolling, FramesThatWaitedPassTheBlocklistOfTheTimeTheyLeave) {
  const auto kernel = make_exchange();
  const auto link = open_link("net_ring5", 1, false);
  ASSERT_TRUE(link);
  auto scanner = Scanner::make(make_plan(kernel, false), *link, 1);
  ASSERT_TRUE(scanner);
  constexpr std::uint32_t kFrames = 100;
  for (std::uint32_t i = 0; i < kFrames; ++i) {
    const Ipv4Address to{kPeer.value() + (i % 2 == 0 ? 0 : 1)};
    const Frame frame = udp_frame(40001, 53, {}, {.from = kOurs, .to = to, .protocol = 17});
    std::ranges::copy(frame, kernel->read_slot().begin());
    kernel->take_down(frame.size());
  }
  kernel->down().publish();
  Ipv4Set opted_out;
  opted_out.add(Ipv4Prefix{kPeer, 32});
  (*scanner)->block(opted_out, {});
  run(**scanner, [&] { return kernel->down().waiting() == 0; });
  EXPECT_EQ(count(**scanner, Counter::TxKernel), kFrames / 2);
  EXPECT_EQ(count(**scanner, Counter::KernelBlocked), kFrames / 2);
}

}  // namespace
}  // namespace trawl::dataplane

int main(int argc, char** argv) {
  using namespace trawl::dataplane;
  testing::InitGoogleTest(&argc, argv);
  is_control_thread = true;
  if (!Eal::start({.polling_cpus = {allowed_cpus().front(), allowed_cpus().back()},
                   .link = *LinkSpec::parse("net_ring1"),
                   .memory = trawl::ByteCount::mebibytes(512)})) {
    std::puts("skipped: DPDK did not start");
    return 77;
  }
  const int result = RUN_ALL_TESTS();
  Eal::stop();
  return result;
}
