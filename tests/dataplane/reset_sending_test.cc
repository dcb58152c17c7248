// Resets that end the handshakes of open ports: who gets one, when, and what else goes on.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "tests/dataplane/loop_bed.h"

namespace trawl::dataplane {
namespace {

using V4 = LoopBed<Ipv4Address>;
using V6 = LoopBed<Ipv6Address>;

constexpr Ticks kMillisecond = 1'000'000;
constexpr Ticks kSecond = 1'000 * kMillisecond;

template <typename Bed>
void poll_both(Bed& bed, Ticks now) {
  (void)bed.rx->poll(now);
  for (unsigned i = 0; i < 4; ++i) (void)bed.tx->poll(now);
}

TEST(ResetSending, AnOpenPortGetsTheResetOfTheConnectionThatItAnswered) {
  V4 bed{"net_ring1", -1.0};
  const Target target{V4::host(9), 443};
  bed.inject(bed.syn_ack(target));
  poll_both(bed, V4::kBegin + 1000);
  const auto sent = bed.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  const Frame& reset = sent[0];
  EXPECT_EQ(reset.size(), 54U);
  EXPECT_EQ(get_mac(reset, 0), kPeerMac);
  EXPECT_EQ(get_mac(reset, 6), kOurMac);
  EXPECT_EQ(get16(reset, 16), 40U) << "the length of the packet";
  EXPECT_EQ(get32(reset, 26), kOurs.value());
  EXPECT_EQ(get32(reset, 30), target.ip.value());
  EXPECT_EQ(get16(reset, 34), bed.cookie_of(target).source_port);
  EXPECT_EQ(get16(reset, 36), 443U);
  EXPECT_EQ(get32(reset, 38), bed.cookie_of(target).sequence + 1) << "what was acknowledged";
  EXPECT_EQ(get32(reset, 42), 0U);
  EXPECT_EQ(get16(reset, 46), 0x5000U | kFlagRst);
  EXPECT_TRUE(ip_checksum_is_right(reset));
  EXPECT_TRUE(tcp_checksum_is_right(reset));
  EXPECT_EQ(bed.count(Counter::ResetsSent), 1U);
  EXPECT_EQ(bed.count(Counter::ProbesSent), 0U);
  EXPECT_EQ(bed.count(Counter::RxValid), 1U) << "it is a reply all the same";
}

TEST(ResetSending, LikewiseOverIpv6) {
  V6 bed{"net_ring2", -1.0};
  const Target6 target{V6::host(9), 443};
  bed.inject(bed.syn_ack(target));
  poll_both(bed, V6::kBegin + 1000);
  const auto sent = bed.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  const Frame& reset = sent[0];
  EXPECT_EQ(reset.size(), 74U);
  EXPECT_EQ(get16(reset, 18), 20U);
  EXPECT_EQ(get16(reset, 54), bed.cookie_of(target).source_port);
  EXPECT_EQ(get16(reset, 56), 443U);
  EXPECT_EQ(get32(reset, 58), bed.cookie_of(target).sequence + 1);
  EXPECT_TRUE(V6::is_reset(reset));
  EXPECT_EQ(sum6_of(std::span{reset}.subspan(14)), 0xffffU);
  EXPECT_EQ(bed.count(Counter::ResetsSent), 1U);
}

TEST(ResetSending, NothingElseIsReset) {
  V4 bed{"net_ring3", -1.0};
  const Target target{V4::host(9), 443};
  Frame forged = bed.syn_ack(target);
  forged[42] ^= std::byte{1};
  bed.inject(forged);
  const Cookie cookie = bed.cookie_of(target);
  bed.inject(tcp_frame({.from_port = 443,
                        .to_port = cookie.source_port,
                        .ack = cookie.sequence + 1,
                        .flags = kFlagRst | kFlagAck},
                       {.from = target.ip}));
  poll_both(bed, V4::kBegin + 1000);
  EXPECT_TRUE(bed.take_sent().empty());
  EXPECT_EQ(bed.count(Counter::RxForged), 1U);
  EXPECT_EQ(bed.count(Counter::RxValid), 1U);
}

// The first reset may be lost; who goes on all the same is not listened to. A target that is probed
// once more is another handshake.
TEST(ResetSending, RepeatedSynAcksGetTwoResetsAHandshake) {
  V4 bed{"net_ring4", -1.0};
  const Target target{V4::host(9), 443};
  Ticks now = V4::kBegin;
  std::size_t sent = 0;
  for (unsigned i = 0; i < 20; ++i, now += kSecond) {
    bed.inject(bed.syn_ack(target, 5));
    poll_both(bed, now);
    sent += bed.take_sent().size();
  }
  EXPECT_EQ(sent, 2U);
  EXPECT_EQ(bed.count(Counter::ResetsWithheld), 18U);
  bed.inject(bed.syn_ack(target, 6));
  poll_both(bed, now);
  EXPECT_EQ(bed.take_sent().size(), 1U);
}

// A box that answers every packet with a SYN-ACK of another connection is no endless exchange.
TEST(ResetSending, NoTargetGetsMoreThanTwoResetsASecond) {
  V4 bed{"net_ring5", -1.0};
  const Target target{V4::host(9), 443};
  std::size_t sent = 0;
  constexpr unsigned kSeconds = 3;
  for (unsigned i = 0; i < kSeconds * 100; ++i) {
    bed.inject(bed.syn_ack(target, i));
    poll_both(bed, V4::kBegin + i * 10 * kMillisecond);
    sent += bed.take_sent().size();
  }
  EXPECT_GE(sent, 2U);
  EXPECT_LE(sent, 2U * (kSeconds + 1));
}

// However many wait, probes keep half of the rate, and both together keep to it.
TEST(ResetSending, ResetsTakeHalfOfTheRateAtMost) {
  for (const double rate : {2'000.0, 1e6}) {
    V4 bed{rate < 1e6 ? "net_ring6" : "net_ring7", rate};
    bed.begin_sweep(60'000);
    Ticks now = V4::kBegin;
    unsigned asked = 0;
    std::uint64_t resets = 0;
    std::uint64_t probes = 0;
    // Packets go one at a time, or several in a poll.
    const auto step = static_cast<Ticks>((rate < 1e6 ? 0.4e9 : 8e9) / rate);
    const Ticks end = V4::kBegin + static_cast<Ticks>(20e9 * 1000 / rate);
    for (; now < end; now += step) {
      while (rte_ring_full(bed.resets) == 0) {
        bed.ask_for_reset({V4::host(asked % 60'000), static_cast<std::uint16_t>(asked / 60'000)});
        ++asked;
      }
      (void)bed.tx->poll(now);
      for (const Frame& frame : bed.take_sent()) ++(V4::is_reset(frame) ? resets : probes);
      ASSERT_LE(resets, probes + 64);
    }
    EXPECT_NEAR(static_cast<double>(resets + probes), 20'000.0, 100.0);
    EXPECT_NEAR(static_cast<double>(resets), 10'000.0, 200.0);
  }
}

TEST(ResetSending, ResetsGoByTheRateWhileProbesAreHeld) {
  constexpr double kRate = 1000.0;
  V4 bed{"net_ring8", kRate};
  bed.begin_sweep(60'000);
  bed.shared.is_held.store(true);
  for (unsigned i = 0; i < 1000; ++i) bed.ask_for_reset({V4::host(i), 80});
  std::uint64_t resets = 0;
  for (Ticks now = V4::kBegin; now < V4::kBegin + kSecond / 2; now += kMillisecond / 4) {
    (void)bed.tx->poll(now);
    for (const Frame& frame : bed.take_sent()) {
      ASSERT_TRUE(V4::is_reset(frame));
      ++resets;
    }
    ASSERT_LE(static_cast<double>(resets),
              static_cast<double>(now - V4::kBegin) / 1e9 * kRate + 2.0);
  }
  EXPECT_NEAR(static_cast<double>(resets), kRate / 2, 10.0);
  EXPECT_EQ(bed.count(Counter::PacingStalls), 0U);
}

TEST(ResetSending, WhoOptedOutGetsNoReset) {
  V4 bed{"net_ring9", -1.0};
  bed.ask_for_reset({V4::host(1), 80});
  bed.ask_for_reset({V4::host(2), 80});
  Ipv4Set opted_out;
  opted_out.add(Interval<Ipv4Address>{V4::host(1), V4::host(1)});
  bed.plan.guard.publish(EgressGuard{opted_out});
  (void)bed.tx->poll(V4::kBegin);
  const auto sent = bed.take_sent();
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(get32(sent[0], 30), V4::host(2).value());
  EXPECT_EQ(bed.count(Counter::ResetsBlocked), 1U);
}

TEST(ResetSending, WhatFindsNoRoomIsCounted) {
  V4 bed{"net_ring10", -1.0};
  for (unsigned i = 0; i < 1023; ++i) bed.ask_for_reset({V4::host(i), 80});
  bed.inject(bed.syn_ack({V4::host(2000), 80}));
  (void)bed.rx->poll(V4::kBegin);
  EXPECT_EQ(bed.count(Counter::ResetsDropped), 1U);
  bed.tx->release();
  EXPECT_EQ(bed.count(Counter::ResetsDropped), 1024U) << "what is left at the end";
}

// Probes, resets and frames of conversations: all that goes to a network counts for it, what is
// over its budget waits, and in the end everything was sent.
TEST(ResetSending, BudgetsOfNetworksCountEveryFrame) {
  constexpr double kRate = 200.0;
  constexpr unsigned kHosts = 1024;  // In four networks.
  auto plan = V4::make_plan(1e5);
  Ipv4Set set;
  set.add(Interval<Ipv4Address>{V4::host(0), V4::host(kHosts - 1)});
  plan.budget = std::make_shared<NetworkBudget>(RankedSet<Ipv4Address>{set},
                                                PacketsPerSecond{kRate}, plan.clock, V4::kBegin);
  const double burst = plan.budget->burst();
  V4 bed{"net_ring11", 1e5, std::move(plan)};
  bed.begin_sweep(kHosts);
  for (unsigned i = 0; i < kHosts; ++i) {
    if (i % 4 == 0) bed.ask_for_reset({V4::host(i), 80});
    if (i % 4 != 1) continue;
    bed.say(tcp_frame({.sequence = i, .flags = kFlagAck}, {.from = kOurs, .to = V4::host(i)}));
  }
  bed.ask_for_reset({V4::host(5000), 80});  // Of none of the networks.
  std::map<std::uint32_t, double> level;
  std::map<std::uint32_t, Ticks> before;
  std::map<unsigned, unsigned> kinds;
  std::map<std::uint32_t, std::uint32_t> last_said;
  constexpr Ticks kStep = 50'000;
  Ticks now = V4::kBegin;
  for (; now < V4::kBegin + 3 * kSecond; now += kStep) {
    (void)bed.tx->poll(now);
    for (const Frame& frame : bed.take_sent()) {
      const std::uint32_t network = get32(frame, 30) >> 8U;
      const auto last = before.try_emplace(network, V4::kBegin).first;
      level[network] =
          std::min(burst, level[network] + kRate * static_cast<double>(now - last->second) / 1e9);
      last->second = now;
      level[network] -= 1.0;
      ASSERT_GE(level[network], -1e-3);
      ++kinds[V4::flags_of(frame)];
      if (V4::flags_of(frame) != kFlagAck) continue;
      ASSERT_LT(last_said[network], get32(frame, 38)) << "in the order in which they were said";
      last_said[network] = get32(frame, 38);
    }
    if (kinds[kFlagSyn] == kHosts) break;
  }
  EXPECT_EQ(kinds[kFlagSyn], kHosts);
  EXPECT_EQ(kinds[kFlagRst], kHosts / 4);
  EXPECT_EQ(kinds[kFlagAck], kHosts / 4);
  EXPECT_EQ(bed.count(Counter::ResetsBlocked), 1U);
  EXPECT_GT(bed.count(Counter::ResetsLimited), 0U);
  EXPECT_GT(bed.count(Counter::TalkLimited), 0U);
  // 384 for each network take 1.92 s.
  EXPECT_LT(now - V4::kBegin, 2 * kSecond);
}

// What the link had no room for is not sent to who was blocked while it waited.
TEST(ResetSending, HeldFramesPassTheGuardOfTheTimeTheyLeave) {
  V4 bed{"net_ring12", -1.0};
  bed.begin_sweep(4096);
  for (unsigned i = 0; i < 200; ++i) {
    bed.ask_for_reset({V4::host(i), 443});
    bed.say(tcp_frame({.flags = kFlagAck}, {.from = kOurs, .to = V4::host(i)}));
  }
  // Until the link is full, with something of each kind held.
  while (bed.count(Counter::TxRingFull) < 8) (void)bed.tx->poll(V4::kBegin);
  Ipv4Set opted_out;
  opted_out.add(Interval<Ipv4Address>{V4::host(0), V4::host(4095)});
  bed.plan.guard.publish(EgressGuard{opted_out});
  const auto probes = bed.count(Counter::ProbesSent);
  const auto resets = bed.count(Counter::ResetsSent);
  const auto talk = bed.count(Counter::TalkFrames);
  EXPECT_FALSE(bed.take_sent().empty());
  for (unsigned i = 0; i < 500; ++i) (void)bed.tx->poll(V4::kBegin + i);
  EXPECT_TRUE(bed.take_sent().empty());
  EXPECT_EQ(bed.count(Counter::ProbesSent), probes);
  EXPECT_EQ(bed.count(Counter::ResetsSent), resets);
  EXPECT_EQ(bed.count(Counter::TalkFrames), talk);
  EXPECT_EQ(bed.count(Counter::ProbesOptedOut) + probes, 4096U);
  EXPECT_EQ(bed.count(Counter::ResetsBlocked) + resets, 200U);
  EXPECT_EQ(bed.count(Counter::TalkBlocked) + talk, 200U);
  EXPECT_EQ(bed.tx->finished_run(), 1U);
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
