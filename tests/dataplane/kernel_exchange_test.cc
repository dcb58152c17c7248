// Frames between polling cores and the threads of a TAP; under ThreadSanitizer, too.
#include "dataplane/exception/kernel_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include "dataplane/wire.h"
#include "tests/dataplane/frames.h"

namespace trawl::dataplane {
namespace {

constexpr Ipv4Address kBlocked{0xc6130308};

std::unique_ptr<KernelExchange> exchange(VlanId vlan = {}) {
  Ipv4Set blocked;
  blocked.add(Ipv4Prefix{kBlocked, 32});
  return std::make_unique<KernelExchange>(
      KernelExchange::Config{.traffic = {.kind = ProbeKind::TcpSyn,
                                         .ports = {.first = 61000, .last = 61063},
                                         .vlan = vlan,
                                         .sources = {kOurs}},
                             .mac = kOurMac,
                             .gateway = std::nullopt},
      blocked, Ipv6Set{});
}

Frame tagged(const Frame& frame, unsigned tag) {
  Frame result{frame.begin(), frame.begin() + 12};
  append16(result, 0x8100);
  append16(result, tag);
  result.insert(result.end(), frame.begin() + 12, frame.end());
  return result;
}

std::uint64_t counted(const KernelExchange& exchange, Counter counter) {
  CounterValues sums{};
  exchange.add_counters(sums);
  return sums[static_cast<std::size_t>(counter)];
}

// As the thread that reads the TAP does it.
void send_down(KernelExchange& exchange, const Frame& frame) {
  std::ranges::copy(frame, exchange.read_slot().begin());
  exchange.take_down(frame.size());
  exchange.down().publish();
}

TEST(KernelExchange, GivesTheKernelWhatIsNotTheSurveys) {
  const auto door = exchange();
  EXPECT_TRUE(door->is_kernels(tcp_frame({.to_port = 40000})));
  EXPECT_TRUE(door->is_kernels(udp_frame(53, 40000, {})));
  EXPECT_TRUE(door->is_kernels(icmp_frame({.type = 8}, {})));
  for (const unsigned port : {61000U, 61063U}) {
    EXPECT_FALSE(door->is_kernels(tcp_frame({.to_port = port})));
    EXPECT_FALSE(door->is_kernels(udp_frame(53, port, {})));
  }
  Frame arp(60);
  std::copy_n(tcp_frame({}).begin(), 12, arp.begin());
  set16(arp, 12, 0x0806);
  EXPECT_TRUE(door->is_kernels(arp));
}

TEST(KernelExchange, GivesTheKernelOnlyWhatIsSentToIt) {
  const auto door = exchange();
  Frame frame = tcp_frame({.to_port = 40000});
  frame[5] = std::byte{9};
  EXPECT_FALSE(door->is_kernels(frame)) << "to another MAC";
  frame[0] = std::byte{0x33};
  EXPECT_TRUE(door->is_kernels(frame)) << "to a group";
  Frame own = tcp_frame({.to_port = 40000});
  std::copy_n(kOurMac.bytes().begin(), 6, reinterpret_cast<std::uint8_t*>(own.data() + 6));
  EXPECT_FALSE(door->is_kernels(own)) << "from us";
  EXPECT_FALSE(door->is_kernels(Frame(13)));
  EXPECT_FALSE(door->is_kernels(udp_frame(1, 2, Frame(2100)))) << "larger than a slot";
}

TEST(KernelExchange, TakesTheTagOffAndPutsItOn) {
  const auto door = exchange(VlanId{7});
  const Frame plain = tcp_frame({.to_port = 40000});
  EXPECT_FALSE(door->is_kernels(plain));
  EXPECT_FALSE(door->is_kernels(tagged(plain, 8)));
  const Frame ours = tagged(plain, 0x6007);
  ASSERT_TRUE(door->is_kernels(ours));
  ASSERT_TRUE(door->pass_up(ours));
  door->publish_up();
  ASSERT_EQ(door->up().waiting(), 1U);
  EXPECT_TRUE(std::ranges::equal(door->up().frame(0), plain));

  const Frame sent = tcp_frame({.from_port = 40000}, {.from = kOurs, .to = kPeer});
  send_down(*door, sent);
  ASSERT_EQ(door->down().waiting(), 1U);
  EXPECT_TRUE(std::ranges::equal(door->down().frame(0), tagged(sent, 7)));
}

TEST(KernelExchange, DropsAndCountsWhatMayNotLeave) {
  const auto door = exchange();
  send_down(*door, tcp_frame({.from_port = 40000}, {.from = kOurs, .to = kBlocked}));
  send_down(*door, tcp_frame({.from_port = 61001}, {.from = kOurs, .to = kPeer}));
  EXPECT_EQ(door->down().waiting(), 0U);
  EXPECT_EQ(counted(*door, Counter::KernelBlocked), 1U);
  EXPECT_EQ(counted(*door, Counter::KernelScanPort), 1U);
  Ipv4Set more;
  more.add(Ipv4Prefix{kPeer, 32});
  const Frame frame = tcp_frame({.from_port = 40000}, {.from = kOurs, .to = kPeer});
  send_down(*door, frame);
  door->block(more, Ipv6Set{});
  send_down(*door, frame);
  EXPECT_EQ(door->down().waiting(), 1U);
  EXPECT_EQ(counted(*door, Counter::KernelBlocked), 2U);
}

// What was let in and has not left yet goes by the blocklist of the time at which it leaves.
TEST(KernelExchange, WhatWaitsIsJudgedAgainAfterAReload) {
  constexpr Ipv4Address kLater{0xc6130309};
  for (const bool is_tagged : {false, true}) {
    const auto door = exchange(is_tagged ? VlanId{7} : VlanId{});
    send_down(*door, tcp_frame({.from_port = 40000}, {.from = kOurs, .to = kLater}));
    send_down(*door, tcp_frame({.from_port = 40000}, {.from = kOurs}));
    ASSERT_EQ(door->down().waiting(), 2U);
    EXPECT_TRUE(door->may_still_leave(0));
    Ipv4Set blocked;
    blocked.add(Ipv4Prefix{kLater, 32});
    door->block(blocked, Ipv6Set{});
    EXPECT_FALSE(door->may_still_leave(0));
    EXPECT_TRUE(door->may_still_leave(1));
    send_down(*door, tcp_frame({.from_port = 40000}, {.from = kOurs}));
    EXPECT_TRUE(door->may_still_leave(2));
  }
}

TEST(KernelExchange, AFullRingTakesNoMore) {
  const auto door = exchange();
  const Frame frame = udp_frame(53, 40000, {});
  for (std::uint32_t i = 0; i < KernelExchange::kSlots; ++i) ASSERT_TRUE(door->pass_up(frame));
  EXPECT_FALSE(door->pass_up(frame));
  door->publish_up();
  EXPECT_EQ(door->up().waiting(), KernelExchange::kSlots);
  door->up().pop(1);
  EXPECT_TRUE(door->pass_up(frame));
  EXPECT_FALSE(door->pass_up(frame));
}

// A core that passes frames up by fits and starts, and a thread that sleeps whenever there are
// none: a wake-up that is lost would never end.
TEST(KernelExchange, NoFrameIsLostAndNoSleeperForgotten) {
  constexpr std::uint32_t kFrames = 20'000;
  const auto door = exchange();
  std::atomic<bool> stop{false};
  std::uint32_t expected = 0;
  std::thread taker{[&] {
    while (expected < kFrames) {
      const std::uint32_t count = door->up().waiting();
      if (count == 0) door->sleep(stop);
      for (std::uint32_t i = 0; i < count; ++i, ++expected) {
        const auto frame = door->up().frame(i);
        ASSERT_EQ(frame.size(), 60 + expected % 300);
        ASSERT_EQ(wire::read32(frame.data() + frame.size() - 4), expected);
      }
      door->up().pop(count);
    }
  }};
  Frame frame(400);
  for (std::uint32_t i = 0; i < kFrames;) {
    wire::write32(frame.data() + 56 + i % 300, i);
    if (door->pass_up({frame.data(), 60 + i % 300})) ++i;
    if (i % 7 == 0) door->publish_up();
    if (i % 97 == 0) std::this_thread::yield();
  }
  door->publish_up();
  taker.join();
  EXPECT_EQ(expected, kFrames);
}

TEST(KernelExchange, AStopWakesTheSleeper) {
  const auto door = exchange();
  // Also one that had not gone to sleep yet when it was woken.
  const std::atomic<bool> stopped{true};
  door->wake();
  door->sleep(stopped);
  for (int round = 0; round < 200; ++round) {
    std::atomic<bool> stop{false};
    std::thread sleeper{[&] {
      while (!stop.load()) door->sleep(stop);
    }};
    stop.store(true);
    door->wake();
    sleeper.join();
  }
}

}  // namespace
}  // namespace trawl::dataplane
