// Conversations over the polling loops: net_ring gives frames to the receiver, and what the sender
// puts behind them comes back and is counted as foreign.
#include <gtest/gtest.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/conversation/conversation_stamp.h"
#include "dataplane/eal.h"
#include "dataplane/internal/converser.h"
#include "dataplane/internal/poll_rx.h"
#include "dataplane/link.h"
#include "dataplane/scanner.h"
#include "tests/dataplane/counted_new.h"
#include "tests/dataplane/frames6.h"

namespace trawl::dataplane {
namespace {

using namespace std::chrono_literals;

constexpr ScanKey kKey{7, 7, 7};
constexpr PortRange kPorts{.first = 61000, .last = 64999};
constexpr std::uint32_t kFirst = 0x55667788;
constexpr std::uint32_t kPayload = 8;

std::shared_ptr<ConversationPlan> conversations() {
  auto plan = std::make_shared<ConversationPlan>();
  plan->payloads.emplace_back(kPayload, std::byte{'?'});
  plan->first.fill(1);
  plan->second.fill(1);
  plan->idle = 50ms;
  plan->patience = 200ms;
  plan->most_open = 1000;
  plan->most_memory = ByteCount{1U << 20U};
  return plan;
}

ScanPlan make_plan(std::shared_ptr<const ConversationPlan> said) {
  return ScanPlan{.cookies = {kKey, kOurs, kPorts},
                  .probe = {kOurMac, kOurs},
                  .parser = {kOurs, kPorts},
                  .guard = SwappableGuard{EgressGuard{{}}},
                  .neighbours = std::move(
                      *Neighbours::make({.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac})),
                  .clock = TscClock::calibrate(),
                  .mac = kOurMac,
                  .source = kOurs,
                  .rate = PacketsPerSecond::unlimited(),
                  .max_runtime = 60s,
                  .conversations = std::move(said),
                  .shares_cpu = true};
}

ScanPlan6 make_plan6(std::shared_ptr<const ConversationPlan> said, VlanId vlan) {
  return ScanPlan6{.cookies = {kKey, kOurs6, kPorts, ProbeKind::TcpSyn},
                   .probe = {ProbeKind::TcpSyn, {kOurMac, kOurs6, vlan}},
                   .parser = {kOurs6, kPorts, ProbeKind::TcpSyn, nullptr, vlan},
                   .guard = SwappableGuard6{EgressGuard6{{}}},
                   .neighbours = std::move(
                       *Neighbours6::make({.on_link = {}, .gateway = {}, .gateway_mac = kPeerMac})),
                   .clock = TscClock::calibrate(),
                   .mac = kOurMac,
                   .source = kOurs6,
                   .vlan = vlan,
                   .rate = PacketsPerSecond::unlimited(),
                   .max_runtime = 60s,
                   .conversations = std::move(said),
                   .shares_cpu = true};
}

// One probe, so that the sender has something to do and an end.
Sweep one_probe() {
  Ipv4Set set;
  set.add(*Ipv4Prefix::parse("198.19.77.77"));
  auto targets =
      std::make_shared<TargetSpace>(RankedSet<Ipv4Address>{set}, std::vector<std::uint16_t>{1});
  return {.space = std::move(targets),
          .order = {1, 1, 2},
          .first = 0,
          .last = 1,
          .attempt = 1,
          .skip = {}};
}

Sweep one_probe6() {
  Ipv6Set set;
  set.add(*Ipv6Prefix::parse("2001:db8:77::77/128"));
  auto targets =
      std::make_shared<TargetSpace>(RankedSet<Ipv6Address>{set}, std::vector<std::uint16_t>{1});
  return {.space = std::move(targets),
          .order = {1, 1, 2},
          .first = 0,
          .last = 1,
          .attempt = 1,
          .skip = {}};
}

std::unique_ptr<Link> open_link(const std::string& text, unsigned threads) {
  auto link = Link::open(*LinkSpec::parse(text), {.senders = senders_for(threads, true)});
  EXPECT_TRUE(link) << link.error().message;
  return link ? std::move(*link) : nullptr;
}

void inject(const Link& link, const Frame& frame) {
  rte_mbuf* buffer = rte_pktmbuf_alloc(link.rx_pool());
  ASSERT_NE(buffer, nullptr);
  std::copy(frame.begin(), frame.end(),
            reinterpret_cast<std::byte*>(
                rte_pktmbuf_append(buffer, static_cast<std::uint16_t>(frame.size()))));
  ASSERT_EQ(rte_eth_tx_burst(link.port(), 0, &buffer, 1), 1);
}

Cookie cookie_of(Target target) {
  Cookie cookie{};
  CookieMaker{kKey, kOurs, kPorts}.make({&target, 1}, {&cookie, 1});
  return cookie;
}

// The echo of a probe of just now, and then that of what answers its SYN-ACK.
std::uint32_t probe_stamp() { return ProbeStamp::encode(1, 2); }
std::uint32_t our_stamp() { return ConversationStamp::encode(probe_stamp(), kFirst, 2, false); }

Frame syn_ack(Target target) {
  const Cookie cookie = cookie_of(target);
  return tcp_frame({.from_port = target.port,
                    .to_port = cookie.source_port,
                    .sequence = kFirst - 1,
                    .ack = cookie.sequence + 1,
                    .options = timestamps(probe_stamp())},
                   {.from = target.ip});
}

Frame words(Target target, std::string_view text, unsigned flags) {
  const Cookie cookie = cookie_of(target);
  Frame segment = tcp_segment({.from_port = target.port,
                               .to_port = cookie.source_port,
                               .sequence = kFirst,
                               .ack = cookie.sequence + 1 + kPayload,
                               .flags = kFlagAck | flags,
                               .options = timestamps(our_stamp())});
  const auto bytes = std::as_bytes(std::span{text});
  segment.insert(segment.end(), bytes.begin(), bytes.end());
  return ip_frame({.from = target.ip}, segment);
}

Target target_of(std::uint32_t number) {
  return {Ipv4Address{kPeer.value() + number}, static_cast<std::uint16_t>(80 + number % 7)};
}

std::uint64_t count(const Scanner& scanner, Counter counter) {
  return scanner.counters()[static_cast<std::size_t>(counter)];
}

// Polls until `done`, for ten seconds at most.
template <typename Done>
void run(Scanner& scanner, Done done) {
  scanner.start();
  allocations = 0;
  counting_allocations = true;
  const auto give_up = std::chrono::steady_clock::now() + 10s;
  while (!done() && std::chrono::steady_clock::now() < give_up) std::this_thread::sleep_for(1ms);
  counting_allocations = false;
  scanner.stop();
}

TEST(Conversing, HandshakesBecomeRepliesAndWordsBanners) {
  constexpr std::uint32_t kTargets = 200;
  for (const unsigned threads : {1U, 2U}) {
    const auto link = open_link("net_ring" + std::to_string(threads), threads);
    ASSERT_TRUE(link);
    for (std::uint32_t i = 0; i < kTargets; ++i) {
      inject(*link, syn_ack(target_of(i)));
      // Half of them close, half fall silent.
      inject(*link, words(target_of(i), "hello", i % 2 == 0 ? kFlagFin : 0));
    }
    Frame forged = words(target_of(0), "hello", 0);
    forged[45] ^= std::byte{1};
    inject(*link, forged);
    auto made = Scanner::make(make_plan(conversations()), *link, threads);
    ASSERT_TRUE(made);
    Scanner& scanner = **made;
    scanner.begin_sweep(one_probe());
    run(scanner, [&] {
      return count(scanner, Counter::TalkBanners) == kTargets &&
             count(scanner, Counter::TalkFrames) == kTargets * 5 / 2 &&
             count(scanner, Counter::RxOtherAddress) == kTargets * 5 / 2 + 1;
    });
    EXPECT_EQ(allocations, 0U);
    EXPECT_EQ(count(scanner, Counter::TalkHandshakes), kTargets);
    EXPECT_EQ(count(scanner, Counter::TalkFrames), kTargets * 5 / 2) << "ACKs and resets";
    EXPECT_EQ(count(scanner, Counter::RxOtherAddress), kTargets * 5 / 2 + 1);
    EXPECT_EQ(count(scanner, Counter::RxValid), kTargets);
    EXPECT_EQ(count(scanner, Counter::RxForged), 1U);
    EXPECT_EQ(scanner.open_conversations(), 0U);
    std::vector<Reply> replies(2 * kTargets);
    EXPECT_EQ(scanner.take_replies(replies), kTargets);
    EXPECT_EQ(replies[0].state, PortState::Open);
    EXPECT_EQ(replies[0].attempt, 2);
    std::vector<Banner*> banners(2 * kTargets);
    ASSERT_EQ(scanner.take_banners(banners), kTargets);
    std::uint32_t closed = 0;
    for (std::uint32_t i = 0; i < kTargets; ++i) {
      EXPECT_EQ(banners[i]->port_class, PortClass::Service);
      EXPECT_EQ(banners[i]->attempt, 2);
      EXPECT_EQ(banners[i]->length, 5U);
      closed += banners[i]->end == BannerEnd::Closed ? 1U : 0U;
    }
    EXPECT_EQ(closed, kTargets / 2);
    scanner.give_back({banners.data(), kTargets});
  }
}

Target6 target6_of(std::uint32_t number) {
  return {Ipv6Address{kPeer6.value() + (Uint128{number} << 64U)},
          static_cast<std::uint16_t>(80 + number % 7)};
}

Cookie cookie_of(Target6 target) {
  Cookie cookie{};
  CookieMaker6{kKey, kOurs6, kPorts}.make({&target, 1}, {&cookie, 1});
  return cookie;
}

Frame syn_ack(Target6 target) {
  const Cookie cookie = cookie_of(target);
  return tcp6_frame({.from_port = target.port,
                     .to_port = cookie.source_port,
                     .sequence = kFirst - 1,
                     .ack = cookie.sequence + 1,
                     .options = timestamps(probe_stamp())},
                    {.from = target.ip});
}

Frame words(Target6 target, std::string_view text, unsigned flags) {
  const Cookie cookie = cookie_of(target);
  Frame segment = tcp_segment({.from_port = target.port,
                               .to_port = cookie.source_port,
                               .sequence = kFirst,
                               .ack = cookie.sequence + 1 + kPayload,
                               .flags = kFlagAck | flags,
                               .options = timestamps(our_stamp())});
  const auto bytes = std::as_bytes(std::span{text});
  segment.insert(segment.end(), bytes.begin(), bytes.end());
  return ip6_frame({.from = target.ip}, segment, 16);
}

TEST(Conversing, Ipv6IsTheSameInAVlanAndOutside) {
  constexpr std::uint32_t kTargets = 200;
  for (const VlanId vlan : {VlanId{}, VlanId{7}}) {
    const auto link = open_link(vlan.tagged() ? "net_ring9" : "net_ring8", 1);
    ASSERT_TRUE(link);
    const auto inject_in_vlan = [&](const Frame& frame) {
      inject(*link, vlan.tagged() ? with_tag(frame, vlan.id()) : frame);
    };
    for (std::uint32_t i = 0; i < kTargets; ++i) {
      inject_in_vlan(syn_ack(target6_of(i)));
      inject_in_vlan(words(target6_of(i), "hello", i % 2 == 0 ? kFlagFin : 0));
    }
    auto made = Scanner::make(make_plan6(conversations(), vlan), *link, 1);
    ASSERT_TRUE(made);
    Scanner& scanner = **made;
    scanner.begin_sweep(one_probe6());
    run(scanner, [&] {
      return count(scanner, Counter::TalkBanners) == kTargets &&
             count(scanner, Counter::TalkFrames) == kTargets * 5 / 2 &&
             count(scanner, Counter::RxOtherAddress) == kTargets * 5 / 2 + 1;
    });
    EXPECT_EQ(allocations, 0U);
    EXPECT_EQ(count(scanner, Counter::TalkHandshakes), kTargets);
    EXPECT_EQ(count(scanner, Counter::TalkFrames), kTargets * 5 / 2) << "ACKs and resets";
    EXPECT_EQ(count(scanner, Counter::RxOtherAddress), kTargets * 5 / 2 + 1);
    EXPECT_EQ(count(scanner, Counter::RxOtherVlan), 0U);
    EXPECT_EQ(count(scanner, Counter::RxForged), 0U);
    EXPECT_EQ(scanner.open_conversations(), 0U);
    std::vector<Banner*> banners(2 * kTargets);
    ASSERT_EQ(scanner.take_banners(banners), kTargets);
    for (std::uint32_t i = 0; i < kTargets; ++i) {
      EXPECT_EQ(banners[i]->port_class, PortClass::Service);
      EXPECT_EQ(banners[i]->length, 5U);
      EXPECT_FALSE(banners[i]->ip.is_v4());
    }
    scanner.give_back({banners.data(), kTargets});
  }
}

TEST(Conversing, TheGuardStopsWhatIsSaidToWhoOptedOut) {
  const auto link = open_link("net_ring5", 1);
  ASSERT_TRUE(link);
  inject(*link, syn_ack(target_of(1)));
  inject(*link, syn_ack(target_of(2)));
  auto made = Scanner::make(make_plan(conversations()), *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.begin_sweep(one_probe());
  Ipv4Set opted_out;
  opted_out.add(*Ipv4Prefix::parse(target_of(1).ip.to_string()));
  scanner.block(opted_out, {});
  run(scanner, [&] {
    return count(scanner, Counter::TalkBlocked) + count(scanner, Counter::TalkFrames) == 2;
  });
  EXPECT_EQ(count(scanner, Counter::TalkBlocked), 1U);
  EXPECT_EQ(count(scanner, Counter::TalkFrames), 1U);
}

// A reset in the middle of a conversation is no closed port; one for a probe still is.
TEST(Conversing, ResetsOfConversationsAreNoReplies) {
  const auto link = open_link("net_ring6", 1);
  ASSERT_TRUE(link);
  inject(*link, syn_ack(target_of(1)));
  // A reset comes in a later burst than what it is an answer to an answer of.
  for (unsigned i = 0; i < 64; ++i) inject(*link, arp_frame({.target_ip = kPeer}));
  for (const auto& [number, sequence] : {std::pair{1U, kFirst}, std::pair{2U, 0U}}) {
    const Cookie cookie = cookie_of(target_of(number));
    inject(*link, tcp_frame({.from_port = target_of(number).port,
                             .to_port = cookie.source_port,
                             .sequence = sequence,
                             .ack = cookie.sequence + 1,
                             .flags = kFlagRst | kFlagAck},
                            {.from = target_of(number).ip}));
  }
  auto made = Scanner::make(make_plan(conversations()), *link, 1);
  ASSERT_TRUE(made);
  Scanner& scanner = **made;
  scanner.begin_sweep(one_probe());
  run(scanner, [&] { return count(scanner, Counter::RxFrames) >= 64 + 5; });
  std::array<Reply, 4> replies;
  ASSERT_EQ(scanner.take_replies(replies), 2U);
  EXPECT_EQ(replies[0].state, PortState::Open);
  EXPECT_EQ(replies[1].state, PortState::Closed);
  EXPECT_EQ(replies[1].ip, IpAddress{target_of(2).ip});
  Banner* banner = nullptr;
  ASSERT_EQ(scanner.take_banners({&banner, 1}), 1U);
  EXPECT_EQ(banner->port_class, PortClass::Resets);
}

// Nobody sends what is said. Frames stay with the link until it has waited long enough to show that
// it takes none before its own are taken.
TEST(Conversing, FramesWaitForRoomToAnswerThemButNotForEver) {
  constexpr unsigned kRoom = 256;
  constexpr std::uint32_t kTargets = 400;
  constexpr std::uint32_t kMore = 600;
  constexpr unsigned kBurst = internal::BasicRxLoop<Ipv4Address>::kBurst;
  const auto link = open_link("net_ring10", 1);
  ASSERT_TRUE(link);
  for (std::uint32_t i = 0; i < kTargets; ++i) inject(*link, syn_ack(target_of(i)));
  const auto ring = [](const char* name, unsigned size, unsigned count) {
    return std::unique_ptr<rte_ring, decltype(&rte_ring_free)>{
        rte_ring_create_elem(name, size, count, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ),
        &rte_ring_free};
  };
  const auto replies = ring("test_replies", sizeof(Reply), 4096);
  const auto frames = ring("test_frames", sizeof(void*), 2 * kRoom);
  ScanPlan plan = make_plan(conversations());
  CoreCounters counters;
  internal::SharedState shared;
  auto converser =
      internal::BasicConverser<Ipv4Address>::make(plan, link->rx_pool(), frames.get(), counters);
  ASSERT_TRUE(converser);
  internal::BasicRxLoop<Ipv4Address> loop{
      plan, shared, {.port = link->port(), .replies = replies.get()}, counters, converser->get()};
  const auto count = [&counters](Counter counter) {
    CounterValues sums{};
    counters.add_to(sums);
    return sums[static_cast<std::size_t>(counter)];
  };
  const Ticks begun = TscClock::now();
  const Ticks longest = plan.clock.ticks_in(50ms);
  unsigned taken = 0;
  while (loop.poll(begun)) ++taken;
  EXPECT_LT(taken * kBurst, kTargets);
  EXPECT_GE(taken * kBurst, kRoom);
  EXPECT_EQ(count(Counter::RxWaits), 1U);
  EXPECT_FALSE(loop.poll(begun + longest / 2));
  EXPECT_EQ(count(Counter::TalkRingFull), 0U);
  // They leave: the rest is taken at once.
  void* frame = nullptr;
  while (rte_ring_dequeue(frames.get(), &frame) == 0)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
  EXPECT_TRUE(loop.poll(begun + longest / 2));
  while (loop.poll(begun + longest / 2)) {
  }
  for (std::uint32_t i = 0; i < kMore; ++i) inject(*link, syn_ack(target_of(kTargets + i)));
  while (loop.poll(begun + longest)) {
  }
  EXPECT_EQ(count(Counter::TalkRingFull), 0U);
  unsigned more = 0;
  while (loop.poll(begun + 3 * longest)) ++more;
  EXPECT_GT(more, 0U);
  EXPECT_GT(count(Counter::TalkRingFull), 0U);
  EXPECT_EQ(count(Counter::RxFrames), kTargets + kMore);
  while (rte_ring_dequeue(frames.get(), &frame) == 0)
    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
}

TEST(Conversing, OnlySynScansConverse) {
  const auto link = open_link("net_ring7", 1);
  ASSERT_TRUE(link);
  ScanPlan plan = make_plan(conversations());
  plan.cookies = CookieMaker{kKey, kOurs, kPorts, ProbeKind::TcpAck};
  EXPECT_FALSE(Scanner::make(std::move(plan), *link, 1));
}

}  // namespace
}  // namespace trawl::dataplane

int main(int argc, char** argv) {
  using namespace trawl::dataplane;
  testing::InitGoogleTest(&argc, argv);
  is_control_thread = true;
  const auto cpus = allowed_cpus();
  const auto started = Eal::start(
      {.polling_cpus = {cpus.front(), cpus.back()}, .link = *LinkSpec::parse("net_null0")});
  if (!started) {
    std::printf("skipped: %s\n", started.error().message.c_str());
    return 77;
  }
  const int result = RUN_ALL_TESTS();
  Eal::stop();
  return result;
}
